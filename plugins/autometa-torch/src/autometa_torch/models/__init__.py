"""What the learners of this plugin give back."""

from __future__ import annotations

from autometa_torch.models.image import ImageNetworkModel
from autometa_torch.models.network import NetworkModel
from autometa_torch.models.tabular import TabularNetwork

__all__ = ["ImageNetworkModel", "NetworkModel", "TabularNetwork"]
