"""The part of the space that decides how rows without a target are used."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from autometa.chains import plan_chains
from autometa.compressor import CompressorSpec
from autometa.labelling import labelling_of
from autometa.learner import Space
from autometa.meta.mapping import validate
from autometa.search.space import defaults, join, suggest
from autometa.search.unlabelled import labelling_space, with_labelling, without_labelling

LEARNERS = {
    "linear": Space({"alpha": FloatDistribution(0.1, 10.0, log=True)}, {}, {"alpha": 1.0}),
    "trees": Space({"depth": IntDistribution(1, 9)}, {}, {"depth": 3}),
}
PRUNE = Space({"share": FloatDistribution(0.0, 0.9)}, {}, {"share": 0.5})
CUT = CompressorSpec(
    name="cut",
    stage="prune",
    consumes=frozenset({"*"}),
    produces="*",
    factory="nowhere:Cut",
    space="nowhere:space",
)
CHAINS = plan_chains(dict.fromkeys(LEARNERS, ""), [CUT])


def test_parameters_of_a_way_exist_only_where_it_is_chosen() -> None:
    joint = join(LEARNERS, labelling=labelling_space("tabular"))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    own = {
        "none": set(),
        "self_training": {"unlabelled.threshold", "unlabelled.rounds"},
        "label_spreading": {"unlabelled.neighbours", "unlabelled.alpha", "unlabelled.share"},
    }
    met = set()
    for _ in range(40):
        params = suggest(study.ask(), joint)
        met.add(params["unlabelled"])
        assert {name for name in params if name.startswith("unlabelled.")} == own[
            str(params["unlabelled"])
        ]
        assert validate(params, joint)
    assert met == set(own)


@pytest.mark.parametrize("modality", ["tabular", "image"])
def test_images_are_only_trained_on(modality: str) -> None:
    choices = labelling_space(modality).params["unlabelled"].choices  # type: ignore[attr-defined]
    assert ("label_spreading" in choices) is (modality == "tabular")
    assert choices[0] == "none"


def test_first_trials_use_them_with_the_cheapest_learner_alone() -> None:
    space = labelling_space("tabular")
    joint = join(LEARNERS, labelling=space)
    plain = [defaults(joint, name, own) for name, own in LEARNERS.items()]
    initial = with_labelling(plain, space)
    assert [(c["learner"], c["unlabelled"]) for c in initial] == [
        ("linear", "none"),
        ("linear", "self_training"),
        ("linear", "label_spreading"),
        ("trees", "none"),
    ]
    assert all(validate(config, joint) for config in initial)
    assert [labelling_of(config) for config in initial] == [
        None,
        {"way": "self_training", "config": {"threshold": 0.9, "rounds": 2}},
        {"way": "label_spreading", "config": {"neighbours": 7, "alpha": 0.8, "share": 1.0}},
        None,
    ]


def test_past_tasks_are_asked_about_the_ordinary_space() -> None:
    plain = join(LEARNERS, CHAINS, {"cut": PRUNE})
    whole = join(LEARNERS, CHAINS, {"cut": PRUNE}, labelling_space("tabular"))
    assert whole != plain
    assert without_labelling(whole) == plain
    assert without_labelling(plain) is plain
