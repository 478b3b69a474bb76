"""autometa: an optimizer that remembers.

The public names below are all that users and plugins may rely on. Each is imported when it is
first used, so that ``import autometa`` costs nothing (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AutometaError": "errors",
    "CompressContext": "compressor",
    "Compressor": "compressor",
    "CompressorSpec": "compressor",
    "DataAdapter": "adapter",
    "DataAdapterSpec": "adapter",
    "DataError": "errors",
    "Dataset": "dataset",
    "EncodingPlan": "encoding",
    "ExecutorSpec": "hookspecs",
    "FitContext": "learner",
    "Learner": "learner",
    "LearnerSpec": "learner",
    "MetaFeatureSpec": "hookspecs",
    "Model": "model",
    "NotApplicable": "errors",
    "Space": "learner",
    "TabularEncoder": "encoding",
    "TaskError": "errors",
    "TrainingData": "learner",
    "hookimpl": "hookspecs",
}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604 - names are the keys above


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
