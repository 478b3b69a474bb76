"""How a network is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SMALL, _LARGE = 32, 256
_MANY_ROWS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything about a training but the network and the rows.

    Args:
        learning_rate: At the highest point of the schedule.
        weight_decay: Per step and learning rate, decoupled (AdamW).
        dropout: Share of hidden values set to 0.
        label_smoothing: Share of each label that goes to the class frequencies, in [0, 1).
        batch_size: Rows per step; None = by the number of rows.
        max_steps: Steps of the whole schedule, unless `min_epochs` needs more.
        max_epochs: Passes over the rows at most.
        min_epochs: Passes over the rows at least, the deadline permitting.
        held_out: Share of the rows that is not fitted and says which epoch was best; 0 = none.
        patience: Share of the schedule without a better epoch after which to stop.
        beta2: Of Adam.
        schedule: ``waves`` (four cosine waves, each shorter than the one before; Holzmüller et al.
            2024, equation 3: coslog4) or ``decay`` (a short rise, then a cosine to 0).
        flips: Whether images are mirrored at random.
        shift: Pixels by which images are moved at random, at most.
    """

    learning_rate: float
    weight_decay: float = 0.0
    dropout: float = 0.0
    label_smoothing: float = 0.0
    batch_size: int | None = None
    max_steps: int = 1500
    max_epochs: int = 60
    min_epochs: int = 3
    held_out: float = 0.15
    patience: float = 0.35
    beta2: float = 0.95
    schedule: str = "waves"
    flips: bool = False
    shift: int = 0

    def batch(self, n: int) -> int:
        """Gives the rows per step for n rows: a power of 2 near 4 √n, from 32 to 256, then 1024."""
        if self.batch_size is not None:
            return max(1, min(self.batch_size, n))
        if n > _MANY_ROWS:
            return 1024
        size = int(2 ** round(math.log2(4.0 * math.sqrt(max(n, 1)))))
        return max(1, min(max(_SMALL, min(size, _LARGE)), n))

    def epochs(self, n: int) -> int:
        """Gives the passes over n rows."""
        steps = max(1, n // self.batch(n))
        return max(self.min_epochs, min(self.max_epochs, self.max_steps // steps))

    def rate(self, progress: float) -> float:
        """Gives the learning rate at a point of the schedule, `progress` in [0, 1]."""
        if self.schedule == "waves":
            wave = math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * progress))
            return self.learning_rate * 0.5 * (1.0 - wave)
        rise = 0.05
        if progress < rise:
            return self.learning_rate * (0.05 + 0.95 * progress / rise)
        fall = (progress - rise) / (1.0 - rise)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * fall))

    def fade(self, progress: float) -> float:
        """Gives what dropout and decay are multiplied with: 1, then a cosine to 0 (flat_cos)."""
        late = max(0.0, 2.0 * progress - 1.0)
        return 0.5 * (1.0 + math.cos(math.pi * late))
