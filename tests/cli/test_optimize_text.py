from __future__ import annotations

import shlex

import pytest

from autometa.cli.optimize import _members, to_text


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([[3, 1.0]], "#3 alone, temperature 1.20"),
        (
            [[n, 0.1 + 0.02 * n] for n in range(6)],
            (
                "voting, 0.20 x #5 + 0.18 x #4 + 0.16 x #3 + 0.14 x #2 + 0.12 x #1 + 1 more,"
                " temperature 1.20"
            ),
        ),
        ([[3, 0.5], [7, 0.5]], "voting, 0.50 x #3 + 0.50 x #7, temperature 1.20"),
    ],
)
def test_ensemble_is_told_in_one_line(weights: list[list[float]], said: str) -> None:
    chosen = {"strategy": "voting+temperature", "weights": weights, "constant_weight": 0.0}
    assert _members({**chosen, "temperature": 1.2}) == said


def test_smallest_trial_says_why_it_is_delivered() -> None:
    chosen = {"strategy": "smallest", "weights": [[3, 1.0]], "constant_weight": 0.0}
    said = _members({**chosen, "temperature": 1.0})
    assert said == "#3 alone, the smallest that is as good within a standard error"


def test_fault_83_commands_are_printed_as_a_shell_takes_them() -> None:
    model = "/it's a $HOME/model"
    report = {
        "task": "small",
        "status": "finished",
        "seconds": 1.0,
        "trials": {"complete": 1},
        "best": None,
        "model": model,
        "mlflow": {"url": "http://127.0.0.1:5000/", "tracking_uri": "sqlite:///mlflow.db"},
    }
    lines = to_text(report, "my task.yaml").splitlines()
    (shown,) = (shlex.split(line) for line in lines if "autometa ui" in line)
    assert shown[-1] == "my task.yaml"
    (command,) = (line.removeprefix("predict ") for line in lines if "autometa predict" in line)
    assert shlex.split(command)[:4] == ["autometa", "predict", model, "DATA"]
