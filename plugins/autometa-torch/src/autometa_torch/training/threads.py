"""How many threads torch uses, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Gives torch exactly n threads for operations inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    if before == n:
        yield
        return
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def generator_of(seed: int, device: torch.device | None = None) -> torch.Generator:
    """Gives a generator of its own."""
    return torch.Generator(device=device or "cpu").manual_seed(seed)


def best_device() -> torch.device:
    """Gives the GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
