"""The contracts find what they are for: each of these plugins breaks one rule."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autometa import (
    CompressContext,
    Compressor,
    CompressorSpec,
    DataAdapter,
    DataAdapterSpec,
    Dataset,
    FitContext,
    Learner,
    LearnerSpec,
    Model,
    NotApplicable,
    Space,
    TrainingData,
)
from autometa.testing import CompressorContract, DataAdapterContract, LearnerContract

_HERE = __file__


class Mean(Model):
    """Predicts one value, and keeps every rule."""

    format = "mean"

    def __init__(self, value: list[float] | float) -> None:
        self.value = value

    def predict(self, X):
        return np.repeat(np.array([self.value], dtype=float), len(X), axis=0)

    def save(self, folder: Path) -> None:
        (folder / "mean.json").write_text(json.dumps(self.value))

    @classmethod
    def load(cls, folder: Path):
        try:
            return cls(json.loads((folder / "mean.json").read_text()))
        except OSError as exc:
            raise ValueError("no mean.json") from exc


class Good(Learner):
    model = Mean

    def fit(self, data: TrainingData, context: FitContext) -> Model:
        weight = data.sample_weight
        if data.n_classes is None:
            return self.model(float(np.average(data.y, weights=weight)))
        soft = data.y if data.y.ndim == 2 else np.eye(data.n_classes)[data.y]
        return self.model(np.average(soft, axis=0, weights=weight).tolist())


def empty_space() -> Space:
    return Space({}, {}, {})


def wandering_space() -> Space:
    from optuna.distributions import FloatDistribution

    return Space({"x": FloatDistribution(0, time.time())}, {}, {"x": 0.5})


def incomplete_space() -> Space:
    from optuna.distributions import FloatDistribution

    return Space({"x": FloatDistribution(0, 1)}, {}, {})


def outside_space() -> Space:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    params = {"kind": CategoricalDistribution(("a", "b")), "x": FloatDistribution(0, 1)}
    return Space(params, {"x": ("kind", ("c",))}, {"kind": "a"})


class Mutating(Good):
    def fit(self, data, context):
        data.X.iloc[0, 0] = 99.0
        return super().fit(data, context)


class Random(Good):
    def fit(self, data, context):
        return Mean((super().fit(data, context).predict([0])[0] * np.random.rand()).tolist())


class NoModel(Good):
    def fit(self, data, context):
        return "a model"


class Unsummed(Mean):
    def predict(self, X):
        return 2.0 * super().predict(X)


class GivesUnsummed(Good):
    model = Unsummed


class Pickled(Mean):
    def save(self, folder: Path) -> None:
        (folder / "mean.bin").write_bytes(pickle.dumps(self.value))


class GivesPickled(Good):
    model = Pickled


class Forgetful(Mean):
    @classmethod
    def load(cls, folder: Path):
        return cls((np.asarray(super().load(folder).value) + 0.01).tolist())


class GivesForgetful(Good):
    model = Forgetful


class Trusting(Mean):
    @classmethod
    def load(cls, folder: Path):
        return cls(0.0)


class GivesTrusting(Good):
    model = Trusting


class Weightless(Good):
    def fit(self, data, context):
        plain = TrainingData(data.X, data.y, data.n_classes)
        return super().fit(plain, context)


class Hardening(Good):
    def fit(self, data, context):
        hard = data.y.argmax(axis=1) if data.y.ndim == 2 else data.y
        return super().fit(TrainingData(data.X, hard, data.n_classes), context)


class Silent(Good):
    def fit(self, data, context):
        raise NotApplicable("")


class Fragile(Good):
    def fit(self, data, context):
        if len(data) == 1:
            raise np.linalg.LinAlgError("Singular matrix")
        return super().fit(data, context)


class Late(Good):
    def fit(self, data, context):
        time.sleep(0.3)
        return super().fit(data, context)


class PerBatch(Mean):
    def predict(self, X):
        return super().predict(X) * 1.0 if len(X) != 1 else super().predict(X) + 1.0


class GivesPerBatch(Good):
    model = PerBatch


def _learner(cls: type[Learner], **changes) -> type[LearnerContract]:
    fields = {
        "name": "subject",
        "problems": frozenset({"classification", "regression"}),
        "factory": f"{_HERE}:{cls.__name__}",
        "space": f"{_HERE}:empty_space",
        "capabilities": frozenset({"baseline", "sample_weight", "soft_labels"}),
        "summary": "for this test",
    }
    spec = LearnerSpec(**(fields | changes))
    return type("Contract", (LearnerContract,), {"spec": spec})


_BROKEN = {
    "name": (Good, {"name": "Not A Name"}, "test_spec_is_valid", {}, "record of valid strings"),
    "summary": (Good, {"summary": ""}, "test_spec_is_valid", {}, "in one line what it offers"),
    "space": (
        Good,
        {"space": f"{_HERE}:wandering_space"},
        "test_space_is_the_same_on_every_call",
        {},
        "same space on every call",
    ),
    "default": (
        Good,
        {"space": f"{_HERE}:incomplete_space"},
        "test_space_fits_together",
        {},
        "default of x is missing",
    ),
    "condition": (
        Good,
        {"space": f"{_HERE}:outside_space"},
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
        getattr(_learner(cls, **changes)(), test)(**arguments, **needs_folder)


def test_learner_contract_names_the_table_on_which_fit_raised():
    with pytest.raises(np.linalg.LinAlgError) as caught:
        _learner(Fragile)().test_tables_with_little_in_them(problem="binary")
    (note,) = caught.value.__notes__
    assert "any table gives a valid model, or NotApplicable with a reason" in note
    assert "make fit take a table with one row, or decline it" in note


@pytest.mark.parametrize(
    ("cls", "message"),
    [(GivesPickled, "never as a pickle"), (GivesForgetful, "equal predictions")],
)
def test_learner_contract_finds_wrong_files(cls, message, tmp_path):
    contract = _learner(cls, problems=frozenset({"regression"}))()
    with pytest.raises(pytest.fail.Exception, match=message):
        contract.test_saved_model_predicts_the_same_in_a_fresh_process(tmp_path)


def test_learner_contract_finds_a_missed_deadline(monkeypatch):
    monkeypatch.setattr("autometa.testing.learner._DEADLINE_SECONDS", 0.1)
    monkeypatch.setattr("autometa.testing.learner._GRACE_SECONDS", 0.1)
    with pytest.raises(pytest.fail.Exception, match=r"before context\.deadline"):
        _learner(Late)().test_deadline_is_kept()


def test_learner_contract_skips_what_is_not_applicable():
    class Declining(LearnerContract):
        spec = LearnerSpec(
            name="subject",
            problems=frozenset({"regression"}),
            factory=f"{_HERE}:Picky",
            space=f"{_HERE}:empty_space",
            summary="for this test",
        )

    with pytest.raises(pytest.skip.Exception, match="only on Sundays"):
        Declining().test_fits_and_predicts("mixed", "regression")


class Picky(Good):
    def fit(self, data, context):
        raise NotApplicable("only on Sundays")


class TestGood(LearnerContract):
    """The good one passes all of it."""

    spec = _learner(Good).spec


def strength_space() -> Space:
    from optuna.distributions import FloatDistribution

    return Space({"strength": FloatDistribution(0.0, 1.0)}, {}, {"strength": 0.5})


class Rounding(Compressor):
    """Rounds the value, and keeps every rule."""

    def compress(self, model: Model, context: CompressContext) -> Model:
        if not isinstance(model, Mean):
            raise NotApplicable(f"needs a mean, got a {model.format} model")
        step = self.config["strength"]
        value = np.asarray(model.value, dtype=float)
        return Mean((np.round(value / step) * step).tolist() if step else model.value)


class Wiping(Rounding):
    def compress(self, model, context):
        model.value = 0.0
        return Mean(0.0)


class AtLeastHalf(Rounding):
    def compress(self, model, context):
        return Mean(0.5)


class Renaming(Rounding):
    def compress(self, model, context):
        result = super().compress(model, context)
        result.format = "other"
        return result


class Idle(Rounding):
    def compress(self, model, context):
        return Mean(model.value)


class Trusting(Rounding):
    def compress(self, model, context):
        return Mean(model.value / 2)


def _compressor(cls: type[Compressor]) -> type[CompressorContract]:
    spec = CompressorSpec(
        name="subject",
        stage="quantize",
        consumes=frozenset({"mean"}),
        produces="*",
        factory=f"{_HERE}:{cls.__name__}",
        space=f"{_HERE}:strength_space",
        summary="for this test",
    )
    learner = _learner(Good, problems=frozenset({"regression"})).spec
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
        _compressor(Trusting)().test_foreign_model_is_declined()


def test_compressor_contract_finds_an_undeclared_format():
    with pytest.raises(pytest.fail.Exception, match="correct produces"):
        _compressor(Renaming)().test_result_is_what_it_declares()


class Lines(DataAdapter):
    """Reads a file of numbers, and keeps every rule."""

    def load(self, source, options):
        from autometa import DataError, TaskError

        if options:
            raise TaskError(f"unknown option {min(options)}")
        try:
            text = Path(source).read_text()
        except OSError as exc:
            raise DataError(f"cannot read {source}") from exc
        return Dataset.from_frame(pd.DataFrame({"number": [float(x) for x in text.split()]}))


class Careless(Lines):
    def load(self, source, options):
        return super().load(source, {})


class Littering(Lines):
    def load(self, source, options):
        Path(source).with_suffix(".cache").write_text("x")
        return super().load(source, options)


def _adapter(cls: type[DataAdapter]) -> type[DataAdapterContract]:
    spec = DataAdapterSpec(
        name="lines",
        factory=f"{_HERE}:{cls.__name__}",
        suffixes=frozenset({".lines"}),
        summary="for this test",
    )
    return type("Contract", (_LinesContract,), {"spec": spec})


class _LinesContract(DataAdapterContract):
    columns = ("number",)

    def source(self, folder: Path) -> str:
        (folder / "some.lines").write_text("1\n2.5\n4\n")
        return str(folder / "some.lines")


class TestLines(_LinesContract):
    """The good one passes all of it."""

    spec = _adapter(Lines).spec


def test_adapter_contract_finds_an_ignored_option(tmp_path):
    with pytest.raises(pytest.fail.Exception, match="raises TaskError"):
        _adapter(Careless)().test_unknown_option_is_a_task_error(tmp_path)


def test_adapter_contract_finds_files_left_behind(tmp_path):
    with pytest.raises(pytest.fail.Exception, match=r"some\.cache"):
        _adapter(Littering)().test_source_stays_as_it_was(tmp_path)
