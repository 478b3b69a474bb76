"""A table of every kind of column, prepared as a task's data is."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autometa.errors import DataError
from autometa.prepare import prepare

ADAPTERS = Path(__file__).with_name("adapters.py")
TEXTS = f"{ADAPTERS}:TextAdapter"


def table(n=100):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "is_new": rng.choice(["yes", "no"], n),
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n), "D"),
            "review": [
                f"the words number {i} and {j}" for i, j in enumerate(rng.integers(9, size=n))
            ],
            "key": [f"k{i}" for i in range(n)],
            "label": rng.choice(["bad", "good"], n),
        }
    )


@pytest.fixture
def run(tmp_path):
    """Prepares a frame that was written to a file."""

    def run(frame, target="label", **payload):
        frame.to_csv(tmp_path / "data.csv", index=False)
        payload = {"source": str(tmp_path / "data.csv"), "adapter": TEXTS, **payload}
        return prepare({"target": target, "folder": str(tmp_path), **payload}, time.monotonic())

    return run


def refusal(run, *args, **payload):
    """The one line of the error that exits with 3."""
    with pytest.raises(DataError) as caught:
        run(*args, **payload)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return str(caught.value)
