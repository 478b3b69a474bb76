"""Fits the step of a text column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.encoding.columns import Floats
from autometa.encoding.steps import N_HASHES, TextStep, count_terms, weigh_terms

if TYPE_CHECKING:
    import pandas as pd


def text_step(
    series: pd.Series[Any],
    n_terms: int,
    n_components: int,
    *,
    scale: str,
    rng: np.random.Generator,
) -> TextStep | None:
    """Gives the step, or None when no document has a word.

    The `n_terms` words and pairs of words that most documents have are the terms. Hashing into as
    many places instead would let unrelated words share one: on 7,100 reviews of a sentence each,
    with 1,024 places, a linear model had .637 log loss; with the 1,024 commonest terms .566.

    The idf is ``log((1 + n) / (1 + df)) + 1``, as in scikit-learn. With `scale` other than
    ``none`` the components have standard deviation 1 on the training rows.
    """
    counts = count_terms(series)
    if counts.nnz == 0:
        return None
    n_documents = np.bincount(counts.indices, minlength=N_HASHES)
    commonest = np.argsort(-n_documents, kind="stable")[:n_terms]
    hashes = np.sort(commonest[n_documents[commonest] > 0])
    counts = counts[:, hashes]
    idf = (np.log((1.0 + len(series)) / (1.0 + n_documents[hashes])) + 1.0).astype(np.float32)
    components = np.zeros((len(hashes), 0), dtype=np.float32)
    if n_components:
        components = _project(weigh_terms(counts, idf), n_components, rng)
        if scale != "none":
            spread = np.asarray(weigh_terms(counts, idf) @ components).std(axis=0)
            components /= np.where(spread > 1e-6, spread, np.inf)
    return TextStep(
        column=str(series.name), hashes=tuple(hashes.tolist()), idf=idf, components=components
    )


def _project(weights: Any, n_components: int, rng: np.random.Generator) -> Floats:
    """Gives (n_terms, k) right singular vectors, k at most the rank the shape allows."""
    from sklearn.utils.extmath import randomized_svd

    k = min(n_components, *weights.shape)
    seed = int(rng.integers(2**31))
    _, _, rows = randomized_svd(weights, n_components=k, random_state=seed)
    return np.ascontiguousarray(rows.T, dtype=np.float32)
