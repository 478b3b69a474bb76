"""In which order the pixels of images reach the convolutions."""

from __future__ import annotations

import pytest
import torch
from autometa_torch.networks.cnn import CNNNetwork, ResidualCNNNetwork
from autometa_torch.training.threads import threads


@pytest.mark.parametrize(("widths", "is_by_pixel"), [([8, 16], True), ([8, 9], False)])
def test_layers_that_fill_no_vector_work_channel_by_channel(
    widths: list[int], is_by_pixel: bool
) -> None:
    network = CNNNetwork(1, widths, [False, True], 3)
    images = torch.arange(2.0 * 6 * 6).reshape(2, 6, 6, 1).permute(0, 3, 1, 2)
    taken = network.prepared(images)
    assert torch.equal(taken, images)
    assert (taken.stride(1) == 1) is is_by_pixel


def test_narrow_layers_train_without_harm() -> None:
    """By pixel this ends the process where there is no AVX-512 (torch 2.13)."""
    torch.manual_seed(0)
    blocks = [[4, 4, 1, False], [9, 9, 2, True], [19, 19, 1, True]]
    network = ResidualCNNNetwork(1, 4, blocks, 4)
    images = torch.rand(64, 12, 12, 1).permute(0, 3, 1, 2)
    with threads(1):
        for n in [32, 16, 48, 64] * 50:
            network(images[torch.randint(0, 64, (n,))]).square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
