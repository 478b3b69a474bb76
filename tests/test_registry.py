"""Which learners a task searches that names none."""

from __future__ import annotations

from autometa.defaults import preload_of
from autometa.learner import LearnerSpec
from autometa.registry import Entry, Registry
from autometa.task import Task


def _registry() -> Registry:
    def entry(name: str, modality: str, *capabilities: str) -> Entry[LearnerSpec]:
        spec = LearnerSpec(
            name=name,
            problems=frozenset({"classification"}),
            factory="some:Class",
            space="some:space",
            modalities=frozenset({modality}),
            capabilities=frozenset(capabilities),
            preload=(f"slow_{name}",),
        )
        return Entry(spec, "some", "some", "1")

    entries = (
        entry("plain", "tabular"),
        entry("constant", "tabular", "baseline"),
        entry("network", "tabular", "opt_in"),
        entry("eye", "image"),
    )
    return Registry(learners={entry.spec.name: entry for entry in entries})


def _task(**search: object) -> Task:
    data = {"source": "some.csv", "target": "y"}
    return Task.model_validate({"name": "some", "data": data, "search": search})


def test_default_learners_are_of_the_modality_and_not_opt_in() -> None:
    assert _registry().default_learners() == ["plain"]
    assert _registry().default_learners("image") == ["eye"]


def test_workers_preload_what_is_searched_only() -> None:
    assert preload_of(_task(), _registry())[2:] == ["slow_plain"]
    assert preload_of(_task(learners=["network"]), _registry())[2:] == ["slow_network"]
