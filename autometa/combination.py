"""How the predictions of several members become one: a few numbers, no training library.

::

    members ──▶ pools (each a weighted average, or a softmax of weighted logarithms)
            ──▶ their mean by share ──▶ temperature

The last weight of a pool is that of a constant: the class frequencies or the mean of the target.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from autometa.errors import ModelFolderError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LINEAR, LOGARITHMIC = "linear", "logarithmic"
FLOOR = 1e-7
"""Least probability that a logarithm is taken of, as in `autometa.measure.log_loss`."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One weighted combination of members and the constant.

    Args:
        kind: ``linear``: ``sum w_i p_i + bias``; ``logarithmic``, for probabilities:
            ``softmax(sum w_i log p_i + bias)``.
        weights: (c + 1,) one per member and one for the constant, at least 0; those of a linear
            pool of probabilities sum to 1.
        bias: (k,) of a logarithmic pool, (1,) of a linear pool of values, () for 0.
        share: In the mean over all pools.
    """

    kind: str
    weights: tuple[float, ...]
    bias: tuple[float, ...] = ()
    share: float = 1.0

    def __call__(self, predictions: Array) -> Array:
        """Combines (c + 1, n) values or (c + 1, n, k) probabilities, the constant's last."""
        import numpy as np

        weights = np.asarray(self.weights)
        bias = np.asarray(self.bias) if self.bias else 0.0
        if self.kind == LINEAR:
            return np.asarray(np.tensordot(weights, predictions, axes=1) + bias)
        used = weights > 0
        logs = np.log(np.clip(predictions[used], FLOOR, 1.0))
        return softmax(np.tensordot(weights[used], logs, axes=1) + bias)


@dataclass(frozen=True, slots=True)
class Combination:
    """From the predictions of members to those of a model folder.

    Args:
        pools: At least one.
        constant: (k,) class frequencies, or (1,) the mean of the target.
        temperature: Divides the logarithms of the probabilities, above 0; 1 changes nothing.
    """

    pools: tuple[Pool, ...]
    constant: tuple[float, ...]
    temperature: float = 1.0

    def __call__(self, members: Sequence[Array]) -> Array:
        """Combines the predictions of c members, (n,) values or (n, k) probabilities each."""
        import numpy as np

        one = np.asarray(members[0])
        constant = np.broadcast_to(self.constant if one.ndim == 2 else self.constant[0], one.shape)
        return self.apply(np.stack([*members, constant], dtype=np.float64))

    def apply(self, predictions: Array) -> Array:
        """Combines (c + 1, n) or (c + 1, n, k) predictions, the constant's last."""
        import numpy as np

        mixed = np.sum([pool.share * pool(predictions) for pool in self.pools], axis=0)
        return mixed if self.temperature == 1.0 else tempered(mixed, self.temperature)

    @property
    def members(self) -> list[int]:
        """Positions of the members that count, rising."""
        return [i for i, weight in enumerate(self.member_weights) if weight > 0]

    @property
    def member_weights(self) -> tuple[float, ...]:
        """(c,) how much each member counts, sum 1: what people are shown, without the constant."""
        totals = [
            sum(pool.share * weight / (sum(pool.weights) or 1.0) for pool, weight in column)
            for column in zip(*([(p, w) for w in p.weights] for p in self.pools), strict=True)
        ][:-1]
        return tuple(total / (sum(totals) or 1.0) for total in totals)

    @property
    def constant_weight(self) -> float:
        """How much the constant counts, in [0, 1]."""
        return sum(p.share * p.weights[-1] / (sum(p.weights) or 1.0) for p in self.pools)

    @property
    def is_average(self) -> bool:
        """Whether it is nothing but a weighted average of members."""
        is_plain = len(self.pools) == 1 and self.temperature == 1.0
        pool = self.pools[0]
        return is_plain and pool.kind == LINEAR and not pool.bias and pool.weights[-1] == 0

    def fault(self, n_members: int, n_classes: int) -> str:
        """Says what is wrong with numbers that anybody may have written, or "".

        Args:
            n_members: That it has to combine.
            n_classes: Of the problem, 0 for values.
        """
        width = n_classes or 1
        numbers = [*self.constant, self.temperature]
        for pool in self.pools:
            numbers += [*pool.weights, *pool.bias, pool.share]
            if pool.kind not in (LINEAR, LOGARITHMIC) or (pool.kind != LINEAR and not n_classes):
                return f"{pool.kind} is no kind of pool here"
            if len(pool.weights) != n_members + 1 or len(pool.bias) not in (0, width):
                return f"a pool is not for {n_members} members"
            if not min(pool.weights) >= 0 or not any(pool.weights):
                return "a pool has weights that are not above 0"
        if not self.pools or len(self.constant) != width or not self.temperature > 0:
            return "pools, constant and temperature must be there"
        is_finite = all(abs(float(number)) < 1e30 for number in numbers)
        return "" if is_finite else "a number is not finite"

    def without_idle(self) -> tuple[list[int], Self]:
        """Gives the positions of members that count, and the combination of those alone."""
        kept = self.members
        pools = tuple(
            Pool(p.kind, tuple(p.weights[i] for i in (*kept, -1)), p.bias, p.share)
            for p in self.pools
        )
        return kept, type(self)(pools, self.constant, self.temperature)

    def without(self, members: Collection[int]) -> Self:
        """Gives the combination with some members idle, and the others in proportion.

        In each pool the weights keep their sum; a pool that loses all its members is left out, and
        the others keep the proportions of their shares.

        Args:
            members: Positions; not all that count.
        """
        pools = []
        for pool in self.pools:
            left = [0.0 if i in members else weight for i, weight in enumerate(pool.weights)]
            if any(left[:-1]):
                scale = sum(pool.weights) / sum(left)
                pools.append(replace(pool, weights=tuple(scale * weight for weight in left)))
        total = sum(pool.share for pool in pools) / sum(pool.share for pool in self.pools)
        shared = tuple(replace(pool, share=pool.share / total) for pool in pools)
        return replace(self, pools=shared)

    def to_json(self) -> dict[str, Any]:
        """Gives a dict that `json` can write."""
        return {
            "pools": [
                {"kind": p.kind, "weights": p.weights, "bias": p.bias, "share": p.share}
                for p in self.pools
            ],
            "constant": self.constant,
            "temperature": self.temperature,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads what `to_json` gave."""
        pools = tuple(
            Pool(p["kind"], tuple(p["weights"]), tuple(p["bias"]), p["share"])
            for p in data["pools"]
        )
        return cls(pools, tuple(data["constant"]), float(data["temperature"]))

    @classmethod
    def average(cls, weights: Sequence[float], constant: Sequence[float]) -> Self:
        """Gives the weighted average of members; the constant's weight is last."""
        return cls((Pool(LINEAR, tuple(map(float, weights))),), tuple(map(float, constant)))


def combination_of(manifest: Mapping[str, Any]) -> Combination | None:
    """Gives how the members of a model folder become one; None for their weighted average.

    Raises:
        ModelFolderError: If it is none, or of other members or classes.
    """
    if (found := manifest.get("combination")) is None:
        return None
    try:
        combination = Combination.from_json(found)
        fault = combination.fault(len(manifest["members"]), len(manifest["classes"]))
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        fault = f"it cannot be read ({exc!r})"
    if fault:
        raise ModelFolderError(
            f"the combination of members is none: {fault}.",
            hint="Restore the folder from where it came, or run `autometa optimize` again.",
        )
    return combination


def tempered(probabilities: Array, temperature: float) -> Array:
    """Gives (n, k) ``p ** (1 / temperature)`` brought to sum 1.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    import numpy as np

    return softmax(np.log(np.clip(probabilities, FLOOR, 1.0)) / temperature)


def softmax(logits: Array) -> Array:
    """Gives (n, k) probabilities of (n, k) logits."""
    import numpy as np

    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))
