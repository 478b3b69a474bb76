"""What the contracts share: the plugin under test, its contexts, its answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from autometa.errors import NotApplicable, PluginError
from autometa.images import Rows
from autometa.learner import FitContext, Learner, LearnerSpec, Space, TrainingData
from autometa.measure import prediction_fault
from autometa.model import Model
from autometa.plugins import load_plugins
from autometa.registry import Registry
from autometa.resolve import resolve
from autometa.speccheck import check_spec
from autometa.testing.data import with_gaps, with_unseen
from autometa.trial import ParamValue

T = TypeVar("T")


@cache
def registry(files: tuple[str, ...] = ()) -> Registry:
    """Loads all installed plugins, and these one-file ones, once."""
    return load_plugins(files)


def require(condition: object, contract: str, remedy: str) -> None:
    """Fails with what the contract says and what to do about it."""
    if not condition:
        pytest.fail(f"The contract: {contract}.\nWhat to do: {remedy}.", pytrace=False)


def check_record(spec: Any) -> None:
    """Checks the fields of a spec."""
    problem = check_spec(spec)
    require(not problem, "a spec is a record of valid strings", f"correct it: {problem}")
    require(spec.summary, "a spec says in one line what it offers", "write a summary")


def context(seed: int = 0, *, seconds: float = float("inf")) -> FitContext:
    """Gives a fit context with its own generator and a deadline so many seconds ahead."""
    return FitContext(rng=np.random.default_rng(seed), deadline=time.monotonic() + seconds)


@contextmanager
def skip_if_declined() -> Iterator[None]:
    """Skips the test when the plugin says "not for me", and checks that it says why."""
    try:
        yield
    except NotApplicable as declined:
        check_reason(declined)
        pytest.skip(f"not applicable: {declined.reason}")


def check_reason(declined: NotApplicable) -> None:
    """Checks what `NotApplicable` says."""
    require(
        declined.reason and "\n" not in declined.reason,
        "NotApplicable gives a reason of one line",
        "say in a few words what does not fit",
    )


def check_predictions(predictions: Any, n_rows: int, n_classes: int | None) -> None:
    """Checks shape, finiteness and that probabilities sum to 1."""
    fault = prediction_fault(predictions, n_rows, n_classes)
    require(
        not fault,
        "predict gives (n,) finite values, or (n, n_classes) probabilities that sum to 1",
        f"correct predict: {fault}",
    )


def learner_of(spec: LearnerSpec, config: Mapping[str, ParamValue]) -> Learner:
    """Builds a learner."""
    learner = resolve(spec.factory)(dict(config))
    require(
        isinstance(learner, Learner),
        "the factory of a learner is a subclass of autometa.Learner",
        f"derive {spec.factory} from it",
    )
    return learner  # type: ignore[no-any-return]


def space_of(reference: str) -> Space:
    """Asks for a space."""
    space = resolve(reference)()
    require(isinstance(space, Space), "the space function gives a Space", f"correct {reference}")
    return space  # type: ignore[no-any-return]


def default_model(spec: LearnerSpec, data: TrainingData, seed: int = 0) -> Model:
    """Fits the default configuration."""
    model = learner_of(spec, space_of(spec.space).defaults).fit(data, context(seed))
    require(
        isinstance(model, Model),
        "fit gives an autometa.Model",
        f"return one; got {type(model).__name__}",
    )
    return model


def random_configs(space: Space, n: int, seed: int = 0) -> list[dict[str, ParamValue]]:
    """Draws complete configurations; an empty space gives one."""
    from optuna import create_study, logging, samplers

    from autometa.search.space import suggest

    logging.disable_default_handler()
    study = create_study(sampler=samplers.RandomSampler(seed=seed))
    return [suggest(study.ask(), space) for _ in range(n if space.params else 1)]


def check_space(name: str, space: Space) -> None:
    """Checks distributions, conditions and defaults."""
    from autometa.meta.mapping import contains
    from autometa.search.space import active, check

    try:
        check(name, space)
    except PluginError as exc:
        remedy = "correct the space function"
        require(False, f"parameters, conditions and defaults fit together, but {exc}", remedy)
    for child, (parent, allowed) in space.conditions.items():
        outside = [value for value in allowed if not contains(space.params[parent], value)]
        require(
            allowed and not outside,
            f"{child} exists for some values of {parent}, all within its distribution",
            f"correct its condition {list(allowed)}",
        )
    foreign = sorted(set(space.defaults) - set(active(space, space.defaults)))
    require(
        not foreign,
        "defaults hold the active parameters and nothing else",
        f"remove {', '.join(foreign)}",
    )


def same_space(first: Space, second: Space) -> bool:
    """Whether two spaces are equal."""
    return (
        dict(first.params) == dict(second.params)
        and dict(first.conditions) == dict(second.conditions)
        and dict(first.defaults) == dict(second.defaults)
    )


def class_reference(model: Model, factory: str) -> str:
    """Gives the string by which a model's class is found again in another process."""
    cls, home = type(model), factory.rpartition(":")[0]
    is_in_file = home.endswith(".py") and resolve(factory).__module__ == cls.__module__
    return f"{home if is_in_file else cls.__module__}:{cls.__qualname__}"


def predict_elsewhere(jobs: Iterable[tuple[str, Path, str]]) -> None:
    """Loads saved models in one fresh process and writes what they predict.

    Args:
        jobs: (class reference, folder, ``kind problem`` of `make_table`); the predictions of the
            table's further rows come to ``<folder>.npy``.
    """
    lines = "\n".join(f"{reference}\t{folder}\t{table}" for reference, folder, table in jobs)
    # Another hash seed: what depends on the order of a set shows.
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run(  # noqa: S603 - our own words only
        [sys.executable, "-c", _CHILD],
        input=lines,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    require(
        done.returncode == 0,
        "a saved model loads and predicts in a fresh process",
        f"read the error of load there:\n{done.stderr[-2000:]}",
    )


_CHILD = """
import sys
from pathlib import Path
import numpy as np
from autometa.resolve import resolve
from autometa.testing.data import make_table
for line in sys.stdin.read().splitlines():
    reference, folder, table = line.split("\\t")
    model = resolve(reference).load(Path(folder))
    np.save(f"{folder}.npy", model.predict(make_table(*table.split()).X))
"""


def pickles_in(folder: Path) -> list[str]:
    """Names the files (and members of zip files) that hold a pickle."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found += [f"{name}{inner}" for inner, data in _contents(path) if _is_pickle(data)]
    return found


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    yield "", path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield f"/{name}", archive.read(name)


def _is_pickle(data: bytes) -> bool:
    if data.startswith(b"\x93NUMPY"):
        return b"'descr': '|O'" in data[:200]  # an array of objects is a pickle inside
    return data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05" and data[-1:] == b"."


def check_saved(model: Model, folder: Path) -> None:
    """Saves a model and checks what it leaves."""
    folder.mkdir(parents=True)
    model.save(folder)
    require(
        any(folder.rglob("*")),
        "save writes all of the model into the folder it is given",
        "write its files there",
    )
    found = pickles_in(folder)
    require(
        not found,
        "a model is saved as JSON, arrays, safetensors, skops, ONNX or text, never as a pickle",
        f"write {', '.join(found)} in another way",
    )


def check_export(model: Model, path: Path, X: Rows) -> None:
    """Checks a file against its model: as they are, with gaps, and with what it never saw."""
    from autometa.onnxgraph.feeds import OnnxFile
    from autometa.onnxgraph.parity import TOLERANCE, difference

    file, rng = OnnxFile(path), np.random.default_rng(2)
    if isinstance(X, np.ndarray):
        others: list[Any] = [rng.integers(0, 256, X.shape, dtype=np.uint8)]
    else:
        others = [with_unseen(X), with_gaps(X, rng, share=0.5)]
    for rows in (X, *others, X[:1]):
        (got,) = file.predict(rows).values()
        apart = difference(model.predict(rows), got)
        require(
            apart <= TOLERANCE,
            f"the exported file predicts as the model does, within {TOLERANCE}",
            f"correct to_onnx: they are {apart:.3g} apart",
        )


def check_foreign_folder(model: Model, folder: Path) -> None:
    """Checks that loading from an empty folder is refused."""
    folder.mkdir(parents=True)
    raised = _raised(lambda: type(model).load(folder))
    got = "nothing" if raised is None else raised.__name__
    require(
        raised is ValueError,
        "load raises ValueError when the folder is not what save wrote",
        f"check the files in {type(model).__name__}.load, which raised {got} for an empty folder",
    )


def _raised(function: Callable[[], object]) -> type[BaseException] | None:
    """Gives ValueError for any of its kind, else the class of what was raised, or None."""
    try:
        function()
    except ValueError:
        return ValueError
    except (OSError, KeyError, TypeError, AttributeError) as exc:
        return type(exc)
    return None
