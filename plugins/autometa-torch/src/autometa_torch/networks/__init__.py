"""Networks whose shape is read from their layers, so that what was pruned can be saved too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autometa_torch.networks.base import Network
from autometa_torch.networks.cnn import CNNNetwork, ResidualCNNNetwork
from autometa_torch.networks.mlp import MLPNetwork
from autometa_torch.networks.resnet import ResNetNetwork

__all__ = [
    "CNNNetwork",
    "MLPNetwork",
    "Network",
    "ResNetNetwork",
    "ResidualCNNNetwork",
    "build",
]

_KINDS: Mapping[str, type[Network]] = {
    cls.kind: cls for cls in (MLPNetwork, ResNetNetwork, CNNNetwork, ResidualCNNNetwork)
}


def build(architecture: Mapping[str, Any]) -> Network:
    """Makes a network of this shape; its weights are not set.

    Args:
        architecture: What `Network.architecture` gave.

    Raises:
        ValueError: If it is not one.
    """
    arguments = {key: value for key, value in architecture.items() if key != "kind"}
    try:
        return _KINDS[architecture["kind"]](**arguments)
    except (KeyError, TypeError, RuntimeError) as exc:
        raise ValueError(f"not the architecture of a network: {exc}") from exc
