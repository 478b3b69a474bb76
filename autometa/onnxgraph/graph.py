"""The graph that models write themselves into."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autometa.combination import Combination
from autometa.encoding import EncodingPlan
from autometa.encoding.steps import NumericStep
from autometa.errors import NotApplicable
from autometa.onnxgraph.answer import Answer, write_answer
from autometa.onnxgraph.features import Features, LevelValue, features_of
from autometa.onnxgraph.levels import Levels
from autometa.onnxgraph.linear import LinearBank, Product
from autometa.onnxgraph.nodes import DEFAULT_OPSET, IMAGES, ML, Array, Nodes, require_onnx
from autometa.onnxgraph.output import OnnxOutput, OnnxScores
from autometa.onnxgraph.sources import write_sources
from autometa.onnxgraph.trees import Forest, TreeArrays, TreeBank

NUMBER, DATE, TEXT = "number", "date", "text"
_TYPES = {NUMBER: "float", DATE: "int64", TEXT: "string"}


class OnnxGraph:
    """One ONNX graph, from raw columns or images to the answer; models add, then `write` ends it.

    A model's `Model.to_onnx` calls `linear` or `trees`, or, for anything else, `encode`, then
    `constant` and `node` as needed, then `scores`; and gives an `OnnxOutput`. Numbers are float32
    from `encode` on; compare them as the source does, with float32 thresholds.

    Inputs are the columns that are read, by name, each (n, 1): float32 for numbers and booleans
    (NaN = missing), int64 for dates (microseconds since 1970-01-01 UTC; -2**63, as NumPy's NaT, =
    missing), text for categories ("" = missing). A graph over images has one input, ``images``
    (n, h, w, c) uint8, which `images` names.

    Args:
        opset: Of ai.onnx, 15 or later; from 21 on trees are half the size.
        categories: By column: every category that the input schema knows; any other text counts
            as missing. None: it counts as an unseen level.
        image_shape: (h, w, c) of images, which are predicted then; None: columns are.

    Raises:
        NotApplicable: If onnx is not installed.

    Example:
        >>> import numpy as np, pandas as pd
        >>> from autometa import OnnxGraph, OnnxOutput, TabularEncoder
        >>> X = pd.DataFrame({"size": [1.0, 3.0], "colour": pd.Categorical(["red", "blue"])})
        >>> plan = TabularEncoder(min_count=1).fit(X, rng=np.random.default_rng(0))
        >>> graph = OnnxGraph()
        >>> scores = graph.linear(plan, np.ones((3, 1)), np.zeros(1))
        >>> from autometa.onnxgraph.answer import Answer
        >>> model = graph.to_model([[OnnxOutput.values(scores)]], Answer.of_values())
        >>> [column.name for column in model.graph.input]
        ['size', 'colour']
    """

    def __init__(
        self,
        *,
        opset: int = DEFAULT_OPSET,
        categories: Mapping[str, Sequence[str]] | None = None,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        require_onnx()
        self._image_shape = None if image_shape is None else tuple(image_shape)
        self._nodes = Nodes(opset)
        self._levels = Levels(categories)
        self._features = Features(self._levels)
        self._encoded: list[tuple[str, Array]] = []
        self._trees = TreeBank()
        self._linear = LinearBank()
        self._own: list[tuple[str, int]] = []

    @property
    def opset(self) -> int:
        """Version of the ai.onnx operators; ai.onnx.ml is of version 3, with trees from 21 on 5."""
        return self._nodes.opset

    def linear(self, plan: EncodingPlan, coef: Array, intercept: Array) -> OnnxScores:
        """Gives ``encoded @ coef + intercept`` in float64.

        Args:
            plan: How rows are encoded; without missing values (``missing="impute"``).
            coef: (plan.width, k).
            intercept: (k,).

        Raises:
            NotApplicable: If the plan has texts.
        """
        features = features_of(plan)
        first, width = self._linear.width, coef.shape[1]
        is_read: Array = (coef != 0).any(axis=1)  # what has no weight need not be an input
        if not is_read.any():
            is_read[:] = True
        rows: list[int] = []
        for step, place in zip(plan.steps, plan.slices, strict=True):
            if isinstance(step, NumericStep):
                rows.extend(row for row in range(place.start, place.stop) if is_read[row])
            elif not is_read[place].any():
                continue
            elif not isinstance(feature := features[place.start], LevelValue):
                raise TypeError(f"{feature} is no value of a category")
            else:
                self._levels.add_sums(feature.step, coef[place].astype(np.float64), first)
        index = np.array([self._features.want(features[row]) for row in rows], dtype=np.int64)
        own = np.asarray(coef, dtype=np.float64)[rows]
        product = Product(index, own, np.asarray(intercept, dtype=np.float64), first)
        self._linear.products.append(product)
        self._linear.width += width
        return OnnxScores("linear", tuple(range(first, first + width)))

    def trees(self, plan: EncodingPlan, trees: TreeArrays, base: Array) -> OnnxScores:
        """Gives ``base`` and the sums of the leaves that rows reach, (n, k).

        Args:
            plan: How rows are encoded.
            trees: With (m, k) leaf values, or (m, 1) where tree i adds to score ``i % k``.
            base: (k,) what the sums start from.

        Raises:
            NotApplicable: If the plan has texts.
        """
        first, n_trees, n_scores = self._trees.width, len(trees.roots), len(base)
        is_one_each = trees.values.shape[1] == 1
        starts = np.arange(n_trees) % n_scores if is_one_each else np.zeros(n_trees, dtype=np.int64)
        feature, threshold = self._splits(plan, trees)
        forest = Forest(
            feature=feature,
            threshold=threshold,
            left=trees.left,
            right=trees.right,
            missing_left=np.asarray(trees.missing_left, dtype=bool) & (trees.bitset < 0),
            values=trees.values,
            roots=trees.roots,
            first=first + starts,
            base=np.asarray(base, dtype=np.float64),
        )
        self._trees.forests.append(forest)
        self._trees.width += n_scores
        return OnnxScores("trees", tuple(range(first, first + n_scores)))

    def _splits(self, plan: EncodingPlan, trees: TreeArrays) -> tuple[Array, Array]:
        """Gives the wanted feature and the threshold of each node.

        A set of codes becomes a feature of its own that is 0 where a row goes left.
        """
        features, found = features_of(plan), {}
        wanted = np.full(len(trees.feature), -1, dtype=np.int64)
        threshold = np.asarray(trees.threshold, dtype=np.float32).copy()
        for node in np.flatnonzero(trees.feature >= 0).tolist():
            column, bits = int(trees.feature[node]), int(trees.bitset[node])
            missing_left = bool(trees.missing_left[node])
            key = (column, bits, missing_left) if bits >= 0 else (column, -1, False)
            if key not in found:
                feature = features[column]
                if bits >= 0:
                    if not isinstance(feature, LevelValue):
                        raise NotApplicable(f"{plan.names[column]} is split by sets of numbers")
                    feature = LevelValue(
                        feature.step, feature.index, (trees.bits[bits], missing_left)
                    )
                found[key] = self._features.want(feature)
            wanted[node] = found[key]
            if bits >= 0:
                threshold[node] = 0.5
        return wanted, threshold

    def encode(self, plan: EncodingPlan) -> str:
        """Gives the name of the encoded rows, (n, plan.width) float32, as `plan.transform`.

        Raises:
            NotApplicable: If the plan has texts.
        """
        name = self._nodes.name()
        index = [self._features.want(feature) for feature in features_of(plan)]
        self._encoded.append((name, np.array(index, dtype=np.int64)))
        return name

    def images(self) -> str:
        """Gives the name of the input, (n, h, w, c) uint8 with the bytes of the images.

        Raises:
            NotApplicable: If the graph is over columns.
        """
        if self._image_shape is None:
            raise NotApplicable("a model for images cannot predict columns")
        return IMAGES

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Gives the name of a constant; equal ones are written once."""
        return self._nodes.constant(values, dtype)

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Adds an operator with one output; gives the name of its output.

        Args:
            op: As ONNX names it: ``MatMul``.
            inputs: Names of tensors that `encode`, `constant` or `node` gave.
            domain: ``""`` or ``"ai.onnx.ml"``.
            attributes: Numbers, texts, lists or arrays of one axis.
        """
        return self.nodes(op, *inputs, n_outputs=1, domain=domain, **attributes)[0]

    def nodes(
        self, op: str, *inputs: str, n_outputs: int, domain: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """Adds an operator; gives the names of its outputs.

        Args:
            op: As ONNX names it: ``DynamicQuantizeLinear``.
            inputs: See `node`.
            n_outputs: How many of its outputs there are.
            domain: See `node`.
            attributes: See `node`.
        """
        names = tuple(self._nodes.name() for _ in range(n_outputs))
        self._nodes.add(op, inputs, domain=domain, outputs=names, **attributes)
        return names

    def scores(self, tensor: str, width: int) -> OnnxScores:
        """Gives the scores that own nodes compute.

        Args:
            tensor: (n, width) float32, as `node` named it.
            width: Number of scores.
        """
        self._own.append((tensor, width))
        return OnnxScores(f"own-{len(self._own) - 1}", tuple(range(width)))

    def to_model(
        self,
        members: Sequence[Sequence[OnnxOutput]],
        answer: Answer,
        *,
        combination: Combination | None = None,
        properties: Mapping[str, str] | None = None,
        spare: tuple[str, str] | None = None,
    ) -> Any:
        """Ends the graph.

        Args:
            members: Outputs of the models of each member, which is their mean.
            answer: What the file gives.
            combination: How members become one; None for their mean.
            properties: Further metadata.
            spare: Name and kind (``number``, ``date`` or ``text``) of the column that says how
                many rows there are when no model reads one.

        Returns:
            The ``ModelProto``.

        Raises:
            NotApplicable: If no model reads a column and there is no spare one.
        """
        nodes = self._nodes
        before, nodes.nodes = nodes.nodes, []
        inputs = self._inputs(answer, spare)
        banks = self._write_banks(inputs, before)
        if not banks:
            banks["none"] = (self._zeros(inputs), 1)
        if combination is None:
            shares = [1.0 / len(members)] * len(members)
            combination = Combination.average([*shares, 0.0], [0.0] * len(members[0][0].shift))
        results = write_answer(nodes, banks, members, combination, answer)
        columns = [
            {"column": column, "input": name, "kind": kind}
            for column, (name, kind) in inputs.items()
        ]
        metadata = {"columns": json.dumps(columns), **answer.properties, **(properties or {})}
        if self._image_shape is not None:
            metadata["image_shape"] = json.dumps(self._image_shape)
            shapes = {IMAGES: self._image_shape}
            return nodes.to_model([(IMAGES, "uint8")], results, metadata, shapes)
        typed = [(name, _TYPES[kind]) for name, kind in inputs.values()]
        return nodes.to_model(typed, results, metadata)

    def write(
        self,
        path: Path,
        members: Sequence[Sequence[OnnxOutput]],
        answer: Answer,
        **more: Any,
    ) -> None:
        """Ends the graph, checks it and writes the file; arguments as for `to_model`."""
        import onnx

        model = self.to_model(members, answer, **more)
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString(deterministic=True))

    def _inputs(self, answer: Answer, spare: tuple[str, str] | None) -> dict[str, tuple[str, str]]:
        """Gives name and kind of the input of each column."""
        if self._image_shape is not None:
            return {}
        sources = self._features.sources
        kinds = {column: NUMBER if part == "value" else DATE for column, part in sources}
        kinds |= dict.fromkeys(self._levels.columns, TEXT)
        if not kinds:
            if spare is None:
                raise NotApplicable("it predicts the same for every row and reads no column")
            kinds = dict([spare])
        taken = {name for name, _, _ in answer.outputs}
        found = {}
        for column, kind in kinds.items():
            name = column.replace("\0", "?")
            if not name or name.startswith("@"):
                name = f"column {name}"
            while name in taken:
                name += "_"
            taken.add(name)
            found[column] = (name, kind)
        return found

    def _write_banks(
        self, inputs: Mapping[str, tuple[str, str]], own_nodes: list[Any]
    ) -> dict[str, tuple[str, int]]:
        """Writes everything up to the scores; gives tensor and width of each bank."""
        nodes, banks = self._nodes, {}
        numbers = None
        if sources := self._features.sources:
            own = {column: name for column, (name, _) in inputs.items()}
            numbers = write_sources(nodes, own, sources)
        if self._levels.columns:
            names = {column: inputs[column][0] for column in self._levels.columns}
            self._levels.write_codes(nodes, names, self._linear.width)
        features, places, width = "", np.zeros(0, dtype=np.int64), 0
        if self._features.wanted:
            features, places, width = self._features.write(nodes, numbers)
        for name, index in self._encoded:
            gathered = nodes.constant(places[index])
            nodes.add("Gather", [features, gathered], outputs=[name], axis=1)
        nodes.nodes.extend(own_nodes)
        if self._linear.products:
            sums = self._levels.write_sums(nodes)
            tensor = self._linear.write(nodes, features, places, sums, width)
            banks["linear"] = (tensor, self._linear.width)
        if self._trees.forests:
            if not features:  # trees of one leaf each, which nevertheless say it for every row
                features, places = nodes.cast(self._zeros(inputs), "float"), np.zeros(1, np.int64)
            banks["trees"] = (self._trees.write(nodes, features, places), self._trees.width)
        for number, (tensor, own_width) in enumerate(self._own):
            banks[f"own-{number}"] = (nodes.cast(tensor, "double"), own_width)
        return banks

    def _zeros(self, inputs: Mapping[str, tuple[str, str]]) -> str:
        """Gives (n, 1) float64 zeros, as many as there are rows."""
        if self._image_shape is not None:
            n_rows = self._nodes.add("Shape", [IMAGES], start=0, end=1)
            shape = self._nodes.add("Concat", [n_rows, self.constant([1], np.int64)], axis=0)
            return self._nodes.add("Expand", [self.constant([[0.0]], np.float64), shape])
        name, kind = next(iter(inputs.values()))
        if kind == TEXT:
            code = self._nodes.add(
                "LabelEncoder",
                [name],
                domain=ML,
                keys_strings=[""],
                values_int64s=[0],
                default_int64=0,
            )
        else:
            code = name if kind == DATE else self._nodes.add("IsNaN", [name])
        zero = self._nodes.constant(0.0, np.float64)
        return self._nodes.add("Mul", [self._nodes.cast(code, "double"), zero])
