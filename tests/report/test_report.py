"""The page on a search."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autometa.errors import StorageError
from autometa.report import importance, model_sections, page
from autometa.report.frame_sections import answer, asked, head
from autometa.report.front_section import front
from autometa.report.job import compose, of_the_search
from autometa.report.material import Material
from autometa.report.search_sections import leaderboard
from autometa.trial import Outcome

from .conftest import Reader

INFO = {"split": "kfold", "n_folds": 5, "n_train": 182, "n_test": 0}


@pytest.fixture(scope="session")
def whole(advised: Material) -> tuple[str, dict[str, str]]:
    curve = {"rows": [20, 40], "scores": [[0.6], [0.5]], "learner": "slope", "metric": "log_loss"}
    return compose(replace(advised, curve=curve), time.monotonic() + 30)


def test_search_leaves_a_report_with_its_figures(searched: Any) -> None:
    report = Path(searched.result.report["report"])
    assert report == searched.study / "report.html"
    assert report.stat().st_size < 3 * 2**20
    found = {file.stem for file in (searched.study / "figures").glob("*.svg")}
    assert {"history", "front", "columns", "confusion", "calibration"} <= found
    assert not (searched.study / "report-input.json").exists()


def test_page_is_one_file_that_fetches_nothing(whole: tuple[str, dict[str, str]]) -> None:
    reader = Reader(whole[0])
    assert reader.fetched
    assert all(place.startswith(("data:", "#")) for place in reader.fetched)
    assert "<script" not in whole[0]


def test_page_has_every_part_in_order(whole: tuple[str, dict[str, str]]) -> None:
    assert Reader(whole[0]).headings == [
        "History",
        "Leaderboard",
        "Pareto front",
        "Which columns matter",
        "Mistakes",
        "Calibration",
        "Would more rows help?",
        "Checks of the data",
        "Where the winner comes from",
        "What past tasks contributed",
        "Learners",
        "Hyperparameter importances",
        "What was asked",
        "How to reproduce",
    ]


def test_answer_is_one_sentence_with_the_numbers(material: Material, searched: Any) -> None:
    shown = Reader(compose(material, 0.0)[0]).shown
    test = page.number(searched.result.report["test"]["log_loss"])
    assert f"A slope model predicts label with log_loss {test} on test rows it never saw" in shown
    assert re.search(r"\d+ of 24 labels are right\.", shown)


def test_names_of_a_user_are_text(whole: tuple[str, dict[str, str]]) -> None:
    assert "iris &amp; co" in whole[0]


def test_front_shows_every_point_with_its_compressors(material: Material) -> None:
    shown = Reader(compose(material, 0.0)[0]).shown
    front = material.final["front"]
    trimmed = [p for p in front if p["params"].get("compress.prune") == "trim"]
    part = shown[shown.index("No trial is better than one") :]
    part = part[: part.index("Mistakes")]
    assert len(front) > 1
    assert part.count("trim") >= len(trimmed) > 0


def test_front_figure_says_the_chain_and_number_of_its_trials(material: Material) -> None:
    drawn = front(material)[1]["front"]
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    points = material.final["front"]
    assert {"no compressor", "trim"} & set(texts)
    assert "mathdefault" not in drawn
    for point in points if len(points) <= 12 else ():
        assert str(point["number"]) in texts


def test_sizes_of_every_order_are_drawn_apart(material: Material) -> None:
    huge = [
        replace(t, result=replace(t.result, values=(t.result.values[0], 1e4)))
        if index == 0 and t.result.values
        else t
        for index, t in enumerate(material.complete)
    ]
    texts = re.findall(
        r"<text[^>]*>([^<]*)</text>", front(replace(material, told=huge))[1]["front"]
    )
    assert "10000" in texts
    assert {"1", "10", "100"} & set(texts)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([[0, 1.0]], "Trial 0 (temperature 0.70) has"),
        ([[0, 0.5], [1, 0.5]], "A combination (voting) of 2 trials (temperature 0.70) has"),
    ],
)
def test_ensemble_of_one_is_no_combination(
    material: Material, weights: list[list[float]], said: str
) -> None:
    chosen = {
        "strategy": "voting+temperature",
        "weights": weights,
        "temperature": 0.7,
        "constant_weight": 0.0,
        "values": {material.lead.name: 0.1},
        "single": 0.2,
    }
    section = model_sections.ensemble(replace(material, final={"ensemble": chosen}))
    assert said in "".join(section.parts)


def test_smallest_trial_is_what_the_report_speaks_of(material: Material) -> None:
    other = next(
        t for t in material.complete if t.result.number != material.final["best"]["number"]
    )
    chosen = {
        "strategy": "smallest",
        "weights": [[other.result.number, 1.0]],
        "temperature": 1.0,
        "constant_weight": 0.0,
        "values": {material.lead.name: 0.1},
        "single": 0.09,
    }
    final = {**material.final, "ensemble": chosen}
    text = "".join(model_sections.ensemble(replace(material, final=final)).parts)
    assert f"Trial {other.result.number}, the smallest that is as good within" in text
    assert f"<code>{other.learner}</code> model" in answer(replace(material, final=final), None)


def test_front_over_three_objectives_is_drawn_against_each(material: Material) -> None:
    third = replace(material.objectives[1], name="latency_ms")
    points = [
        {**p, "values": {**p["values"], "latency_ms": 1.0 + i}}
        for i, p in enumerate(material.final["front"])
    ]
    told = [
        replace(t, result=replace(t.result, values=(*t.result.values, 1.0)))
        if t.result.values
        else t
        for t in material.told
    ]
    asked = replace(
        material,
        objectives=[*material.objectives, third],
        told=told,
        final={**material.final, "front": points},
    )
    section, drawn = front(asked)
    assert list(drawn) == ["front", "front-latency_ms"]
    assert "latency_ms" in drawn["front-latency_ms"]
    assert section.parts[1].count("<img") == 1


def test_rare_chains_of_the_front_share_a_colour(material: Material) -> None:
    first = material.final["front"][0]
    points = [
        {**first, "number": i, "params": {"learner": "slope", "compress.prune": f"step {i}"}}
        for i in range(9)
    ]
    drawn = front(replace(material, final={**material.final, "front": points}))[1]["front"]
    assert "step 6" in drawn
    assert "step 8" not in drawn
    assert "other chains" in drawn


def test_provenance_names_the_past_tasks(whole: tuple[str, dict[str, str]]) -> None:
    shown = Reader(whole[0]).shown
    assert "proposed by the expert similar, which follows past tasks" in shown
    assert "iris & co (70 %), wine (20 %)" in shown
    assert "Expected log_loss: 0.5; obtained:" in shown
    assert "From trial 6 on the past was not listened to any more" in shown
    assert "experts" in whole[1]


def test_report_without_a_usable_trial_says_so(material: Material) -> None:
    told = [
        replace(t, result=replace(t.result, outcome=Outcome.ERROR, values=None, reason="no luck"))
        for t in material.told
    ]
    final = {**material.final, "best": None, "model": None, "front": []}
    text, drawn = compose(replace(material, told=told, final=final, model=None), 0.0)
    shown = Reader(text).shown
    assert "No trial gave a usable model. In 12 of 12 trials: no luck." in shown
    assert "slope: no luck (12 times)" in shown
    assert "not on this machine" not in shown
    assert drawn == {}


def test_report_of_trials_that_all_break_a_bound_shows_their_scores(material: Material) -> None:
    final = {**material.final, "best": None, "model": None, "front": []}
    bounds = {"size_kib": 1e-6}
    text, drawn = compose(replace(material, bounds=bounds, final=final, model=None), 0.0)
    assert "No trial gave a usable model" in Reader(text).shown
    assert "trials; none is usable" in text
    assert "best so far" not in drawn["history"]
    assert "best so far" in compose(material, 0.0)[1]["history"]


def test_report_without_the_data_leaves_out_what_needs_it(material: Material) -> None:
    reader = Reader(compose(replace(material, prepared=None), 0.0)[0])
    assert "Mistakes" not in reader.headings
    assert "Model or data are not on this machine" in reader.shown


def test_report_of_a_changed_model_says_what_is_wrong(material: Material, tmp_path: Path) -> None:
    text, _ = compose(replace(material, model=tmp_path), 0.0)
    assert "is not a model folder" in Reader(text).shown


def test_report_later_is_written_where_it_is_asked_for(searched: Any, tmp_path: Path) -> None:
    done = searched.again(output=tmp_path / "new" / "page.html", learning_curve=True)
    assert done["report"] == str(tmp_path / "new" / "page.html")
    assert done["status"] == "finished"
    assert "Would more rows help?" in Reader(Path(done["report"]).read_text()).headings
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]


def test_report_later_without_a_search_is_an_error(searched: Any, tmp_path: Path) -> None:
    searched_nothing = type(searched).again
    empty = type("Empty", (), {**vars(searched), "study": tmp_path})
    with pytest.raises(StorageError, match="no trials to report on"):
        searched_nothing(empty)


def test_importances_find_the_parameter_that_decides(material: Material) -> None:
    told = [
        replace(t, result=replace(t.result, values=(t.result.params["slope.slope"], 1.0)))  # type: ignore[arg-type]
        for t in material.told
    ]
    found = importance.importances(replace(material, told=told))
    assert found is not None
    assert (found.learner, found.n_trials) == ("slope", 12)
    assert next(iter(found.shares)) == "slope.slope"
    assert found.shares["slope.slope"] > 0.7
    assert sum(found.shares.values()) == pytest.approx(1.0)


def test_importances_need_trials(material: Material) -> None:
    assert importance.importances(replace(material, told=material.told[:7])) is None


def test_what_depends_on_trials_is_drawn_before_the_end(material: Material) -> None:
    early = of_the_search(material)
    text, drawn = compose(material, 0.0, early)
    assert (text, drawn) == compose(material, 0.0)
    assert {"history", "front", "importances"} <= set(drawn)


def test_page_says_what_became_of_rows_without_a_target(material: Material) -> None:
    best = {
        "params": {"learner": "slope", "unlabelled": "label_spreading"},
        "metrics": {"pseudo_labelled": 640.5},
    }
    shown = asked(replace(material, final={"best": best}), {**INFO, "n_unlabelled": 1615})
    text = Reader("".join(shown.parts)).shown
    assert "1,615 rows beside the training rows, never scored" in text
    assert "the best trial gave 640 of them a label on average, by label spreading" in text
    unused = asked(replace(material, final={"best": None}), {**INFO, "n_unlabelled": 7})
    assert "the best trial does not use them" in "".join(unused.parts)
    assert "without target" not in "".join(asked(material, INFO).parts)


def test_of_many_classes_the_commonest_mistakes_are_named(material: Material) -> None:
    n_classes = 12
    y = np.arange(10 * n_classes) % n_classes
    said = np.where((y == 11) & (np.arange(len(y)) < 60), 3, y)
    seen = SimpleNamespace(
        predictions=np.eye(n_classes)[said],
        y=y,
        is_classification=True,
        prepared=SimpleNamespace(classes=[f"c{i}" for i in range(n_classes)]),
        source="120 rows",
    )
    section, _ = model_sections.mistakes(seen)  # type: ignore[arg-type]
    assert (
        "The 2 rarest classes are left out. Most often: c11 taken for c3 (5)." in section.parts[0]
    )


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([[7, 1.0]], "The model is trial 7."),
        ([[7, 0.4], [2, 0.6]], "The model is made of trials 2, 7."),
    ],
)
def test_page_says_what_was_delivered_where_it_is_not_the_best(
    material: Material, weights: list[list[float]], said: str
) -> None:
    chosen = {"weights": weights, "values": {material.lead.name: 0.4321}}
    changed = replace(material, final={**material.final, "ensemble": chosen})
    assert said in "".join(leaderboard(changed).parts)
    assert "0.4321" in "".join(head(changed, INFO, None))
