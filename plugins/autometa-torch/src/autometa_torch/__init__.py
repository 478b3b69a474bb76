"""Neural networks for tables and images, and what other plugins may use of them.

The names in ``__all__`` are public: compressors build on them. Each is imported when it is first
used, since listing plugins must not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from autometa import DataAdapterSpec, LearnerSpec, hookimpl

if TYPE_CHECKING:
    from autometa_torch.models import ImageNetworkModel as ImageNetworkModel
    from autometa_torch.models import NetworkModel as NetworkModel
    from autometa_torch.models import TabularNetwork as TabularNetwork
    from autometa_torch.networks import Network as Network
    from autometa_torch.onnx_images import PlainGraph as PlainGraph
    from autometa_torch.onnx_images import write_normalised as write_normalised
    from autometa_torch.training import Recipe as Recipe
    from autometa_torch.training import Samples as Samples
    from autometa_torch.training import train as train

_HOMES = {
    "ImageNetworkModel": "models",
    "Network": "networks",
    "NetworkModel": "models",
    "PlainGraph": "onnx_images",
    "Recipe": "training",
    "Samples": "training",
    "TabularNetwork": "models",
    "train": "training",
    "write_normalised": "onnx_images",
}

__all__ = [*sorted(_HOMES), "autometa_data_adapters", "autometa_learners"]  # noqa: PLE0604 - names are the keys above


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


@hookimpl
def autometa_learners() -> Sequence[LearnerSpec]:
    """Gives the learners of this plugin."""
    from autometa_torch.specs import LEARNERS

    return LEARNERS


@hookimpl
def autometa_data_adapters() -> Sequence[DataAdapterSpec]:
    """Gives the data adapters of this plugin."""
    from autometa_torch.adapters import SPECS

    return SPECS
