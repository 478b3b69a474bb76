"""Which compressors can follow each other."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from autometa.chains import StageParameter, chain, plan_chains, steps
from autometa.compressor import CompressorSpec
from autometa.learner import Space
from autometa.meta.spaces import space_from_json, space_signature, space_to_json
from autometa.search.space import defaults, join, suggest


def spec(name: str, stage: str, consumes: str, produces: str = "*") -> CompressorSpec:
    return CompressorSpec(
        name=name,
        stage=stage,
        consumes=frozenset(consumes.split()),
        produces=produces,
        factory="nowhere:It",
        space="nowhere:space",
    )


FORMATS = {"forest": "trees", "line": "linear", "net": "torch"}
SPECS = [
    spec("into_net", "distill", "*", "torch"),
    spec("cut_trees", "prune", "trees"),
    spec("cut_net", "prune", "torch"),
    spec("to_onnx", "export", "trees torch", "onnx"),
    spec("int8", "quantize", "onnx"),
    spec("gguf", "quantize", "llama"),
]


def test_step_exists_only_after_what_it_takes() -> None:
    plan = plan_chains({"forest": "trees"}, SPECS)
    assert plan.parameters["compress.quantize"] == StageParameter(
        "quantize", ("int8",), ({"compress.export": ("to_onnx",)},)
    )
    assert plan.unfit == ("gguf",)


def test_every_proposed_chain_fits() -> None:
    plan = plan_chains(FORMATS, SPECS)
    parts = {name: Space({"x": CategoricalDistribution((0,))}, {}, {"x": 0}) for name in FORMATS}
    compressors = {s.name: Space({"y": CategoricalDistribution((0,))}, {}, {"y": 0}) for s in SPECS}
    space = join(parts, plan, compressors)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    by_name = {s.name: s for s in SPECS}
    seen = set()
    for _ in range(300):
        params = suggest(study.ask(), space)
        seen.add((params["learner"], *chain(params)))
        kind = FORMATS[str(params["learner"])]
        for _, name in steps(params):
            assert {"*", kind} & by_name[name].consumes
            kind = kind if by_name[name].produces == "*" else by_name[name].produces
            assert f"{name}.y" in params
    possible = {
        ("forest", "cut_trees", "to_onnx", "int8"),
        ("forest", "into_net", "cut_net", "to_onnx", "int8"),
        ("line", "into_net", "to_onnx"),
        ("line",),
    }
    assert possible <= seen


def test_learner_of_an_unknown_format_may_be_given_to_any() -> None:
    assert plan_chains({"stranger": ""}, SPECS).unfit == ()


def test_defaults_take_no_step() -> None:
    plan = plan_chains(FORMATS, SPECS)
    own = Space({}, {}, {})
    space = join(dict.fromkeys(FORMATS, own), plan, {s.name: own for s in SPECS})
    params = defaults(space, "line", own)
    assert params == {"learner": "line", "compress.distill": "none"}


def test_routes_survive_json() -> None:
    plan = plan_chains(FORMATS, SPECS)
    own = Space({}, {}, {})
    space = join(dict.fromkeys(FORMATS, own), plan, {s.name: own for s in SPECS})
    again = space_from_json(space_to_json(space))
    assert again.routes == space.routes
    assert space_signature(again) == space_signature(space)
    without = Space(space.params, space.conditions, space.defaults)
    assert space_signature(without) != space_signature(space)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"compress.quantize": "int8", "compress.prune": "cut"}, ["cut", "int8"]),
        ({"compress.prune.cut_net": "cut_net"}, ["cut_net"]),
        ({"compress.prune": "none"}, []),
    ],
    ids=["in the order of stages", "of one format", "none"],
)
def test_chain_reads_a_configuration(params: dict[str, str], expected: list[str]) -> None:
    assert chain(params) == expected
