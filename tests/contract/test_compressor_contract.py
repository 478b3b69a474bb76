"""The contract of compressors finds what it is for."""

from __future__ import annotations

import pytest

from autometa import Compressor, CompressorSpec
from autometa.testing import CompressorContract

from .conftest import SUBJECTS, learner_contract
from .subjects import AtLeastHalf, Good, Idle, Presuming, Renaming, Rounding, Wiping


def _compressor(cls: type[Compressor]) -> type[CompressorContract]:
    spec = CompressorSpec(
        name="subject",
        stage="quantize",
        consumes=frozenset({"mean"}),
        produces="*",
        factory=f"{SUBJECTS}:{cls.__name__}",
        space=f"{SUBJECTS}:strength_space",
        summary="for this test",
    )
    learner = learner_contract(Good, problems=frozenset({"regression"})).spec
    attributes = {"spec": spec, "learner": learner, "problem": "regression"}
    return type("Contract", (CompressorContract,), attributes)


class TestRounding(CompressorContract):
    """The good one passes all of it."""

    spec = _compressor(Rounding).spec
    learner = _compressor(Rounding).learner
    problem = "regression"


def test_compressor_contract_finds_a_changed_model(tmp_path):
    with pytest.raises(pytest.fail.Exception, match="leaves the model it is given"):
        _compressor(Wiping)().test_model_stays_as_it_was(tmp_path)


def test_compressor_contract_finds_that_zero_changes_something():
    with pytest.raises(pytest.fail.Exception, match="strength = 0 changes no prediction"):
        _compressor(AtLeastHalf)().test_strength_zero_changes_nothing()


def test_compressor_contract_finds_one_that_does_nothing(tmp_path):
    with pytest.raises(pytest.fail.Exception, match="changes the size or a prediction"):
        _compressor(Idle)().test_default_configuration_changes_something(tmp_path)


def test_compressor_contract_finds_a_crash_on_a_foreign_model():
    with pytest.raises(AttributeError):
        _compressor(Presuming)().test_foreign_model_is_declined()


def test_compressor_contract_finds_an_undeclared_format():
    with pytest.raises(pytest.fail.Exception, match="correct produces"):
        _compressor(Renaming)().test_result_is_what_it_declares()
