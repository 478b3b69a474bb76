"""Rows without a target that a task wants to use: which there are, and which fold may see them.

They are kept apart from all others, so that no score is ever computed of one. A fold may learn
from one only where its features tell nothing that the fold must not know: never from a row that
is marked as test, never from one whose group is scored or in the test part, and never from one
that is later than the rows the fold trains on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from autometa.dataset import Dataset
from autometa.errors import TaskError
from autometa.images import taken
from autometa.prepared import Unlabelled
from autometa.rowroles import groups_of, marks_of, says_something, times_of
from autometa.schema import Schema
from autometa.split import TEST, TRAIN, Mask, Rows, Split
from autometa.target import Target

OPTION = "data.unlabelled"

MOST_ROWS = 20_000
"""So many are used, drawn at random: their neighbours are found in seconds, not in minutes."""


def require_classes(target: Target) -> None:
    """Checks that rows without a target can be used.

    Raises:
        TaskError: If the problem is a regression: nobody can say how sure a number is.
    """
    if target.problem == "regression":
        raise TaskError(
            f"rows without a target are used for classes only, and this is a regression"
            f" ({target.reason}).",
            key=OPTION,
            hint=f"Remove {OPTION}, which leaves these rows out; or set problem: classification"
            " if the values are classes.",
        )


def find_unlabelled(
    dataset: Dataset,
    missing: Mask,
    schema: Schema,
    roles: Mapping[str, str],
    *,
    split: Split,
    places: Rows,
    seed: int,
) -> tuple[Unlabelled | None, list[str]]:
    """Gives the rows without a target that some fold may learn from.

    Args:
        dataset: All n rows as they were read.
        missing: (n,) marks those without a target.
        schema: The features.
        roles: Columns that are no features, by the key that names them.
        split: Of the m rows with a target.
        places: (m,) rows of `dataset` that `split` is about.
        seed: Decides which are drawn where there are too many.

    Returns:
        They and their folds, None if there are none; and what the user should know, one line
        each.
    """
    if not missing.any():
        return None, [f"{OPTION}: use changes nothing, since every row has a target"]
    codes = _codes(dataset, roles, split, places)
    usable = missing & says_something(dataset, schema) & _is_seen(split, codes)
    rows = np.flatnonzero(usable)
    if len(rows) > MOST_ROWS:
        rng = np.random.default_rng([seed, 1])
        rows = np.sort(rng.choice(rows, size=MOST_ROWS, replace=False))
    notes = [_told(len(rows), int(missing.sum()), int(usable.sum()))]
    if not len(rows):
        return None, notes
    X = dataset.frame[list(schema.names)] if dataset.images is None else dataset.images
    return Unlabelled(taken(X, rows), Split(split.kind, codes[rows])), notes


def _told(n_used: int, n_missing: int, n_usable: int) -> str:
    line = f"{n_used} of {n_missing} rows without a target are used beside the training rows"
    reasons = []
    if n_usable > n_used:
        reasons.append(f"drawn at random: {MOST_ROWS} at most")
    if n_missing > n_usable:
        reasons.append("others say nothing, or belong to the test part or to a later time")
    return f"{line} ({'; '.join(reasons)})" if reasons else line


def _codes(dataset: Dataset, roles: Mapping[str, str], split: Split, places: Rows) -> Rows:
    """Gives (n,) codes of the rows as `Split` has them, as if each had a target."""
    codes = np.full(len(dataset.frame), TRAIN, dtype=np.int64)
    marks = marks_of(dataset, roles.get("data.test"))
    if split.kind == "group":
        codes = _group_codes(dataset, roles["validation.group"], split, places)
    elif split.kind == "time":
        codes = _time_codes(dataset, roles["validation.time"], split, places)
    if marks is not None:
        codes[marks] = TEST
    return codes


def _group_codes(dataset: Dataset, name: str, split: Split, places: Rows) -> Rows:
    """A row goes with the others of its group; new groups are trained on."""
    groups = groups_of(dataset, name, [])
    assert groups is not None
    known = dict(zip(groups[places].tolist(), split.codes.tolist(), strict=True))
    return np.array([known.get(group, TRAIN) for group in groups.tolist()], dtype=np.int64)


def _time_codes(dataset: Dataset, name: str, split: Split, places: Rows) -> Rows:
    """A row belongs to the first block that ends no earlier than it: nobody sees the future."""
    times = times_of(dataset, name)
    assert times is not None
    own, n_blocks = times[places], int(split.codes.max()) + 1
    ends = [own[split.codes == block].max() for block in range(n_blocks)]
    codes = np.searchsorted(ends, times, side="left").astype(np.int64)  # NaN sorts behind all
    codes[codes == n_blocks] = TEST
    return codes


def _is_seen(split: Split, codes: Rows) -> Mask:
    """Marks the rows that some fold may train on."""
    seen = np.zeros(len(codes), dtype=bool)
    whole = Split(split.kind, codes)
    for fold in range(split.n_folds):
        seen[whole.train_rows(fold)] = True
    return seen
