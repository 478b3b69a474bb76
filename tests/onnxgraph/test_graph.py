import json

import numpy as np
import pandas as pd
import pytest

from autometa import EncodingPlan, NotApplicable, OnnxGraph, OnnxOutput, TabularEncoder
from autometa.combination import Combination, Pool
from autometa.encoding.columns import DATE_PARTS
from autometa.encoding.steps import NumericStep, OneHotStep, OrdinalStep
from autometa.onnxgraph.answer import Answer
from autometa.onnxgraph.feeds import columns_of, feeds_of, image_shape_of
from autometa.testing.data import make_table, with_gaps, with_unseen, without_columns

ort = pytest.importorskip("onnxruntime")


class Stump:
    """One tree with one split: left gives 1, right gives 2."""

    def __init__(self, threshold=0.0, missing_left=False, bits=None):
        self.feature = np.array([0, -1, -1])
        self.threshold = np.array([threshold, 0, 0], dtype=np.float32)
        self.left, self.right = np.array([1, 0, 1]), np.array([2, 0, 0])
        self.missing_left = np.array([missing_left, False, False])
        self.bitset = np.array([-1 if bits is None else 0, -1, -1])
        self.bits = np.zeros((0, 8), np.uint32) if bits is None else bits[None]
        self.values = np.array([[1.0], [2.0]], dtype=np.float32)
        self.roots = np.array([0])


def run(graph, members, X, answer=None, **more):
    model = graph.to_model(members, answer or Answer.of_values(), **more)
    session = ort.InferenceSession(model.SerializeToString())
    results = session.run(None, feeds_of(columns_of(session), X))
    return dict(zip([output.name for output in session.get_outputs()], results, strict=True))


def plan_of(*steps):
    return EncodingPlan(tuple(steps))


def encoded_by(plan, X, opset):
    """Encodes rows by a file; -99 where a value is missing."""
    graph = OnnxGraph(opset=opset)
    encoded = graph.encode(plan)
    gap = graph.constant(-99.0, np.float32)
    values = graph.node("Where", graph.node("IsNaN", encoded), gap, encoded)
    scores = graph.scores(values, plan.width)
    output = OnnxOutput.probabilities(scores, link="identity", n_classes=plan.width)
    return run(graph, [[output]], X, Answer.of_probabilities(plan.width))["probabilities"]


@pytest.mark.parametrize("opset", [15, 17, 21])
@pytest.mark.parametrize("scale", ["none", "standard", "squash"])
@pytest.mark.parametrize("categorical", ["onehot", "ordinal", "target"])
@pytest.mark.parametrize("missing", ["impute", "keep"])
def test_encode_gives_what_the_plan_gives(missing, categorical, scale, opset):
    table = make_table("gaps", "binary")
    encoder = TabularEncoder(missing=missing, categorical=categorical, scale=scale, max_levels=9)
    plan = encoder.fit(table.train.X, table.train.y, n_classes=2, rng=np.random.default_rng(0))
    for X in (table.X, with_unseen(table.X)):
        expected = np.nan_to_num(plan.transform(X), nan=-99.0)
        np.testing.assert_array_equal(encoded_by(plan, X, opset), expected)


@pytest.mark.parametrize("opset", [15, 21])
def test_parts_of_a_date_are_those_of_the_plan_on_every_day(opset):
    days = np.arange("1695-01-01", "2205-01-01", dtype="datetime64[D]").astype("datetime64[us]")
    far = np.arange(-(2**62), 2**62, 2**52 + 987_654_321).view("datetime64[us]")
    ends = np.array(["NaT", "0001-01-01", "9999-12-31T23:59:59.999999"], dtype="datetime64[us]")
    last = np.timedelta64(86_400_000_000 - 1, "us")
    X = pd.DataFrame({"first": np.concatenate([days, days + last, far, ends])})
    X["second"] = X["first"].to_numpy()[::-1]
    steps = [NumericStep(column=c, part=p) for p in DATE_PARTS for c in ("second", "first")]
    plan = plan_of(*steps[1:], NumericStep(column="first", part="hour", impute=9.0, factor=0.5))
    expected = np.nan_to_num(plan.transform(X), nan=-99.0)
    np.testing.assert_array_equal(encoded_by(plan, X, opset), expected)


@pytest.mark.parametrize("opset", [17, 21])
def test_split_is_exact_at_the_threshold(opset):
    threshold = np.float32(0.1)
    above = np.nextafter(threshold, np.float32(1))
    X = pd.DataFrame({"x": [float(threshold), float(above), np.nan, -1.0]})
    for missing_left in (False, True):
        graph = OnnxGraph(opset=opset)
        plan = plan_of(NumericStep(column="x"))
        scores = graph.trees(plan, Stump(threshold, missing_left), np.zeros(1))
        got = run(graph, [[OnnxOutput.values(scores)]], X)["value"]
        assert got.ravel().tolist() == [1, 2, 1 if missing_left else 2, 1]


def test_set_of_levels_sends_its_codes_left():
    step = OrdinalStep(column="c", levels=("a", "b", "c"), unseen=3.0, missing=None)
    bits = np.zeros(8, np.uint32)
    bits[0] = 0b1010  # b, and what was never seen
    X = pd.DataFrame({"c": pd.Categorical(["a", "b", "c", "new", None])})
    graph = OnnxGraph()
    scores = graph.trees(plan_of(step), Stump(bits=bits, missing_left=True), np.zeros(1))
    got = run(graph, [[OnnxOutput.values(scores)]], X)["value"]
    assert got.ravel().tolist() == [2, 1, 2, 1, 1]


def test_unknown_category_is_missing_when_the_schema_is_given():
    step = OneHotStep(column="c", levels=("a",), has_other=True, has_missing=True)
    X = pd.DataFrame({"c": pd.Categorical(["a", "rare", "new", None])})
    coef = np.array([[1.0], [2.0], [3.0]])
    for categories, expected in ((None, [1, 2, 2, 3]), ({"c": ("a", "rare")}, [1, 2, 3, 3])):
        graph = OnnxGraph(categories=categories)
        scores = graph.linear(plan_of(step), coef, np.zeros(1))
        got = run(graph, [[OnnxOutput.values(scores)]], X)["value"]
        assert got.ravel().tolist() == expected


def test_average_of_models_is_weighted():
    X = pd.DataFrame({"x": [1.0, 2.0]})
    plan = plan_of(NumericStep(column="x", impute=0.0))
    graph = OnnxGraph()
    double = OnnxOutput.values(graph.linear(plan, np.array([[2.0]]), np.zeros(1)))
    bounded = OnnxOutput.values(
        graph.linear(plan, np.array([[1.0]]), np.ones(1)), bounds=(0.0, 2.5), scale=10.0, shift=1.0
    )
    log = OnnxOutput.values(graph.linear(plan, np.array([[1.0]]), np.zeros(1)), is_log=True)
    constant = OnnxOutput.constant([100.0])
    members = [[double], [bounded], [log, constant]]
    combination = Combination.average([0.5, 0.25, 0.25, 0.0], [0.0])
    got = run(graph, members, X, combination=combination)["value"].ravel()
    expected = [
        0.5 * 2 * x + 0.25 * (10 * min(x + 1, 2.5) + 1) + 0.125 * np.exp(x) + 12.5
        for x in (1.0, 2.0)
    ]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_classes_that_a_model_never_saw_get_the_floor():
    X = pd.DataFrame({"x": [0.0]})
    plan = plan_of(NumericStep(column="x", impute=0.0))
    graph = OnnxGraph()
    scores = graph.linear(plan, np.zeros((1, 1)), np.zeros(1))
    output = OnnxOutput.probabilities(scores, n_classes=3, present=(0, 2), floor=0.1)
    got = run(graph, [[output]], X, Answer.of_probabilities(3))["probabilities"]
    np.testing.assert_allclose(got, [[0.45, 0.1, 0.45]], atol=1e-7)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (("no", "yes ä"), np.object_),
        ((-1, 7), np.int64),
        ((0.5, 1.5), np.float64),
        ((False, True), np.bool_),
        ((2**70, 1), np.object_),
    ],
    ids=["text", "integer", "real", "boolean", "huge"],
)
def test_label_is_as_the_user_wrote_it(labels, kind):
    X = pd.DataFrame({"x": [-1.0, 1.0]})
    plan = plan_of(NumericStep(column="x", impute=0.0))
    graph = OnnxGraph()
    scores = graph.linear(plan, np.ones((1, 1)), np.zeros(1))
    output = OnnxOutput.probabilities(scores, n_classes=2)
    got = run(graph, [[output]], X, Answer.of_labels(labels))["label"]
    assert got.dtype == kind
    assert got.tolist() == [str(x) if kind is np.object_ else x for x in labels]


@pytest.mark.parametrize(
    "name", ["", "label", "value", "probabilities", "@1", "a b/c:0", "ü\n", "x" * 3000, "a\0b"]
)
def test_any_column_name_works(name):
    X = pd.DataFrame({name: [3.0], "other": [1.0]})
    steps = [NumericStep(column=column, impute=0.0) for column in (name, "other")]
    graph = OnnxGraph()
    scores = graph.linear(plan_of(*steps), np.array([[1.0], [10.0]]), np.zeros(1))
    answer = Answer.of_labels(("a", "b"))
    output = OnnxOutput.probabilities(scores, n_classes=2)
    got = run(graph, [[output]], X, answer)
    assert got["probabilities"][0, 1] > 0.999


def test_inputs_are_the_columns_that_are_read():
    plan = plan_of(
        NumericStep(column="size", impute=0.0),
        OneHotStep(column="colour", levels=("red",), has_other=False, has_missing=False),
    )
    graph = OnnxGraph()
    scores = graph.linear(plan, np.ones((2, 1)), np.zeros(1))
    model = graph.to_model([[OnnxOutput.values(scores)]], Answer.of_values())
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(properties["columns"]) == [
        {"column": "size", "input": "size", "kind": "number"},
        {"column": "colour", "input": "colour", "kind": "text"},
    ]


@pytest.mark.parametrize("read", [("a", "colour"), ("a",), ("colour",), ()])
def test_column_without_weight_is_no_input(read):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=30),
            "b": rng.normal(size=30),
            "colour": pd.Categorical(rng.choice(["red", "blue"], 30)),
            "kind": pd.Categorical(rng.choice(["x", "y"], 30)),
        }
    )
    plan = TabularEncoder(missing="impute", categorical="onehot").fit(X, rng=rng)
    encoded = plan.transform(X)
    coef = np.zeros((plan.width, 2))
    for step, place in zip(plan.steps, plan.slices, strict=True):
        if step.column in read:
            coef[place, 0] = rng.normal(size=place.stop - place.start)
    graph = OnnxGraph()
    scores = graph.linear(plan, coef, np.array([1.0, 2.0]))
    members = [[OnnxOutput.probabilities(scores, link="identity", n_classes=2)]]
    model = graph.to_model(members, Answer.of_probabilities(2))
    assert [i.name for i in model.graph.input] == (list(read) or list(X.columns))
    session = ort.InferenceSession(model.SerializeToString())
    (got,) = session.run(["probabilities"], feeds_of(columns_of(session), X))
    np.testing.assert_allclose(got, encoded @ coef + [1.0, 2.0], atol=1e-5)


def test_constant_alone_needs_a_column_to_count_rows():
    output = OnnxOutput.constant([0.25, 0.75])
    with pytest.raises(NotApplicable, match="reads no column"):
        OnnxGraph().to_model([[output]], Answer.of_probabilities(2))
    for spare, column in ((("x", "number"), [1.0, np.nan]), (("x", "text"), ["a", None])):
        X = pd.DataFrame({"x": column})
        answer = Answer.of_probabilities(2)
        got = run(OnnxGraph(), [[output]], X, answer, spare=spare)["probabilities"]
        assert got.tolist() == [[0.25, 0.75]] * 2


def test_text_is_declined_by_name():
    table = make_table("text", "binary")
    plan = TabularEncoder().fit(table.train.X, rng=np.random.default_rng(0))
    with pytest.raises(NotApplicable, match="column 'text' is encoded as text"):
        OnnxGraph().encode(plan)


def test_many_models_have_the_nodes_of_one():
    table = without_columns(make_table("gaps", "multiclass"), ("date",))
    sizes = []
    for n_models in (1, 20):
        graph = OnnxGraph()
        outputs = []
        for seed in range(n_models):
            rows = with_gaps(table.train.X, np.random.default_rng(seed), share=0.1)
            plan = TabularEncoder().fit(rows, rng=np.random.default_rng(0))
            scores = graph.linear(plan, np.ones((plan.width, 4)), np.zeros(4))
            output = OnnxOutput.probabilities(scores, n_classes=4)
            outputs.append(output)
        model = graph.to_model([outputs], Answer.of_probabilities(4))
        sizes.append(len(model.graph.node))
    assert sizes[1] <= sizes[0] + 2


@pytest.mark.parametrize("temperature", [1.0, 1.7])
@pytest.mark.parametrize("kinds", [["linear"], ["logarithmic"], ["logarithmic", "linear"]])
def test_combination_is_that_of_the_model_folder(kinds, temperature):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=50), "y": rng.normal(size=50)})
    plan = plan_of(NumericStep(column="x", impute=0.0), NumericStep(column="y", impute=0.0))
    graph, members, expected = OnnxGraph(), [], []
    for _ in range(3):
        coef = rng.normal(scale=3.0, size=(2, 4))
        scores = graph.linear(plan, coef, np.zeros(4))
        members.append([OnnxOutput.probabilities(scores, n_classes=4)])
        logits = X.to_numpy() @ coef
        expected.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    bias = {"linear": (), "logarithmic": (0.1, -0.2, 0.0, 0.3)}
    pools = [
        Pool(kind, (0.5, 0.0, 0.3, 0.2), bias[kind], share)
        for kind, share in zip(kinds, (1.0,) if len(kinds) == 1 else (0.75, 0.25), strict=True)
    ]
    combination = Combination(tuple(pools), (0.4, 0.3, 0.2, 0.1), temperature)
    answer = Answer.of_probabilities(4)
    got = run(graph, members, X, answer, combination=combination)["probabilities"]
    np.testing.assert_allclose(got, combination(expected), atol=2e-6)


def test_values_are_combined_with_the_constant_and_a_bias():
    X = pd.DataFrame({"x": [1.0, 2.0]})
    graph = OnnxGraph()
    scores = graph.linear(
        plan_of(NumericStep(column="x", impute=0.0)), np.ones((1, 1)), np.zeros(1)
    )
    combination = Combination((Pool("linear", (0.9, 0.2), (0.5,)),), (10.0,))
    got = run(graph, [[OnnxOutput.values(scores)]], X, combination=combination)["value"]
    np.testing.assert_allclose(got.ravel(), [0.9 + 2.5, 1.8 + 2.5], rtol=1e-6)


def test_operator_with_several_outputs_gives_all_of_them():
    X = pd.DataFrame({"x": [1.0, 3.0]})
    graph = OnnxGraph()
    x = graph.encode(plan_of(NumericStep(column="x", impute=0.0)))
    wide = graph.node("Concat", x, graph.node("Neg", x), axis=1)
    left, right = graph.nodes("Split", wide, n_outputs=2, axis=1, num_outputs=2)
    scores = graph.scores(graph.node("Sub", graph.node("Mul", left, left), right), 1)
    got = run(graph, [[OnnxOutput.values(scores)]], X)["value"]
    np.testing.assert_allclose(got.ravel(), [2.0, 12.0])


def test_graph_over_images_takes_their_bytes():
    graph = OnnxGraph(image_shape=(2, 3, 1))
    pixels = graph.node("Flatten", graph.node("Cast", graph.images(), to=1))  # (n, 6)
    rows = graph.node("MatMul", pixels, graph.constant(np.ones((6, 1)), np.float32))
    model = graph.to_model([[OnnxOutput.values(graph.scores(rows, 1))]], Answer.of_values())
    session = ort.InferenceSession(model.SerializeToString())
    assert image_shape_of(session) == (2, 3, 1)
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3, 1)
    assert session.run(None, {"images": images})[0].tolist() == [[15.0], [51.0]]


@pytest.mark.parametrize("opset", [15, 21])
def test_constant_answers_for_as_many_images_as_there_are(opset):
    graph = OnnxGraph(opset=opset, image_shape=(2, 2, 3))
    output = OnnxOutput.constant([0.25, 0.75])
    model = graph.to_model([[output]], Answer.of_labels(["a", "b"]))
    session = ort.InferenceSession(model.SerializeToString())
    label, probabilities = session.run(None, {"images": np.zeros((3, 2, 2, 3), np.uint8)})
    assert label.tolist() == ["b"] * 3
    assert probabilities.tolist() == [[0.25, 0.75]] * 3


def test_images_have_no_place_in_a_graph_over_columns():
    with pytest.raises(NotApplicable, match="cannot predict columns"):
        OnnxGraph().images()
