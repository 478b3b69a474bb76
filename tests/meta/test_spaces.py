from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution

from autometa.learner import Space
from autometa.meta.spaces import space_from_data, space_from_json, space_signature, space_to_json

from .strategies import spaces


@given(spaces())
def test_space_survives_json(space: Space) -> None:
    text = space_to_json(space)
    loaded = space_from_json(text)
    assert dict(loaded.params) == dict(space.params)
    assert dict(loaded.conditions) == dict(space.conditions)
    assert space_to_json(loaded) == text
    assert space_signature(loaded) == space_signature(space)


@given(spaces(), st.randoms())
def test_signature_does_not_depend_on_order(space: Space, random: object) -> None:
    names = list(space.params)
    random.shuffle(names)  # type: ignore[attr-defined]
    params = {name: space.params[name] for name in names}
    for name, distribution in params.items():
        if isinstance(distribution, CategoricalDistribution):
            params[name] = CategoricalDistribution(distribution.choices[::-1])
    conditions = dict(reversed(space.conditions.items()))
    assert space_signature(Space(params, conditions)) == space_signature(space)


def test_signature_sees_ranges_scales_choices_and_conditions() -> None:
    params = {"a": FloatDistribution(0.1, 1.0), "b": CategoricalDistribution((1, 2))}
    signatures = {
        space_signature(space)
        for space in [
            Space(params),
            Space(params | {"a": FloatDistribution(0.1, 2.0)}),
            Space(params | {"a": FloatDistribution(0.1, 1.0, log=True)}),
            Space(params | {"b": CategoricalDistribution((1, 2.5))}),
            Space(params, {"a": ("b", (1,))}),
            Space(params, {"a": ("b", (2,))}),
        ]
    }
    assert len(signatures) == 6


def test_signature_is_the_same_in_every_process() -> None:
    space = Space({"a": FloatDistribution(0.1, 1.0), "b": CategoricalDistribution(("x", "y"))})
    assert space_signature(space) == "adab68b3356b86f1"


def test_space_data_may_hold_distributions_as_text() -> None:
    text = '{"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 1.0}}'
    assert space_from_data({"params": {"a": text}}).params["a"] == FloatDistribution(0.0, 1.0)
