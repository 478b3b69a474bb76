"""The example plugin, installed from its own folder as a stranger would do it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "examples" / "third_party_plugin"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of processes that have the plugin installed, in a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*command, str(SOURCE)], check=True)
    return {**os.environ, "PYTHONPATH": str(target)}


def plugins_list(environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "autometa", "plugins", "list", "--json"],
        capture_output=True,
        check=True,
        env=environment,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_installed_plugin_is_listed_with_what_it_offers(environment: dict[str, str]) -> None:
    listed = plugins_list(environment)
    (plugin,) = [plugin for plugin in listed["plugins"] if plugin["name"] == "example"]
    assert plugin == {
        "name": "example",
        "distribution": "autometa-example",
        "version": "0.1.0",
        "status": "ok",
        "reason": "",
        "items": ["compressor round_centroids", "learner nearest_centroid"],
    }
    items = {(item["kind"], item["name"]) for item in listed["items"]}
    assert {("learner", "nearest_centroid"), ("compressor", "round_centroids")} <= items


def test_plugin_that_is_not_installed_is_not_listed() -> None:
    names = {plugin["name"] for plugin in plugins_list(dict(os.environ))["plugins"]}
    assert "example" not in names


@pytest.mark.slow
def test_tests_of_the_plugin_pass_where_it_is_installed(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", ".", "-p", "no:cacheprovider", "tests"],
        capture_output=True,
        check=False,
        cwd=SOURCE,
        env=environment,
        text=True,
    )
    assert done.returncode == 0, done.stdout
