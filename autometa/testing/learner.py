"""The contract of a learner, as tests."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from autometa.errors import NotApplicable
from autometa.learner import LearnerSpec, TrainingData
from autometa.measure import prediction_fault
from autometa.testing import subject
from autometa.testing.data import (
    KINDS,
    Table,
    contradictory,
    make_table,
    softened,
    with_gaps,
    with_unseen,
    without_class,
    without_columns,
)
from autometa.testing.steps import StepsContract
from autometa.testing.subject import require

_DEADLINE_SECONDS = 1.0
_GRACE_SECONDS = 5.0


class LearnerContract(StepsContract):
    """Inherit, name your learner, and run pytest.

    Attributes:
        spec: Its name, when its plugin is installed; or its `LearnerSpec`.
        files: One-file plugins to look for the name in.

    Example:
        >>> from autometa.testing import LearnerContract
        >>> class TestRidge(LearnerContract):
        ...     spec = "ridge"
    """

    files: ClassVar[Sequence[str]] = ()

    @classmethod
    def _spec(cls) -> LearnerSpec:
        if isinstance(cls.spec, LearnerSpec):
            return cls.spec
        return subject.registry(tuple(cls.files)).learner(cls.spec).spec

    @classmethod
    def _problems(cls) -> list[str]:
        spec = cls._spec()
        if "tabular" not in spec.modalities:
            return []
        classification = ["binary", "multiclass"] if "classification" in spec.problems else []
        return classification + (["regression"] if "regression" in spec.problems else [])

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Runs tests of `problem` for each the learner declares, of `kind` for each table."""
        if "problem" in metafunc.fixturenames:
            metafunc.parametrize("problem", self._problems())
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", KINDS)

    def _classification(self) -> Table:
        if "multiclass" not in self._problems():
            pytest.skip("does not classify tables")
        return make_table("mixed", "multiclass")

    # -- what it declares ------------------------------------------------------------------------

    def test_spec_is_valid(self) -> None:
        """Checks the record and that its factory is a learner."""
        spec = self._spec()
        subject.check_record(spec)
        subject.learner_of(spec, subject.space_of(spec.space).defaults)

    def test_space_fits_together(self) -> None:
        """Checks distributions, conditions and defaults."""
        spec = self._spec()
        subject.check_space(spec.name, subject.space_of(spec.space))

    def test_space_is_the_same_on_every_call(self) -> None:
        """Checks that a resumed search finds the space it was started with."""
        spec = self._spec()
        require(
            subject.same_space(subject.space_of(spec.space), subject.space_of(spec.space)),
            "the space function gives the same space on every call",
            "keep randomness, time and the machine out of it",
        )

    # -- fit and predict -------------------------------------------------------------------------

    def test_fits_and_predicts(self, kind: str, problem: str) -> None:
        """Checks predictions for every kind of column, and that the rows stay as they were."""
        table = make_table(kind, problem)
        before, y = _frame(table.train).copy(deep=True), table.train.y.copy()
        rows = table.X.copy(deep=True)
        with subject.skip_if_declined():
            model = subject.default_model(self._spec(), table.train)
        subject.check_predictions(model.predict(table.X), len(table.X), table.train.n_classes)
        is_same = before.equals(_frame(table.train)) and rows.equals(table.X)
        require(
            is_same and np.array_equal(y, table.train.y),
            "fit and predict leave the rows they are given as they were",
            "work on copies",
        )

    def test_predicts_any_number_of_rows(self, problem: str) -> None:
        """Checks no row, one row, and that a row's prediction does not depend on the others."""
        table = make_table("mixed", problem)
        with subject.skip_if_declined():
            model = subject.default_model(self._spec(), table.train)
        together = model.predict(table.X)
        for n_rows in (0, 1):
            few = model.predict(table.X.iloc[:n_rows])
            subject.check_predictions(few, n_rows, table.train.n_classes)
        require(
            np.allclose(few[0], together[0], rtol=1e-4, atol=1e-6),
            "a row's prediction does not depend on the rows beside it",
            "encode with what fit stored, not with statistics of the predicted rows",
        )

    def test_predicts_what_it_never_saw(self, problem: str) -> None:
        """Checks new levels, missing and huge numbers, empty texts, another order of columns."""
        for kind in ("mixed", "text"):
            table = make_table(kind, problem)
            with subject.skip_if_declined():
                model = subject.default_model(self._spec(), table.train)
            strange = with_unseen(table.X)
            for rows in (strange, with_gaps(table.X, np.random.default_rng(1), share=1.0)):
                subject.check_predictions(model.predict(rows), len(rows), table.train.n_classes)
            require(
                np.array_equal(
                    model.predict(table.X[table.X.columns[::-1]]), model.predict(table.X)
                ),
                "columns are found by their names",
                "select them by name before encoding",
            )

    def test_class_without_rows_keeps_its_column(self) -> None:
        """Checks folds that lack a class: the probabilities keep their shape."""
        table = self._classification()
        for absent in (0, 3):
            with subject.skip_if_declined():
                model = subject.default_model(self._spec(), without_class(table.train, absent))
            probabilities = model.predict(table.X)
            subject.check_predictions(probabilities, len(table.X), table.train.n_classes)
            require(
                probabilities[:, absent].max() < 0.1,
                "the columns of the probabilities are the class indices, absent ones near 0",
                "put each probability into the column of its class",
            )

    def test_tables_with_little_in_them(self, problem: str) -> None:
        """Checks one row, constant and missing columns, one class: a model, or NotApplicable."""
        for name, data in _poor_tables(make_table("mixed", problem).train).items():
            try:
                model = subject.default_model(self._spec(), data)
            except NotApplicable as declined:
                subject.check_reason(declined)
                continue
            except Exception as exc:
                exc.add_note(
                    "The contract: any table gives a valid model, or NotApplicable with a reason.\n"
                    f"What to do: make fit take a table with {name}, or decline it."
                )
                raise
            predictions = model.predict(_frame(data))
            fault = prediction_fault(predictions, len(data), data.n_classes)
            require(
                not fault,
                "any table gives a valid model, or NotApplicable with a reason",
                f"look at a table with {name}: {fault}",
            )

    def test_is_better_than_chance(self, problem: str) -> None:
        """Checks that an easy table is learnt."""
        if "baseline" in self._spec().capabilities:
            pytest.skip("is a baseline")
        table = make_table("numeric", problem, n_rows=400)
        with subject.skip_if_declined():
            model = subject.default_model(self._spec(), table.train)
        loss, chance = _losses(table, model.predict(table.X))
        require(
            loss < 0.8 * chance,
            "the default configuration learns an easy table",
            f"look for a mistake in fit or predict: loss {loss:.3g}, of the constant {chance:.3g}",
        )

    def test_random_configurations_fit(self, problem: str) -> None:
        """Checks that what the space allows can be fitted, or is declined with a reason."""
        spec = self._spec()
        table = make_table("gaps", problem)
        for config in subject.random_configs(subject.space_of(spec.space), 5):
            try:
                model = subject.learner_of(spec, config).fit(table.train, subject.context())
            except NotApplicable as declined:
                subject.check_reason(declined)
                continue
            subject.check_predictions(model.predict(table.X), len(table.X), table.train.n_classes)

    # -- randomness and time ---------------------------------------------------------------------

    def test_same_generator_gives_the_same_model(self, problem: str) -> None:
        """Checks that fit is a function of rows, configuration and generator."""
        table = make_table("mixed", problem)
        with subject.skip_if_declined():
            models = [subject.default_model(self._spec(), table.train, seed=7) for _ in range(2)]
        require(
            np.array_equal(models[0].predict(table.X), models[1].predict(table.X)),
            "the same rows, configuration and generator give the same model",
            "take all randomness from context.rng, and context.n_threads threads",
        )

    def test_deadline_is_kept(self) -> None:
        """Checks that a fit that would take long ends in time, with a model."""
        spec = self._spec()
        if not self._problems():
            pytest.skip("takes no tables")
        table = make_table("mixed", self._problems()[-1], n_rows=20_000)
        learner = subject.learner_of(spec, subject.space_of(spec.space).defaults)
        started = time.monotonic()
        with subject.skip_if_declined():
            model = learner.fit(table.train, subject.context(seconds=_DEADLINE_SECONDS))
        seconds = time.monotonic() - started
        require(
            seconds < _DEADLINE_SECONDS + _GRACE_SECONDS,
            f"fit ends before context.deadline; with {_DEADLINE_SECONDS} s it took {seconds:.1f} s",
            "ask context.remaining() between steps, stop and keep what there is",
        )
        subject.check_predictions(model.predict(table.X), len(table.X), table.train.n_classes)

    # -- what it declares to be able to ----------------------------------------------------------

    def test_sample_weight_counts(self, problem: str) -> None:
        """Checks that rows with more weight pull the predictions towards them."""
        self._needs("sample_weight")
        data, is_high = contradictory(make_table("numeric", problem).train)
        weights = (np.where(is_high, weight, 1.0) for weight in (0.1, 10.0))
        with subject.skip_if_declined():
            models = [
                subject.default_model(self._spec(), replace(data, sample_weight=weight))
                for weight in weights
            ]
        low, high = (_mean_output(model.predict(_frame(data))) for model in models)
        require(
            high - low > 0.3 * np.ptp(data.y),
            "sample_weight weights the rows, for learners that declare it",
            "use data.sample_weight, or remove the capability",
        )

    def test_soft_labels_are_learnt(self) -> None:
        """Checks fits on (n, n_classes) labels."""
        self._needs("soft_labels")
        table = self._classification()
        soft = softened(table.train, sureness=0.7)
        with subject.skip_if_declined():
            hard_model = subject.default_model(self._spec(), table.train)
            soft_model = subject.default_model(self._spec(), soft)
        probabilities = soft_model.predict(table.X)
        subject.check_predictions(probabilities, len(table.X), table.train.n_classes)
        sureness = [p.max(axis=1).mean() for p in (probabilities, hard_model.predict(table.X))]
        require(
            sureness[0] < sureness[1] or "baseline" in self._spec().capabilities,
            "labels that are less sure give a model that is less sure",
            "fit the shares themselves, or remove the capability soft_labels",
        )

    def test_export_predicts_the_same(self, problem: str, tmp_path: Path) -> None:
        """Checks the ONNX file against `predict`, on missing, unseen and extreme values too.

        Tables of numbers and categories, with the default and with a random configuration.
        """
        self._needs("export:onnx")
        spec = self._spec()
        space = subject.space_of(spec.space)
        n_written = 0
        configs = (space.defaults, *subject.random_configs(space, 1))
        for kind, config in zip(("gaps", "mixed"), configs, strict=False):
            table = make_table(kind, problem, n_rows=100)
            table = without_columns(table, ("date", "text"))
            with contextlib.suppress(NotApplicable):
                model = subject.learner_of(spec, config).fit(table.train, subject.context())
                model.export("onnx", tmp_path)
                subject.check_export(model, tmp_path / "model.onnx", table.X)
                n_written += 1
        require(
            n_written > 0 or "baseline" in spec.capabilities,
            "a learner that declares export:onnx writes models of numbers and categories",
            "implement Model.to_onnx, or remove the capability",
        )

    # -- save and load ---------------------------------------------------------------------------

    def test_saved_model_predicts_the_same_in_a_fresh_process(self, tmp_path: Path) -> None:
        """Checks save and load to the bit, for all problems and kinds of columns."""
        spec, jobs, expected = self._spec(), [], {}
        for problem in self._problems():
            for kind in ("mixed", "text"):
                table = make_table(kind, problem)
                try:
                    model = subject.default_model(spec, table.train)
                except NotApplicable:
                    continue
                folder = tmp_path / f"{kind}-{problem}"
                subject.check_saved(model, folder)
                jobs.append(
                    (subject.class_reference(model, spec.factory), folder, f"{kind} {problem}")
                )
                expected[folder] = model.predict(table.X)
        if not jobs:
            pytest.skip("fits no table")
        subject.predict_elsewhere(jobs)
        for folder, predictions in expected.items():
            require(
                np.array_equal(np.load(f"{folder}.npy"), predictions),
                "a loaded model gives equal predictions, to the bit",
                f"look at what save leaves out ({folder.name}), and at precision lost in text",
            )

    def test_foreign_folder_is_refused(self, tmp_path: Path, problem: str) -> None:
        """Checks that load does not guess."""
        with subject.skip_if_declined():
            model = subject.default_model(self._spec(), make_table("mixed", problem).train)
        subject.check_foreign_folder(model, tmp_path / "empty")

    def test_model_names_its_format(self, problem: str) -> None:
        """Checks the name by which compressors choose what they take."""
        with subject.skip_if_declined():
            model = subject.default_model(self._spec(), make_table("mixed", problem).train)
        name = getattr(model, "format", None)
        require(
            isinstance(name, str) and name and name != "*",
            "a model class names its format",
            f"give {type(model).__name__} a class attribute format",
        )
        declared = self._spec().format
        require(
            declared in ("", name),
            f"a learner that declares the format {declared!r} gives models of it",
            f"declare {name!r}, or correct the model",
        )


def _frame(data: TrainingData) -> pd.DataFrame:
    assert isinstance(data.X, pd.DataFrame)
    return data.X


def _poor_tables(data: TrainingData) -> dict[str, TrainingData]:
    X = _frame(data)

    def with_rows(rows: np.ndarray[Any, Any], frame: pd.DataFrame = X) -> TrainingData:
        return replace(data, X=frame.iloc[rows], y=data.y[rows])

    every = np.arange(len(X))
    constant = X.iloc[np.zeros(len(X), dtype=int)].reset_index(drop=True)
    return {
        "one row": with_rows(every[:1]),
        "three rows": with_rows(every[:3]),
        "one value of the target": with_rows(np.flatnonzero(data.y == data.y[0])),
        "constant columns": with_rows(every, constant),
        "only missing values": with_rows(every, with_gaps(X, np.random.default_rng(0), share=1.0)),
        "one column": with_rows(every, X[["level"]]),
    }


def _losses(table: Table, predictions: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Gives the loss of predictions and of the best constant: log loss or squared error."""
    if table.train.n_classes is None:
        errors = (predictions - table.y) ** 2
        return float(errors.mean()), float(((table.train.y.mean() - table.y) ** 2).mean())
    shares = np.bincount(table.train.y, minlength=table.train.n_classes) / len(table.train)
    own = np.maximum(predictions[np.arange(len(table.y)), table.y], 1e-15)
    return float(-np.log(own).mean()), float(-np.log(shares[table.y]).mean())


def _mean_output(predictions: np.ndarray[Any, Any]) -> float:
    """Gives the mean value, or the mean class index."""
    if predictions.ndim == 1:
        return float(predictions.mean())
    return float((predictions @ np.arange(predictions.shape[1])).mean())
