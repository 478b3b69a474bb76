"""All trees of a graph as one node.

With leaves of one value each it is the ``TreeEnsemble`` of ai.onnx.ml 5, a third of the bytes of
the ``TreeEnsembleRegressor`` that leaves with many values and older opsets need.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from autometa.onnxgraph.nodes import ML, Array, Nodes, TensorAttribute

NEW_NODE_OPSET = 21


class TreeArrays(Protocol):
    """The nodes of all trees of a model, one after another; `n` nodes, `m` leaves.

    A row goes left when its float32 value is at most the threshold; when missing, as
    `missing_left` says; at a categorical node, when the bit of its code is set.

    Attributes:
        feature: (n,) encoded column; -1 at a leaf.
        threshold: (n,) float32.
        left: (n,) index of the left child; at a leaf, the index of its values.
        right: (n,) index of the right child.
        missing_left: (n,) bool.
        bitset: (n,) row of `bits` at a categorical node, else -1.
        bits: (b, 8) uint32, codes 0 to 255.
        values: (m, k) float32.
        roots: (t,) index of each tree's first node.
    """

    @property
    def feature(self) -> Array: ...  # noqa: D102 - see the class
    @property
    def threshold(self) -> Array: ...  # noqa: D102
    @property
    def left(self) -> Array: ...  # noqa: D102
    @property
    def right(self) -> Array: ...  # noqa: D102
    @property
    def missing_left(self) -> Array: ...  # noqa: D102
    @property
    def bitset(self) -> Array: ...  # noqa: D102
    @property
    def bits(self) -> Array: ...  # noqa: D102
    @property
    def values(self) -> Array: ...  # noqa: D102
    @property
    def roots(self) -> Array: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Forest:
    """The trees of one model, ready to be joined with those of others.

    Args:
        feature: (n,) index of the wanted feature; -1 at a leaf.
        threshold: (n,) float32.
        left: (n,) see `TreeArrays`.
        right: (n,) see `TreeArrays`.
        missing_left: (n,) bool.
        values: (m, v) float32.
        roots: (t,) see `TreeArrays`.
        first: (t,) first of the v scores that each tree adds to.
        base: (k,) float64 what its scores start from.
    """

    feature: Array
    threshold: Array
    left: Array
    right: Array
    missing_left: Array
    values: Array
    roots: Array
    first: Array
    base: Array

    @property
    def tree_of_leaf(self) -> Array:
        """(m,) tree that each row of `values` belongs to."""
        order = np.argsort(self.roots, kind="stable")
        nodes = np.flatnonzero(self.feature < 0)
        tree = order[np.searchsorted(self.roots[order], nodes, side="right") - 1]
        owner = np.zeros(len(self.values), dtype=np.int64)
        owner[self.left[nodes]] = tree
        return owner


@dataclass(slots=True)
class TreeBank:
    """Trees that are written together.

    Args:
        forests: Of all models.
        width: Number of scores.
    """

    forests: list[Forest] = field(default_factory=list)
    width: int = 0

    def write(self, nodes: Nodes, features: str, places: Array) -> str:
        """Writes the scores, (n, width) float64.

        Args:
            nodes: Takes them.
            features: Tensor (n, w).
            places: Position of each wanted feature in it.
        """
        is_simple = [f.values.shape[1] == 1 and _has_splits(f) for f in self.forests]
        is_new = nodes.opset >= NEW_NODE_OPSET and all(is_simple)
        write = _write_new if is_new else _write_old
        sums = nodes.cast(write(nodes, self.forests, features, places, self.width), "double")
        base = np.concatenate([forest.base for forest in self.forests])
        return nodes.add("Add", [sums, nodes.constant(base[None, :], np.float64)])


def _has_splits(forest: Forest) -> bool:
    return bool((forest.feature[forest.roots] >= 0).all())


def _write_new(
    nodes: Nodes, forests: list[Forest], features: str, places: Array, width: int
) -> str:
    """Writes a ``TreeEnsemble`` of ai.onnx.ml 5: splits and leaves are numbered apart."""
    parts: dict[str, list[Array]] = {}
    n_splits = n_leaves = 0
    for forest in forests:
        is_split = forest.feature >= 0
        number = np.where(is_split, np.cumsum(is_split) - 1 + n_splits, forest.left + n_leaves)
        left, right = forest.left[is_split], forest.right[is_split]
        own = {
            "tree_roots": number[forest.roots],
            "nodes_featureids": places[forest.feature[is_split]],
            "nodes_splits": forest.threshold[is_split],
            "nodes_truenodeids": number[left],
            "nodes_falsenodeids": number[right],
            "nodes_trueleafs": ~is_split[left],
            "nodes_falseleafs": ~is_split[right],
            "nodes_missing_value_tracks_true": forest.missing_left[is_split],
            "leaf_targetids": forest.first[forest.tree_of_leaf],
            "leaf_weights": forest.values[:, 0],
        }
        for key, values in own.items():
            parts.setdefault(key, []).append(values)
        n_splits += int(is_split.sum())
        n_leaves += len(forest.values)
    joined: dict[str, Any] = {key: np.concatenate(values) for key, values in parts.items()}
    attributes: dict[str, Any] = {
        key: TensorAttribute(values.astype(np.float32))
        if key in ("nodes_splits", "leaf_weights")
        else values.astype(np.int64)
        for key, values in joined.items()
    }
    attributes["nodes_modes"] = TensorAttribute(np.zeros(n_splits, dtype=np.uint8))
    return nodes.add("TreeEnsemble", [features], domain=ML, n_targets=width, **attributes)


def _write_old(
    nodes: Nodes, forests: list[Forest], features: str, places: Array, width: int
) -> str:
    """Writes a ``TreeEnsembleRegressor``, whose leaves may have many values."""
    parts: dict[str, list[Array]] = {}
    n_trees = 0
    for forest in forests:
        sizes = np.diff([*forest.roots, len(forest.feature)])
        tree = np.repeat(np.arange(len(sizes)), sizes)
        number = np.arange(len(forest.feature)) - forest.roots[tree]
        is_split = forest.feature >= 0
        leaves = np.flatnonzero(~is_split)
        n_values = forest.values.shape[1]
        targets = forest.first[tree[leaves], None] + np.arange(n_values)  # (m, v)
        own = {
            "nodes_treeids": tree + n_trees,
            "nodes_nodeids": number,
            "nodes_featureids": np.where(is_split, places[forest.feature], 0),
            "nodes_values": np.where(is_split, forest.threshold, 0.0),
            "nodes_truenodeids": np.where(is_split, number[np.where(is_split, forest.left, 0)], 0),
            "nodes_falsenodeids": np.where(
                is_split, number[np.where(is_split, forest.right, 0)], 0
            ),
            "nodes_missing_value_tracks_true": is_split & forest.missing_left,
            "target_treeids": np.repeat(tree[leaves] + n_trees, n_values),
            "target_nodeids": np.repeat(number[leaves], n_values),
            "target_ids": targets.ravel(),
            "target_weights": forest.values[forest.left[leaves]].ravel(),
        }
        for key, values in own.items():
            parts.setdefault(key, []).append(values)
        n_trees += len(sizes)
    joined: dict[str, Any] = {key: np.concatenate(values) for key, values in parts.items()}
    floats = ("nodes_values", "target_weights")
    attributes: dict[str, Any] = {
        key: values.astype(np.float32 if key in floats else np.int64)
        for key, values in joined.items()
    }
    is_split = np.concatenate([forest.feature >= 0 for forest in forests])
    modes = np.where(is_split, "BRANCH_LEQ", "LEAF").tolist()
    return nodes.add(
        "TreeEnsembleRegressor",
        [features],
        domain=ML,
        n_targets=width,
        nodes_modes=modes,
        aggregate_function="SUM",
        post_transform="NONE",
        **attributes,
    )
