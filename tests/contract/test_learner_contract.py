"""The contract of learners finds what it is for: each of these breaks one rule."""

from __future__ import annotations

import numpy as np
import pytest

from autometa import LearnerSpec
from autometa.testing import LearnerContract

from .conftest import SUBJECTS, learner_contract
from .subjects import (
    Fragile,
    GivesForgetful,
    GivesPerBatch,
    GivesPickled,
    GivesTrusting,
    GivesUnsummed,
    Good,
    Hardening,
    Late,
    Mutating,
    NoModel,
    Random,
    Silent,
    Weightless,
)

_BROKEN = {
    "name": (Good, {"name": "Not A Name"}, "test_spec_is_valid", {}, "record of valid strings"),
    "summary": (Good, {"summary": ""}, "test_spec_is_valid", {}, "in one line what it offers"),
    "space": (
        Good,
        {"space": f"{SUBJECTS}:wandering_space"},
        "test_space_is_the_same_on_every_call",
        {},
        "same space on every call",
    ),
    "default": (
        Good,
        {"space": f"{SUBJECTS}:incomplete_space"},
        "test_space_fits_together",
        {},
        "default of x is missing",
    ),
    "condition": (
        Good,
        {"space": f"{SUBJECTS}:outside_space"},
        "test_space_fits_together",
        {},
        "x exists for some values of kind",
    ),
    "mutating": (
        Mutating,
        {},
        "test_fits_and_predicts",
        {"kind": "numeric", "problem": "binary"},
        "leave the rows",
    ),
    "no model": (
        NoModel,
        {},
        "test_fits_and_predicts",
        {"kind": "mixed", "problem": "binary"},
        "fit gives an autometa.Model",
    ),
    "probabilities": (
        GivesUnsummed,
        {},
        "test_fits_and_predicts",
        {"kind": "mixed", "problem": "multiclass"},
        "probabilities that sum to 1",
    ),
    "random": (
        Random,
        {},
        "test_same_generator_gives_the_same_model",
        {"problem": "regression"},
        "same generator|same rows",
    ),
    "batch": (
        GivesPerBatch,
        {},
        "test_predicts_any_number_of_rows",
        {"problem": "regression"},
        "does not depend on the rows beside it",
    ),
    "chance": (
        Good,
        {"capabilities": frozenset()},
        "test_is_better_than_chance",
        {"problem": "regression"},
        "learns an easy table",
    ),
    "weight": (
        Weightless,
        {},
        "test_sample_weight_counts",
        {"problem": "regression"},
        "sample_weight weights the rows",
    ),
    "soft": (
        Hardening,
        {"capabilities": frozenset({"soft_labels"})},
        "test_soft_labels_are_learnt",
        {},
        "less sure",
    ),
    "reason": (
        Silent,
        {},
        "test_fits_and_predicts",
        {"kind": "mixed", "problem": "binary"},
        "reason of one line",
    ),
    "trusting": (
        GivesTrusting,
        {},
        "test_foreign_folder_is_refused",
        {"problem": "regression"},
        r"load raises ValueError(?s:.)*which raised nothing for an empty folder",
    ),
}


@pytest.mark.parametrize("case", _BROKEN.values(), ids=_BROKEN)
def test_learner_contract_finds(case, tmp_path):
    cls, changes, test, arguments, message = case
    needs_folder = {"tmp_path": tmp_path} if "folder" in test else {}
    with pytest.raises(pytest.fail.Exception, match=message):
        getattr(learner_contract(cls, **changes)(), test)(**arguments, **needs_folder)


def test_learner_contract_names_the_table_on_which_fit_raised():
    with pytest.raises(np.linalg.LinAlgError) as caught:
        learner_contract(Fragile)().test_tables_with_little_in_them(problem="binary")
    (note,) = caught.value.__notes__
    assert "any table gives a valid model, or NotApplicable with a reason" in note
    assert "make fit take a table with one row, or decline it" in note


@pytest.mark.parametrize(
    ("cls", "message"),
    [(GivesPickled, "never as a pickle"), (GivesForgetful, "equal predictions")],
)
def test_learner_contract_finds_wrong_files(cls, message, tmp_path):
    contract = learner_contract(cls, problems=frozenset({"regression"}))()
    with pytest.raises(pytest.fail.Exception, match=message):
        contract.test_saved_model_predicts_the_same_in_a_fresh_process(tmp_path)


def test_learner_contract_finds_a_missed_deadline(monkeypatch):
    monkeypatch.setattr("autometa.testing.learner._DEADLINE_SECONDS", 0.1)
    monkeypatch.setattr("autometa.testing.learner._GRACE_SECONDS", 0.1)
    with pytest.raises(pytest.fail.Exception, match=r"before context\.deadline"):
        learner_contract(Late)().test_deadline_is_kept()


def test_learner_contract_skips_what_is_not_applicable():
    class Declining(LearnerContract):
        spec = LearnerSpec(
            name="subject",
            problems=frozenset({"regression"}),
            factory=f"{SUBJECTS}:Picky",
            space=f"{SUBJECTS}:empty_space",
            summary="for this test",
        )

    with pytest.raises(pytest.skip.Exception, match="only on Sundays"):
        Declining().test_fits_and_predicts("mixed", "regression")


class TestGood(LearnerContract):
    """The good one passes all of it."""

    spec = learner_contract(Good).spec
