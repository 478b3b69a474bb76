from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from autometa.tracking.store import MlflowStore

OPEN = (
    "import sys; from autometa.tracking.store import MlflowStore; "
    "MlflowStore('sqlite:///' + sys.argv[1])"
)


def test_fault_83_store_opens_where_a_path_has_a_quote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "it's here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    store = MlflowStore(f"sqlite:///{folder / 'mlflow.db'}", (folder / "art").as_uri())
    try:
        location = store.ask("get_experiment", "0").artifact_location
        assert location == f"{(folder / 'art').as_uri()}/0"
        assert store.experiment("mine") == "1"
    finally:
        store.close()


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.0, 0.1, 0.25])
def test_store_opens_though_making_it_was_killed(tmp_path: Path, moment: float) -> None:
    path = tmp_path / "mlflow.db"
    with subprocess.Popen([sys.executable, "-c", OPEN, path]) as process:
        give_up = time.monotonic() + 60
        while not list(tmp_path.glob(".mlflow.db.*.new")) and time.monotonic() < give_up:
            time.sleep(0.005)
        time.sleep(moment)
        process.kill()
    assert not path.exists(), "the store was complete before the kill: nothing was tested"
    store = MlflowStore(f"sqlite:///{path}")
    assert store.experiment("after")
    store.close()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []
