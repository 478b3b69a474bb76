"""The report and MLflow's pages as a user sees them, in a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
)
PATIENCE_SECONDS = 90
LETTER_WIDTH = 739  # of what a browser prints on, in CSS pixels
SHOWS_LINK = "return [...document.links].some(a => a.href.includes(arguments[0]))"
"""Script: whether a link to a place is on the page."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="needs chromium and its driver",
    ),
]


class Browser:
    """Chromium; `width` and `height` are those of the page in CSS pixels."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        for argument in (*ARGUMENTS.split(), f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(str(shutil.which("chromedriver")))
        self.driver = webdriver.Chrome(options=options, service=service)

    def resize(self, width: int, height: int = 1000) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, url: str, until: str) -> str:
        """Opens a page and waits until it shows a text; gives all that it shows."""
        self.driver.switch_to.default_content()
        self.driver.get(url)
        return self.wait(until)

    def wait(self, until: str) -> str:
        end = time.monotonic() + PATIENCE_SECONDS
        text = ""
        while time.monotonic() < end:
            text = str(self.driver.execute_script("return document.body.innerText"))
            if until.lower() in text.lower():
                return text
            time.sleep(0.3)
        pytest.fail(f"{self.driver.current_url} does not show {until!r}:\n{text[:3000]}")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    browser = Browser(tmp_path / "profile")
    try:
        browser.resize(1400)
        yield browser
    finally:
        browser.driver.quit()


@pytest.fixture
def tracked(place: Any) -> Any:
    place.task(tracking="auto", budget={"trials": 6, "seconds": None})
    place.report = place.optimize("--register", "small@champion", report=True)
    return place


@contextlib.contextmanager
def serving(place: Any) -> Iterator[str]:
    """Runs ``autometa ui``; gives the link that it prints."""
    process = place.start("ui", "task.yaml", "--json", "--port", "5900")
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def children(base: str, experiment: str) -> list[str]:
    """Gives the ids of the trials' runs."""
    request = urllib.request.Request(
        f"{base}api/2.0/mlflow/runs/search",
        data=json.dumps({"experiment_ids": [experiment], "max_results": 50}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        runs = json.load(answer)["runs"]
    return [
        run["info"]["run_id"]
        for run in runs
        if any(tag["key"] == "mlflow.parentRunId" for tag in run["data"]["tags"])
    ]


def test_report_reads_on_phone_and_paper_and_fetches_nothing(
    tracked: Any, browser: Browser
) -> None:
    page = Path(tracked.report["report"])
    assert page.stat().st_size < 3 * 2**20
    browser.driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    for width in (400, 1200):
        browser.resize(width)
        text = browser.open(page.as_uri(), "How to reproduce")
        assert "A quick model predicts label" in text or "led by quick predicts label" in text
        assert browser.run("return document.documentElement.scrollWidth") <= width
        drawn = "return [...document.images].every(i => i.complete && i.naturalWidth > 0)"
        assert browser.run(drawn)
        assert browser.run("return document.images.length") >= 2
        smallest = "getComputedStyle(document.querySelector('td')).fontSize"
        assert float(browser.run(f"return {smallest}").removesuffix("px")) >= 13
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    for width, part in ((400, "pre"), (LETTER_WIDTH, "table")):
        browser.resize(width)
        cut = f"[...document.querySelectorAll('{part}')].filter(e => e.scrollWidth > {width})"
        assert browser.run(f"return {cut}.map(e => e.innerText)") == []
    assert browser.run("return getComputedStyle(document.body).printColorAdjust") == "exact"
    assert browser.complaints() == []


def test_link_leads_to_the_search_its_trials_charts_report_and_registered_model(
    tracked: Any, browser: Browser, wait_until: Callable[[Callable[[], bool], float], bool]
) -> None:
    printed = tracked.report["mlflow"]
    with serving(tracked) as url:
        base, _, rest = url.partition("#")
        assert rest == printed["url"].partition("#")[2]
        run = f"{base}#/experiments/{printed['experiment_id']}/runs/{printed['run_id']}"
        text = browser.open(url, "#0 quick")
        assert "Child runs" in text
        assert "Best log_loss" in text
        assert "autometa.best_learner" in text
        assert browser.run(SHOWS_LINK, "#/models/small/versions/1")
        browser.open(f"{base}#/models/small/versions/1", "Source Run")
        shown = browser.wait("champion")
        assert "Predicts label of table.csv" in shown
        source = f"/runs/{printed['run_id']}"
        assert wait_until(lambda: browser.run(SHOWS_LINK, source), 60)
        browser.open(f"{run}/model-metrics", "best_so_far")
        assert wait_until(
            lambda: browser.run("return document.querySelector('.js-plotly-plot')"), 60
        )
        browser.open(f"{run}/artifacts/report.html", "report.html")
        frame = "return document.querySelector('iframe')"
        assert wait_until(lambda: browser.run(frame), 60)
        browser.driver.switch_to.frame(browser.run(frame))
        assert "predicts label" in browser.wait("How to reproduce")
        trials = children(base, printed["experiment_id"])
        assert len(trials) == 6
        listed = quote(json.dumps(trials, separators=(",", ":")))
        experiments = quote(json.dumps([printed["experiment_id"]]))
        browser.open(
            f"{base}#/compare-runs?runs={listed}&experiments={experiments}", "Parallel Coordinates"
        )
        assert wait_until(lambda: browser.run("return document.querySelector('.parcoords')"), 60)


def test_the_page_of_the_server_reads_without_a_network(place: Any, browser: Browser) -> None:
    place.task(search={"learners": ["logistic"], "prior": "none"}, budget={"trials": 1})
    model = place.optimize()["model"]
    process = place.start("serve", model, "--json", "--port", "0")
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["docs"]
        # Every name of another host is unknown: what the page would fetch there, it misses.
        browser.driver.execute_cdp_cmd("Network.enable", {})
        blocked = {"urls": ["https://*", "*cdn*"]}
        browser.driver.execute_cdp_cmd("Network.setBlockedURLs", blocked)
        for width in (400, 1200):
            browser.resize(width)
            text = browser.open(url, "/predict")
            for shown in ("POST /predict", "GET /health", "GET /metadata", "GET /metrics", "curl"):
                assert shown in text
            assert browser.run("return document.documentElement.scrollWidth") <= width
        fetched = browser.run("return performance.getEntriesByType('resource').map(e => e.name)")
        assert [name for name in fetched if not name.startswith("data:")] == []
        assert browser.complaints() == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
