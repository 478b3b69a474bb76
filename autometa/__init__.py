"""autometa: an optimizer that remembers.

The public names below are all that users and plugins may rely on. Each is imported when it is
first used, so that ``import autometa`` costs nothing (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # So that type checkers of plugin authors see what `__getattr__` gives.
    from autometa.adapter import DataAdapter as DataAdapter
    from autometa.adapter import DataAdapterSpec as DataAdapterSpec
    from autometa.checkpoint import Checkpoint as Checkpoint
    from autometa.compressor import CompressContext as CompressContext
    from autometa.compressor import Compressor as Compressor
    from autometa.compressor import CompressorSpec as CompressorSpec
    from autometa.dataset import Dataset as Dataset
    from autometa.encoding import EncodingPlan as EncodingPlan
    from autometa.encoding import TabularEncoder as TabularEncoder
    from autometa.errors import AutometaError as AutometaError
    from autometa.errors import DataError as DataError
    from autometa.errors import NotApplicable as NotApplicable
    from autometa.errors import Pruned as Pruned
    from autometa.errors import TaskError as TaskError
    from autometa.hookspecs import ExecutorSpec as ExecutorSpec
    from autometa.hookspecs import MetaFeatureSpec as MetaFeatureSpec
    from autometa.hookspecs import hookimpl as hookimpl
    from autometa.learner import FitContext as FitContext
    from autometa.learner import Learner as Learner
    from autometa.learner import LearnerSpec as LearnerSpec
    from autometa.learner import Space as Space
    from autometa.learner import TrainingData as TrainingData
    from autometa.model import Model as Model
    from autometa.onnxgraph import OnnxGraph as OnnxGraph
    from autometa.onnxgraph import OnnxOutput as OnnxOutput
    from autometa.onnxgraph import OnnxScores as OnnxScores

__version__ = "0.1.0"

_HOMES = {
    "AutometaError": "errors",
    "Checkpoint": "checkpoint",
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
    "KnowledgeBase": "meta.knowledge",
    "Learner": "learner",
    "LearnerSpec": "learner",
    "MetaFeatureSpec": "hookspecs",
    "Model": "model",
    "NotApplicable": "errors",
    "OnnxGraph": "onnxgraph",
    "OnnxOutput": "onnxgraph",
    "OnnxScores": "onnxgraph",
    "PriorSampler": "meta.sampler",
    "Pruned": "errors",
    "Result": "orchestrator",
    "Space": "learner",
    "TabularEncoder": "encoding",
    "Task": "task",
    "TaskError": "errors",
    "TrainingData": "learner",
    "TrialResult": "trial",
    "hookimpl": "hookspecs",
    "load_model": "registered",
    "load_task": "task",
    "optimize": "defaults",
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
