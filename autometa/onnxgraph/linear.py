"""All linear models of a graph as one product, in float64 as their source computes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from autometa.onnxgraph.nodes import Array, Nodes


@dataclass(frozen=True, slots=True)
class Product:
    """A linear model: features @ coef + intercept.

    Args:
        features: (w,) indices of wanted features: numbers; categories are added as sums.
        coef: (w, k) float64.
        intercept: (k,) float64.
        first: First of its k scores.
    """

    features: Array
    coef: Array
    intercept: Array
    first: int


@dataclass(slots=True)
class LinearBank:
    """Linear models that are written together.

    Args:
        products: Of all models.
        width: Number of scores.
    """

    products: list[Product] = field(default_factory=list)
    width: int = 0

    def write(
        self, nodes: Nodes, features: str, places: Array, sums: str | None, n_features: int
    ) -> str:
        """Writes the scores, (n, width) float64.

        Args:
            nodes: Takes them.
            features: Tensor (n, n_features).
            places: Position of each wanted feature in it.
            sums: What categories add, (n, width) float64, or None.
            n_features: Width of `features`.
        """
        intercept = np.concatenate([product.intercept for product in self.products])
        scores = nodes.constant(intercept[None, :], np.float64)
        if sums is not None:
            scores = nodes.add("Add", [sums, scores])
        products = self._write_products(nodes, features, places, n_features)
        return scores if products is None else nodes.add("Add", [products, scores])

    def _write_products(
        self, nodes: Nodes, features: str, places: Array, n_features: int
    ) -> str | None:
        """Writes models of k scores as a batch, (n, models, 1, w) @ (models, w, k), for each k."""
        all_features = np.concatenate([product.features for product in self.products])
        if not len(all_features):
            return None
        tensors: list[str] = []
        order: list[int] = []
        for k in sorted({product.coef.shape[1] for product in self.products}):
            own = [product for product in self.products if product.coef.shape[1] == k]
            w = max(1, *(len(product.features) for product in own))
            # Padded with a feature of a linear model, which is never NaN, times 0.
            index = np.full((len(own), w), places[all_features[0]], dtype=np.int64)
            coef = np.zeros((len(own), w, k))
            for row, product in enumerate(own):
                index[row, : len(product.features)] = places[product.features]
                coef[row, : len(product.features)] = product.coef
                order.extend(range(product.first, product.first + k))
            values = nodes.gather(features, index.ravel(), n_features)
            values = nodes.cast(values, "double")
            shape = nodes.constant([0, len(own), 1, w], np.int64)
            values = nodes.add("Reshape", [values, shape])
            values = nodes.add("MatMul", [values, nodes.constant(coef)])
            shape = nodes.constant([0, len(own) * k], np.int64)
            tensors.append(nodes.add("Reshape", [values, shape]))
        return nodes.gather(nodes.concat(tensors), np.argsort(order), len(order))
