"""A random sample of a stream of record batches, in memory that depends on the sample alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

_SEED = 0


def sample_batches(batches: Iterable[pa.RecordBatch], size: int) -> tuple[pa.Table, int]:
    """Draws rows without replacement, each with the same chance; the same ones every time.

    Args:
        batches: A stream of at least one batch.
        size: Number of rows to draw, at least 1; all rows if there are fewer.

    Returns:
        The rows in the order of the stream, and how many the stream had.

    Source:
        Each row gets a random key, the smallest keys win (Efraimidis and Spirakis 2006, with
        equal weights).
    """
    rng = np.random.default_rng(_SEED)
    kept: list[pa.RecordBatch] = []
    keys: list[np.ndarray[Any, Any]] = []
    n_rows = n_kept = 0
    limit = 1.0
    for batch in batches:
        n_rows += batch.num_rows
        drawn = rng.random(batch.num_rows)
        wins = drawn < limit
        kept.append(batch.filter(pa.array(wins)))
        keys.append(drawn[wins])
        n_kept += int(wins.sum())
        if n_kept > 2 * size:
            limit = _shrink(kept, keys, size)
            n_kept = size
    _shrink(kept, keys, size)
    return pa.Table.from_batches(kept).combine_chunks(), n_rows


def _shrink(kept: list[pa.RecordBatch], keys: list[np.ndarray[Any, Any]], size: int) -> float:
    """Keeps the `size` smallest keys, in place; gives the key above which no row wins."""
    together = np.concatenate(keys)
    if len(together) <= size:
        return 1.0
    limit = float(np.partition(together, size)[size])
    table = pa.Table.from_batches(kept).filter(pa.array(together < limit))
    kept[:] = table.combine_chunks().to_batches()
    keys[:] = [together[together < limit]]
    return limit
