"""Makes the model of a trial: fits the learner, then compresses step by step.

What is made is kept by its content: the learner and every step with their configurations, the
rows, the seed, the versions. A teacher is fitted once, and all quantizers of one pruned network
are tried for the price of pruning it once. Each step has a deadline of its own, and while it runs
a file names it, so that even a killed worker is known to have died in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autometa.compressor import CompressContext
from autometa.errors import NotApplicable
from autometa.learner import FitContext, Learner, TrainingData
from autometa.model import Model
from autometa.modelfolder import gzip_kib, size_kib
from autometa.resolve import resolve
from autometa.workspace import writing

STEP = "step.json"
"""In a trial's folder while a compressor runs: its ``stage`` and ``name``."""

KEPT_MODELS = 64
"""Models that the store holds; the ones unused for longest go first."""

_KIND = "kind.json"
_SAMPLE_ROWS = 64  # on which a step must change something


def fit(payload: Mapping[str, Any], data: TrainingData, context: FitContext) -> Model:
    """Fits the learner that a payload names.

    Raises:
        TypeError: If it gives anything but a `Model`.
    """
    model = resolve(payload["learner"])(payload["config"]).fit(data, context)
    if not isinstance(model, Model):
        raise TypeError(f"{payload['learner']}.fit must give a Model, got {type(model).__name__}")
    return model


def make(payload: Mapping[str, Any], data: TrainingData, context: FitContext, digest: str) -> Model:
    """Fits and compresses, or takes what another trial has made.

    Args:
        payload: See `autometa.evaluate.run_fold`.
        data: The training rows.
        context: Of the whole trial; half of its time is the learner's when there are steps.
        digest: Of the data.

    Raises:
        NotApplicable: If the learner or a compressor declines, or a step changes nothing.
        TypeError: If one of them gives anything but a `Model`.
    """
    chain: Sequence[Mapping[str, Any]] = payload["chain"]
    store = Store.of(payload.get("store"))
    content = content_of(payload, digest, context.n_threads)
    done, model = _latest(store, content, chain)
    if model is None:
        model = fit(payload, data, _until(context, 0.5 if chain else 1.0))
        store.put(content, model)
    # A step may train too, but its steps are not the learner's.
    context = FitContext(rng=context.rng, deadline=context.deadline, n_threads=context.n_threads)
    for index in range(done, len(chain)):
        step = chain[index]
        content_after = [*content, *chain[: index + 1]]
        note = Path(payload["folder"]) / STEP
        note.write_text(json.dumps({k: step[k] for k in ("stage", "name")}), encoding="utf-8")
        rng = np.random.default_rng([int(payload["seed"]), int(payload["fold"]), index + 1])
        step_context = _until(replace(context, rng=rng), 1.0 / (len(chain) - index))
        given = CompressContext(data, step_context, _students(payload))
        model = _changed(model, _step(model, step, given), data)
        store.put(content_after, model)
        note.unlink(missing_ok=True)
    return model


def content_of(payload: Mapping[str, Any], digest: str, n_threads: int) -> list[Any]:
    """Gives all that the model depends on which the learner of a payload fits."""
    keys = [payload[k] for k in ("learner", "config", "fold", "fidelity", "seed", "version")]
    return [digest, n_threads, *keys]


def _latest(
    store: Store, content: Sequence[Any], chain: Sequence[Mapping[str, Any]]
) -> tuple[int, Model | None]:
    """Gives the model after as many steps as there is one of, and how many these are."""
    for done in range(len(chain), -1, -1):
        if (model := store.get([*content, *chain[:done]])) is not None:
            return done, model
    return 0, None


def _until(context: FitContext, share: float) -> FitContext:
    """Gives a share of the time that is left."""
    if context.deadline == float("inf"):
        return context
    return replace(context, deadline=time.monotonic() + share * context.remaining())


def _students(payload: Mapping[str, Any]) -> dict[str, Callable[..., Learner]]:
    found = payload.get("students", {})
    return {name: partial(_student, factory) for name, factory in found.items()}


def _student(factory: str, config: Mapping[str, Any]) -> Learner:
    learner: Learner = resolve(factory)(config)
    return learner


def _step(model: Model, step: Mapping[str, Any], context: CompressContext) -> Model:
    if not {"*", model.format} & set(step["consumes"]):
        accepted = ", ".join(step["consumes"])
        raise NotApplicable(f"it takes {accepted}, got a {model.format} model")
    result = resolve(step["factory"])(step["config"]).compress(model, context)
    if not isinstance(result, Model):
        got = type(result).__name__
        raise TypeError(f"{step['factory']}.compress must give a Model, got {got}")
    return result


def _changed(before: Model, after: Model, data: TrainingData) -> Model:
    """Gives `after`, unless it is the model of before in all that can be measured of it.

    Raises:
        NotApplicable: If size, kind and predictions are those of before.
    """
    rows = data.X[:_SAMPLE_ROWS]
    is_same = before is after or (
        type(before) is type(after)
        and np.array_equal(before.predict(rows), after.predict(rows))
        and _saved(before) == _saved(after)
    )
    if is_same:
        raise NotApplicable("it changed nothing: size and predictions are those of before")
    return after


def _saved(model: Model) -> tuple[float, float]:
    """Gives the sizes of a saved model, in KiB as it is and as it is downloaded."""
    with tempfile.TemporaryDirectory(prefix="autometa-") as name:
        model.save(Path(name))
        return size_kib(Path(name)), gzip_kib(Path(name))


@dataclass(frozen=True, slots=True)
class Store:
    """Models by what they are made of, shared by the workers of a study.

    Args:
        folder: Where they lie; None = nothing is kept.
    """

    folder: Path | None

    @classmethod
    def of(cls, folder: str | None) -> Store:
        """Gives the store of a folder, which need not exist."""
        return cls(None if folder is None else Path(folder))

    def get(self, content: Sequence[Any]) -> Model | None:
        """Gives the model that was made of this, if it is there and can be read."""
        if self.folder is None:
            return None
        place = self.folder / key_of(content)
        try:
            kind = json.loads((place / _KIND).read_text(encoding="utf-8"))
            os.utime(place)
            model = resolve(kind["class"]).load(place / "model")
        except (OSError, ValueError, KeyError):  # never there, or another worker cleans up
            return None
        return model if isinstance(model, Model) else None

    def put(self, content: Sequence[Any], model: Model) -> None:
        """Keeps a model, whole or not at all."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with writing(self.folder):
            new = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
            try:
                (new / "model").mkdir()
                model.save(new / "model")
                text = json.dumps({"class": class_reference(model, str(content[2]))})
                (new / _KIND).write_text(text, encoding="utf-8")
                place = self.folder / key_of(content)
                if not place.exists():
                    new.rename(place)
            finally:
                shutil.rmtree(new, ignore_errors=True)
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        found = [path for path in self.folder.iterdir() if path.name[0] != "."]  # type: ignore[union-attr]
        if len(found) <= KEPT_MODELS:
            return
        ages = {path: path.stat().st_mtime for path in found if path.exists()}
        for path in sorted(ages, key=lambda path: ages[path])[:-KEPT_MODELS]:
            shutil.rmtree(path, ignore_errors=True)


def key_of(content: Sequence[Any]) -> str:
    """Gives a name for what is made of this."""
    text = json.dumps(list(content), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def class_reference(model: Model, factory: str) -> str:
    """Gives the string by which a model's class is found again.

    Args:
        model: Of whatever class.
        factory: Of the learner; the class may be in the same one-file plugin.
    """
    module, name = type(model).__module__, type(model).__qualname__
    home = factory.rpartition(":")[0]
    is_file_plugin = home.startswith("/") and resolve(factory).__module__ == module
    return f"{home if is_file_plugin else module}:{name}"
