"""The contract of a compressor, as tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from autometa.compressor import CompressContext, Compressor, CompressorSpec
from autometa.errors import NotApplicable
from autometa.learner import LearnerSpec
from autometa.model import Model
from autometa.resolve import resolve
from autometa.testing import subject
from autometa.testing.data import IMAGES, Table, make_table
from autometa.testing.subject import require
from autometa.trial import ParamValue

_STRENGTHS = ("ratio", "strength", "sparsity", "amount")
"""Parameters of which 0 means that nothing is changed."""


class CompressorContract:
    """Inherit, name your compressor, and run pytest.

    Attributes:
        spec: Its name, when its plugin is installed; or its `CompressorSpec`.
        learner: Name or spec of the learner whose models are compressed; "" = the first installed
            one whose models it consumes.
        problem: ``binary``, ``multiclass`` or ``regression``.
        modality: Of the rows: ``tabular`` or ``image``.
        files: One-file plugins to look for the names in.

    Example:
        >>> from autometa.testing import CompressorContract
        >>> class TestMine(CompressorContract):
        ...     spec = "rounding"
        ...     learner = "ridge"
        ...     problem = "regression"
    """

    spec: ClassVar[str | CompressorSpec]
    learner: ClassVar[str | LearnerSpec] = ""
    problem: ClassVar[str] = ""
    modality: ClassVar[str] = "tabular"
    files: ClassVar[Sequence[str]] = ()

    @classmethod
    def _spec(cls) -> CompressorSpec:
        if isinstance(cls.spec, CompressorSpec):
            return cls.spec
        return subject.registry(tuple(cls.files)).compressor(cls.spec).spec

    def _fitted(self) -> tuple[Table, Model]:
        """Gives a table and a model that the compressor consumes."""
        consumes = self._spec().consumes
        for learner in self._learners():
            problem = self.problem or (
                "binary" if "classification" in learner.problems else "regression"
            )
            try:
                table, model = _fitted(learner, problem, self._kind())
            except NotApplicable:
                continue
            if {"*", model.format} & consumes:
                return table, model
        return pytest.skip(f"no learner gives a model of the format {', '.join(sorted(consumes))}")

    def _learners(self) -> list[LearnerSpec]:
        if isinstance(self.learner, LearnerSpec):
            return [self.learner]
        registry = subject.registry(tuple(self.files))
        if self.learner:
            return [registry.learner(self.learner).spec]
        specs = [entry.spec for entry in registry.learners.values()]
        return [spec for spec in specs if self.modality in spec.modalities]

    def _kind(self) -> str:
        return IMAGES if self.modality == "image" else "numeric"

    def _context(self, table: Table) -> CompressContext:
        """Gives the rows, a generator, and every learner that a search would let be taught."""
        specs = [e.spec for e in subject.registry(tuple(self.files)).learners.values()]
        students = {
            spec.name: partial(subject.learner_of, spec)
            for spec in specs
            if table.train.problem in spec.problems
            and self.modality in spec.modalities
            and "soft_labels" in spec.capabilities
        }
        return CompressContext(data=table.train, fit=subject.context(), students=students)

    def _compressed(self, config: Mapping[str, ParamValue] | None = None) -> Model:
        """Compresses, with the default configuration unless told otherwise."""
        spec = self._spec()
        table, model = self._fitted()
        chosen = subject.space_of(spec.space).defaults if config is None else config
        compressor = resolve(spec.factory)(dict(chosen))
        context = self._context(table)
        result = compressor.compress(model, context)
        require(
            isinstance(result, Model),
            "compress gives an autometa.Model and nothing else",
            f"return one; got {type(result).__name__}",
        )
        return result  # type: ignore[no-any-return]

    def test_spec_is_valid(self) -> None:
        """Checks the record and that its factory is a compressor."""
        spec = self._spec()
        subject.check_record(spec)
        compressor = resolve(spec.factory)(dict(subject.space_of(spec.space).defaults))
        require(
            isinstance(compressor, Compressor),
            "the factory of a compressor is a subclass of autometa.Compressor",
            f"derive {spec.factory} from it",
        )

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

    def test_result_is_what_it_declares(self) -> None:
        """Checks the format and the predictions of the result."""
        table, model = self._fitted()
        with subject.skip_if_declined():
            result = self._compressed()
        produces = self._spec().produces
        wanted = model.format if produces == "*" else produces
        require(
            result.format == wanted,
            f"a compressor that produces {produces!r} gives a model of the format {wanted!r}",
            f"correct produces, or the result's format {result.format!r}",
        )
        subject.check_predictions(result.predict(table.X), len(table.X), table.train.n_classes)

    def test_model_stays_as_it_was(self, tmp_path: Path) -> None:
        """Checks that the model that was given predicts and saves as before."""
        table, model = self._fitted()
        before = model.predict(table.X), _saved(model, tmp_path / "before")
        with subject.skip_if_declined():
            self._compressed()
        after = model.predict(table.X), _saved(model, tmp_path / "after")
        require(
            np.array_equal(before[0], after[0]) and before[1] == after[1],
            "compress leaves the model it is given as it was",
            "change a copy",
        )

    def test_rows_stay_as_they_were(self) -> None:
        """Checks that the rows in the context are not changed."""
        table, _ = self._fitted()
        rows, y = table.train.X.copy(), table.train.y.copy()
        with subject.skip_if_declined():
            self._compressed()
        require(
            _is_same(rows, table.train.X) and np.array_equal(y, table.train.y),
            "compress leaves the rows it is given as they were",
            "work on copies",
        )

    def test_strength_zero_changes_nothing(self) -> None:
        """Checks that a parameter named ratio, strength, sparsity or amount means it at 0."""
        from autometa.meta.mapping import contains

        table, model = self._fitted()
        space = subject.space_of(self._spec().space)
        names = [n for n in _STRENGTHS if n in space.params and contains(space.params[n], 0.0)]
        if not names:
            pytest.skip(f"has no {', '.join(_STRENGTHS)} that can be 0")
        with subject.skip_if_declined():
            result = self._compressed({**space.defaults, **dict.fromkeys(names, 0.0)})
        require(
            np.allclose(result.predict(table.X), model.predict(table.X), rtol=1e-6, atol=1e-9),
            f"{names[0]} = 0 changes no prediction",
            "give the model back as it is, or let the range begin above 0",
        )

    def test_default_configuration_changes_something(self, tmp_path: Path) -> None:
        """Checks that compressing is not idle: the search ends such a trial as not applicable."""
        table, model = self._fitted()
        with subject.skip_if_declined():
            result = self._compressed()
        is_same = np.array_equal(result.predict(table.X), model.predict(table.X))
        sizes = [sum(map(len, _saved(m, tmp_path / n).values())) for n, m in _pair(model, result)]
        require(
            not is_same or sizes[0] != sizes[1],
            "the default configuration changes the size or a prediction",
            "let the defaults compress, or raise NotApplicable where there is nothing to gain",
        )

    def test_foreign_model_is_declined(self) -> None:
        """Checks that a model of another format is no crash."""
        if "*" in self._spec().consumes:
            pytest.skip("takes every model")
        table, _ = self._fitted()
        spec = self._spec()
        compressor = resolve(spec.factory)(dict(subject.space_of(spec.space).defaults))
        context = self._context(table)
        try:
            compressor.compress(_Foreign(), context)
        except NotApplicable as declined:
            subject.check_reason(declined)
            return
        require(
            False,
            "a model that the compressor does not consume is declined",
            "raise NotApplicable with the format that was got",
        )

    def test_same_generator_gives_the_same_model(self) -> None:
        """Checks that compress is a function of model, rows, configuration and generator."""
        table, _ = self._fitted()
        with subject.skip_if_declined():
            results = [self._compressed().predict(table.X) for _ in range(2)]
        require(
            np.array_equal(results[0], results[1]),
            "the same model, rows, configuration and generator give the same result",
            "take all randomness from context.fit.rng",
        )

    def test_random_configurations_compress(self) -> None:
        """Checks that what the space allows works, or is declined with a reason."""
        table, _ = self._fitted()
        for config in subject.random_configs(subject.space_of(self._spec().space), 5):
            try:
                result = self._compressed(config)
            except NotApplicable as declined:
                subject.check_reason(declined)
                continue
            subject.check_predictions(result.predict(table.X), len(table.X), table.train.n_classes)

    def test_saved_model_predicts_the_same_in_a_fresh_process(self, tmp_path: Path) -> None:
        """Checks save and load of the result, to the bit."""
        table, _ = self._fitted()
        with subject.skip_if_declined():
            result = self._compressed()
        folder = tmp_path / "compressed"
        subject.check_saved(result, folder)
        problem = _problem_of(table)
        reference = subject.class_reference(result, self._spec().factory)
        subject.predict_elsewhere([(reference, folder, f"{self._kind()} {problem}")])
        require(
            np.array_equal(np.load(f"{folder}.npy"), result.predict(table.X)),
            "a loaded model gives equal predictions, to the bit",
            "look at what save leaves out, and at precision lost in text",
        )


class _Foreign(Model):
    """A model that nobody knows."""

    format = "foreign"

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        return np.zeros(len(X))

    def save(self, folder: Path) -> None:
        (folder / "foreign.txt").write_text("", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> _Foreign:
        return cls()


def _pair(before: Model, after: Model) -> list[tuple[str, Model]]:
    return [("before", before), ("after", after)]


@cache
def _fitted(learner: LearnerSpec, problem: str, kind: str) -> tuple[Table, Model]:
    table = make_table(kind, problem)
    return table, subject.default_model(learner, table.train)


def _is_same(first: pd.DataFrame | np.ndarray[Any, Any], second: object) -> bool:
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)  # type: ignore[arg-type]
    return isinstance(second, pd.DataFrame) and first.equals(second)


def _problem_of(table: Table) -> str:
    problems = {None: "regression", 2: "binary"}
    return problems.get(table.train.n_classes, "multiclass")


def _saved(model: Model, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    model.save(folder)
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
