"""Reads the trees out of LightGBM's own text format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from autometa import NotApplicable
from autometa_tabular.classes import Array
from autometa_tabular.models.trees import Tree, Trees, join

_CATEGORICAL, _DEFAULT_LEFT, _MISSING = 1, 2, 12  # bits of decision_type
_MISSING_NONE, _MISSING_ZERO = 0, 4


def read_trees(text: str) -> Trees:
    """Gives the trees of a booster.

    A row takes the same path as in LightGBM: its thresholds are float64, encoded values float32.

    Args:
        text: As ``Booster.model_to_string`` gives it.

    Raises:
        NotApplicable: If a tree has what our trees have not: linear leaves, zero as missing.
    """
    return join([_read_tree(fields) for fields in _sections(text)])


def _sections(text: str) -> Iterator[Mapping[str, str]]:
    body = text.partition("\nTree=")[2].partition("\nend of trees")[0]
    for section in body.split("\nTree="):
        lines = (line.partition("=") for line in section.splitlines())
        yield {key: value for key, _, value in lines}


def _numbers(fields: Mapping[str, str], key: str, dtype: str) -> Array:
    return np.array(fields.get(key, "").split(), dtype=dtype)


def _read_tree(fields: Mapping[str, str]) -> Tree:
    if fields.get("is_linear", "0") != "0":
        raise NotApplicable("LightGBM's linear trees have no export")
    leaves = _numbers(fields, "leaf_value", "f8")
    if int(fields["num_leaves"]) == 1:
        return _only_leaf(leaves)
    feature = _numbers(fields, "split_feature", "i8")
    threshold = _numbers(fields, "threshold", "f8")
    decision = _numbers(fields, "decision_type", "i8")
    is_set = (decision & _CATEGORICAL) > 0
    missing = decision & _MISSING
    if (missing[~is_set] == _MISSING_ZERO).any():
        raise NotApplicable("LightGBM's zero_as_missing has no export")
    # Without a missing value in training NaN is read as 0; in a set of levels it is never.
    missing_left = np.where(missing == _MISSING_NONE, threshold >= 0, decision & _DEFAULT_LEFT > 0)
    bitset, bits = _sets(fields, threshold, is_set)
    pad = np.zeros(len(leaves), dtype=np.int64)
    return Tree(
        feature=np.concatenate([feature, pad - 1]),
        threshold=np.concatenate([np.where(is_set, 0.0, threshold), pad]),
        left=np.concatenate([_children(fields, "left_child"), pad]),
        right=np.concatenate([_children(fields, "right_child"), pad]),
        missing_left=np.concatenate([missing_left & ~is_set, pad]).astype(bool),
        values=np.concatenate([np.zeros(len(feature)), leaves])[:, None],
        bitset=np.concatenate([bitset, pad - 1]),
        bits=bits,
    )


def _only_leaf(leaves: Array) -> Tree:
    zero = np.zeros(1, dtype=np.int64)
    return Tree(
        feature=zero - 1,
        threshold=zero.astype(np.float64),
        left=zero,
        right=zero,
        missing_left=zero.astype(bool),
        values=leaves[:1, None],
    )


def _children(fields: Mapping[str, str], key: str) -> Array:
    """Gives node indices; LightGBM writes leaf i as ~i, here leaves follow the splits."""
    child = _numbers(fields, key, "i8")
    children: Array = np.where(child < 0, len(child) + ~child, child)
    return children


def _sets(fields: Mapping[str, str], threshold: Array, is_set: Array) -> tuple[Array, Array]:
    """Gives for each node the row of its set, -1 without, and the (b, 8) uint32 sets."""
    ends = _numbers(fields, "cat_boundaries", "i8")
    words = _numbers(fields, "cat_threshold", "u4")
    bits = np.zeros((max(0, len(ends) - 1), 8), dtype=np.uint32)
    for row, (start, end) in enumerate(pairwise(ends)):
        if end - start > bits.shape[1]:
            raise NotApplicable("a set of LightGBM has codes above 255")
        bits[row, : end - start] = words[start:end]
    return np.where(is_set, threshold, -1).astype(np.int64), bits
