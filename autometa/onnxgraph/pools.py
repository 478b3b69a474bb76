"""The combination of members as nodes, see `autometa.combination`; all in float64."""

from __future__ import annotations

import numpy as np

from autometa.combination import FLOOR, LINEAR, Combination, Pool
from autometa.onnxgraph.nodes import Array, Nodes


def is_linear(combination: Combination) -> bool:
    """Whether it is a weighted sum of members, up to the temperature."""
    return all(pool.kind == LINEAR for pool in combination.pools)


def member_weights(combination: Combination) -> Array:
    """Gives (c,) weight of each member in all linear pools."""
    weights: Array = np.sum(
        [p.share * np.array(p.weights[:-1]) for p in _linear(combination)], axis=0
    )
    return weights


def linear_shift(combination: Combination, width: int) -> Array:
    """Gives (width,) what the constant and the biases of linear pools add."""
    shift = np.zeros(width)
    for pool in _linear(combination):
        bias = np.array(pool.bias) if pool.bias else 0.0
        shift += pool.share * (pool.weights[-1] * np.array(combination.constant) + bias)
    return shift


def _linear(combination: Combination) -> list[Pool]:
    return [pool for pool in combination.pools if pool.kind == LINEAR]


def write_pools(
    nodes: Nodes, means: str, combination: Combination, n_members: int, width: int
) -> str:
    """Writes linear and logarithmic pools.

    Args:
        nodes: Takes them.
        means: (n, members * width) probabilities.
        combination: With a logarithmic pool.
        n_members: Number of members.
        width: Number of classes.
    """
    own = [pool for pool in combination.pools if pool.kind != LINEAR]
    constant = np.log(np.clip(combination.constant, FLOOR, 1.0))
    weights = np.hstack([np.kron(np.array([p.weights[:-1]]).T, np.eye(width)) for p in own])
    bias = np.concatenate(
        [p.weights[-1] * constant + (np.array(p.bias) if p.bias else 0.0) for p in own]
    )
    logits = nodes.add("MatMul", [_write_log(nodes, means), nodes.constant(weights)])
    logits = nodes.add("Add", [logits, nodes.constant(bias[None, :])])
    logits = nodes.add("Reshape", [logits, nodes.constant([0, len(own), width], np.int64)])
    pooled = nodes.add("Softmax", [logits], axis=-1)
    pooled = nodes.add("Reshape", [pooled, nodes.constant([0, len(own) * width], np.int64)])
    shares = np.kron(np.array([[p.share] for p in own]), np.eye(width))
    mixed = nodes.add("MatMul", [pooled, nodes.constant(shares)])
    if not _linear(combination):
        return mixed
    sums = np.kron(member_weights(combination)[:, None], np.eye(width))
    linear = nodes.add("MatMul", [means, nodes.constant(sums)])
    shift = nodes.constant(linear_shift(combination, width)[None, :])
    return nodes.add("Add", [mixed, nodes.add("Add", [linear, shift])])


def write_temperature(nodes: Nodes, mixed: str, temperature: float) -> str:
    """Writes ``p ** (1 / temperature)`` brought to sum 1."""
    if temperature == 1.0:
        return mixed
    divisor = nodes.constant(temperature, np.float64)
    return nodes.add("Softmax", [nodes.add("Div", [_write_log(nodes, mixed), divisor])], axis=-1)


def _write_log(nodes: Nodes, probabilities: str) -> str:
    ends = [nodes.constant(end, np.float64) for end in (FLOOR, 1.0)]
    return nodes.add("Log", [nodes.add("Clip", [probabilities, *ends])])
