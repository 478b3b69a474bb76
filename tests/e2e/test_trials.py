"""What one trial does wrong costs that trial only, and is said."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).with_name("faulty_plugin.py")
GOOD = ("good", "talks", "litters", "meddles", "mutates", "last")


@dataclass(frozen=True, slots=True)
class Faulty:
    """A search that met every faulty learner once, in the order of the plugin."""

    report: dict[str, Any]
    trials: dict[str, dict[str, Any]]
    folder: Path
    err: str
    left: list[str]

    def log(self, learner: str) -> bytes:
        number = self.trials[learner]["number"]
        return (self.folder / "trials" / str(number) / "log.txt").read_bytes()


def names() -> list[str]:
    text = PLUGIN.read_text()
    scope: dict[str, Any] = {"__file__": str(PLUGIN), "__name__": "faulty_plugin"}
    exec(compile(text, str(PLUGIN), "exec"), scope)
    return list(scope["LEARNERS"])


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, make_place: Callable[[Path], Any]) -> Faulty:
    place = make_place(tmp_path_factory.mktemp("faulty"))
    place.env["MARK"] = str(place.folder)
    learners = names()
    place.task(
        budget={"trials": len(learners)},
        limits={"workers": 2, "trial_seconds": 2, "trial_memory_mib": 700},
        search={"learners": learners, "prior": "none"},
    )
    done = place.run("-p", PLUGIN, "optimize", "task.yaml", "--json")
    assert done.code == 0, done.err
    rows = place.status()["history"]
    left = commands_with(f"MARK={place.folder}")
    trials = {row["params"]["learner"]: row for row in rows}
    return Faulty(done.json, trials, place.study, done.err, left)


def commands_with(variable: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if variable.encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_every_trial_is_counted_and_the_good_ones_are_usable(faulty: Faulty) -> None:
    assert [row["number"] for row in faulty.trials.values()] == list(range(len(names())))
    assert list(faulty.trials) == names()
    complete = [name for name, row in faulty.trials.items() if row["outcome"] == "complete"]
    assert complete == list(GOOD)
    assert faulty.report["trials"] == {
        "complete": len(GOOD),
        "pruned": 0,
        "failed": len(names()) - len(GOOD) - 1,
        "not_applicable": 1,
    }
    assert faulty.report["best"]["params"] == {"learner": "good"}
    assert "Traceback" not in faulty.err


def test_fault_52_killed_worker_is_a_failed_trial(faulty: Faulty) -> None:
    row = faulty.trials["is_killed"]
    assert row["outcome"] == "died"
    assert row["reason"].startswith("worker died (signal 9, SIGKILL")


def test_fault_53_trial_out_of_memory_has_that_outcome(faulty: Faulty) -> None:
    row = faulty.trials["eats"]
    assert row["outcome"] == "memory"
    assert row["reason"].startswith("out of memory: ")


def test_fault_54_hanging_trial_is_timeout(faulty: Faulty) -> None:
    row = faulty.trials["hangs"]
    assert (row["outcome"], row["reason"]) == ("timeout", "stopped at the wall limit of 2 s")


def test_fault_55_nothing_that_a_trial_started_is_left(faulty: Faulty) -> None:
    assert faulty.left == []


def test_fault_56_log_of_a_talking_trial_is_capped(faulty: Faulty) -> None:
    log = faulty.log("talks")
    assert len(log) < 1.1 * 2**20
    assert b"bytes of output left out]" in log


@pytest.mark.parametrize(
    ("learner", "reason"),
    [
        ("predict_nan", "predict gave NaN or infinite values"),
        ("predict_inf", "predict gave NaN or infinite values"),
        ("predict_none", "predict must give a numpy array, got NoneType"),
        ("predict_list", "predict must give a numpy array, got list"),
        ("predict_str", "predict must give floats, got <U3"),
        ("predict_complex", "predict must give floats, got complex128"),
        ("predict_negative", "predict gave negative probabilities"),
        ("predict_unnormed", "predict gave probabilities that do not sum to 1"),
    ],
)
def test_fault_57_predictions_that_are_none_fail_with_the_reason(
    faulty: Faulty, learner: str, reason: str
) -> None:
    row = faulty.trials[learner]
    assert row["outcome"] == "invalid_score"
    assert row["reason"] == f"{PLUGIN}:{learner}_learner: {reason}"
    assert row["values"] is None


@pytest.mark.parametrize(
    ("learner", "reason"),
    [
        ("raises", "ZeroDivisionError: by the plugin (in Raises.misbehave, "),
        ("predict_raises", "RuntimeError: cannot predict today (in _raise, "),
    ],
)
def test_fault_59_exception_of_a_plugin_costs_its_trial(
    faulty: Faulty, learner: str, reason: str
) -> None:
    row = faulty.trials[learner]
    assert row["outcome"] == "error"
    assert row["reason"].startswith(reason + str(PLUGIN))


@pytest.mark.parametrize(
    ("learner", "outcome", "reason"),
    [
        ("exits", "error", "sys.exit was called (SystemExit: enough) (in Exits.misbehave, "),
        ("hard_exits", "died", "worker exited with status 3 (os._exit, or exit of native code)"),
        ("interrupts", "error", "KeyboardInterrupt (in Interrupts.misbehave, "),
    ],
)
def test_fault_60_exit_of_a_plugin_costs_its_trial(
    faulty: Faulty, learner: str, outcome: str, reason: str
) -> None:
    row = faulty.trials[learner]
    assert row["outcome"] == outcome
    assert row["reason"].startswith(reason)


@pytest.mark.parametrize(
    ("learner", "reason"),
    [
        ("no_model", "no_model_learner.fit must give a Model, got dict"),
        ("unsavable", "TypeError: cannot pickle '_thread.lock' object"),
        ("unloadable", "ValueError: these are not my files (in Unread.load, "),
        ("forgets", "a saved model must predict the same once it is loaded"),
        ("predict_short", "predict must give shape (19, 2), got (18, 2)"),
        ("predict_wide", "predict must give shape (19, 2), got (19, 3)"),
    ],
)
def test_fault_61_broken_contract_fails_and_is_named(
    faulty: Faulty, learner: str, reason: str
) -> None:
    row = faulty.trials[learner]
    assert row["outcome"] in ("error", "invalid_score")
    assert reason in row["reason"]


def test_fault_61_what_a_trial_does_to_its_data_no_other_sees(faulty: Faulty) -> None:
    values = {name: faulty.trials[name]["values"] for name in GOOD}
    assert len({json.dumps(value) for value in values.values()}) == 1


def test_fault_64_crashed_interpreter_is_a_failed_trial(faulty: Faulty) -> None:
    row = faulty.trials["segfaults"]
    assert row["outcome"] == "died"
    assert row["reason"].startswith("worker died (signal 11, SIGSEGV) (in misbehave, ")


def test_fault_65_trial_that_meddles_with_its_process_harms_no_other(faulty: Faulty) -> None:
    after = [row for row in faulty.trials.values() if row["number"] > 10]
    assert faulty.trials["last"] in after
    assert faulty.trials["last"]["values"] == faulty.trials["good"]["values"]


def test_learner_that_declines_is_not_a_failure(faulty: Faulty) -> None:
    row = faulty.trials["declines"]
    assert (row["outcome"], row["reason"]) == ("not_applicable", "the moon is full")
