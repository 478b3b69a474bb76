"""``autometa plugins check``: contracts on what plugins offer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autometa.cli import plugins_check
from autometa.cli.boundary import run

BAD_ADAPTER = """\
from autometa import DataAdapter, DataAdapterSpec, hookimpl

class Bad(DataAdapter):
    def load(self, source, options):
        return open(source).read()

@hookimpl
def autometa_data_adapters():
    return [DataAdapterSpec(name="bad", suffixes=frozenset({".tsv"}), summary="Reads nothing.",
                            factory=f"{__file__}:Bad")]
"""


@pytest.mark.slow
def test_adapter_that_keeps_the_contract_is_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugins", "check", "sklearn", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (item,) = report["items"]
    assert (item["kind"], item["name"], item["plugin"]) == ("adapter", "sklearn", "tabular")
    assert (item["failed"], report["status"]) == (0, "ok")
    assert item["passed"] >= 4


def test_adapter_that_breaks_it_is_exit_5_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.py"
    file.write_text(BAD_ADAPTER)
    assert run(["plugins", "check", str(file)]) == 5
    out = capsys.readouterr().out
    assert "adapter bad: test_source_becomes_a_dataset" in out
    assert "  The contract: load gives an autometa.Dataset." in out
    assert "  What to do: end with Dataset.from_frame(frame); got str." in out


def test_plugin_that_is_broken_is_exit_5(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.py"
    file.write_text("import no_such_module\n")
    assert run(["plugins", "check", str(file)]) == 5
    assert "No module named 'no_such_module'" in capsys.readouterr().err


def test_unknown_name_is_exit_5_and_names_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["plugins", "check", "tabulr"]) == 5
    assert "is named 'tabulr'. Did you mean tabular?" in capsys.readouterr().err


def test_missing_pytest_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plugins_check, "find_spec", lambda name: None)
    assert run(["plugins", "check"]) == 2
    assert "need pytest. pip install pytest" in capsys.readouterr().err


def test_plugin_of_one_name_covers_all_it_offers() -> None:
    from autometa.plugins import load_plugins

    registry = load_plugins()
    items = plugins_check.select(registry, "tabular")
    names = {(item.kind, item.name) for item in items}
    offered = {
        ("learner", n) for n, entry in registry.learners.items() if entry.plugin == "tabular"
    }
    offered |= {
        ("adapter", n) for n, entry in registry.adapters.items() if entry.plugin == "tabular"
    }
    assert names == offered
    assert len(offered) > 10
