import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.chains import chain, plan_chains
from autometa.compressor import CompressorSpec
from autometa.errors import PluginError
from autometa.learner import Space
from autometa.meta.mapping import contains
from autometa.search.space import active, check, defaults, join, part, suggest

LINEAR = Space(
    {
        "alpha": FloatDistribution(1e-3, 10.0, log=True),
        "penalty": CategoricalDistribution(("l1", "l2")),
        "ratio": FloatDistribution(0.0, 1.0),
    },
    {"ratio": ("penalty", ("l1",))},
    {"alpha": 1.0, "penalty": "l2"},
)
TREES = Space({"depth": IntDistribution(1, 9)}, {}, {"depth": 3})
PRUNE = Space({"share": FloatDistribution(0.0, 0.9)}, {}, {"share": 0.5})
CUT = CompressorSpec(
    name="cut",
    stage="prune",
    consumes=frozenset({"*"}),
    produces="*",
    factory="nowhere:Cut",
    space="nowhere:space",
)
CHAINS = plan_chains({"linear": "", "trees": ""}, [CUT])


def test_join_makes_everything_conditional_on_its_part():
    joint = join({"linear": LINEAR, "trees": TREES}, CHAINS, {"cut": PRUNE})
    assert joint.conditions["linear.alpha"] == ("learner", ("linear",))
    assert joint.conditions["linear.ratio"] == ("linear.penalty", ("l1",))
    assert joint.conditions["cut.share"] == ("compress.prune", ("cut",))
    assert joint.params["compress.prune"].choices == ("none", "cut")
    assert joint.defaults["linear.alpha"] == 1.0
    assert joint.defaults["compress.prune"] == "none"


def test_active_gives_parents_before_children():
    joint = join({"linear": LINEAR, "trees": TREES})
    params = {"learner": "linear", "linear.penalty": "l1"}
    assert active(joint, params) == ["learner", "linear.alpha", "linear.penalty", "linear.ratio"]
    assert active(joint, {"learner": "trees"}) == ["learner", "trees.depth"]


def test_suggest_gives_active_parameters_within_their_ranges():
    joint = join({"linear": LINEAR, "trees": TREES}, CHAINS, {"cut": PRUNE})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(50):
        trial = study.ask()
        params = suggest(trial, joint)
        assert list(params) == active(joint, params)
        assert all(contains(joint.params[k], v) for k, v in params.items())
        study.tell(trial, 0.0)


def test_defaults_are_a_complete_configuration_without_compression():
    joint = join({"linear": LINEAR, "trees": TREES}, CHAINS, {"cut": PRUNE})
    params = defaults(joint, "linear", LINEAR)
    assert params == {
        "learner": "linear",
        "linear.alpha": 1.0,
        "linear.penalty": "l2",
        "compress.prune": "none",
    }
    assert sorted(params) == sorted(active(joint, params))


def test_part_and_chain_take_a_configuration_apart():
    params = {"learner": "trees", "trees.depth": 2, "compress.prune": "cut", "cut.share": 0.1}
    assert part(params, "trees") == {"depth": 2}
    assert chain(params) == ["cut"]
    assert chain({"compress.prune": "none"}) == []


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (Space({"a": 3}), "Optuna distribution"),
        (Space({"a": IntDistribution(1, 2)}, {"a": ("b", (1,))}, {"a": 1}), "unknown"),
        (Space({"a": IntDistribution(1, 2)}), "default of a is missing"),
        (Space({"a": IntDistribution(1, 2)}, {}, {"a": 5}), "outside"),
        (
            Space(
                {"a": IntDistribution(1, 2), "b": IntDistribution(1, 2)},
                {"a": ("b", (1,)), "b": ("a", (1,))},
                {"a": 1, "b": 1},
            ),
            "circle",
        ),
    ],
)
def test_check_refuses_a_space_that_cannot_be_searched(space, words):
    with pytest.raises(PluginError, match=words):
        check("x", space)
