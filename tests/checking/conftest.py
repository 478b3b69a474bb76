"""Tables made for the checks, prepared as a task's data is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autometa.checking.finding import Finding
from autometa.checks import run_checks
from autometa.prepare import prepare

PARQUET = "autometa_tabular.adapters.parquet:ParquetAdapter"
Checked = Callable[..., dict[str, Finding]]


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    """Gives what is found in a table, by check; several of one check are an error."""

    def run(
        frame: pd.DataFrame,
        *,
        target: str = "y",
        seed: int = 0,
        objective: str = "",
        **payload: Any,
    ) -> Any:
        source, folder = tmp_path / "table.parquet", tmp_path / "prepared"
        folder.mkdir(exist_ok=True)
        frame.to_parquet(source)
        base = {"source": str(source), "adapter": PARQUET, "target": target, "folder": str(folder)}
        prepare({**base, **payload}, float("inf"))
        asked = {"prepared": str(folder), "seed": seed, "objective": objective}
        value = run_checks(asked, float("inf"))
        found = [Finding.from_json(item) for item in value["findings"]]
        by_check = {finding.check: finding for finding in found}
        assert len(by_check) == len(found), found
        return by_check

    return run


@pytest.fixture
def clean() -> Callable[..., pd.DataFrame]:
    """Gives rows of four numbers and a category, and a target that depends on them."""

    def make(n_rows: int = 400, *, seed: int = 0, problem: str = "binary") -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=list("abcd"))
        frame["kind"] = rng.choice(["red", "green", "blue"], n_rows)
        signal = frame["a"] + frame["b"] + (frame["kind"] == "red") + rng.normal(size=n_rows)
        frame["y"] = signal if problem == "regression" else np.where(signal > 0.3, "yes", "no")
        return frame

    return make
