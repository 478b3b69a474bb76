"""A model folder of two members, two models each, made of raw columns of every kind."""

import numpy as np
import pandas as pd
import pytest
from autometa_tabular.specs import LEARNERS

from autometa import modelfolder
from autometa.combination import Combination, Pool
from autometa.learner import FitContext, TrainingData
from autometa.resolve import resolve
from autometa.schema import Schema

N_ROWS = 160
SPECS = {spec.name: spec for spec in LEARNERS}


def raw_table(with_text=False):
    rng = np.random.default_rng(0)
    level = rng.integers(0, 3, N_ROWS)
    table = pd.DataFrame(
        {
            "size": rng.normal(size=N_ROWS).round(3),
            "colour": np.array(["red", "green", "blue"])[level],
            "label": np.where(rng.random(N_ROWS) < 0.5, "yes", "no"),
        }
    )
    days = pd.to_timedelta(rng.integers(0, 900_000, N_ROWS), "min")
    table["when"] = (pd.Timestamp("2019-03-01") + days).strftime("%d/%m/%Y %H:%M")
    table.loc[::7, "size"] = np.nan
    table.loc[::11, "when"] = None
    table.loc[::9, "colour"] = None
    if with_text:
        words = np.array(["one", "two", "three", "four", "five"])
        picks = rng.integers(0, 5, (N_ROWS, 6))
        table["note"] = [" ".join([*words[row], str(i)]) for i, row in enumerate(picks)]
    y = (np.nan_to_num(table["size"].to_numpy()) + level > 1).astype(np.int64)
    return table, y


@pytest.fixture
def make_folder(tmp_path):
    """Gives a function that writes a model folder of some learners."""

    def make(
        problem="classification", learners=("logistic", "lightgbm"), with_text=False, config=None
    ):
        raw, y = raw_table(with_text)
        schema = Schema.infer(raw)
        X = schema.apply(raw)
        classes = ["0", "1"] if problem == "classification" else []
        target = y if classes else 1000.0 + 5.0 * y
        members = []
        for number, name in enumerate(learners):
            models = []
            for fold in range(2):
                rows = np.arange(N_ROWS) % 3 != fold
                data = TrainingData(X[rows], target[rows], len(classes) or None)
                learner = resolve(SPECS[name].factory)(config or {})
                model = learner.fit(data, FitContext(rng=np.random.default_rng(fold)))
                folder = tmp_path / "parts" / f"{name}-{fold}"
                folder.mkdir(parents=True)
                model.save(folder)
                models.append((folder, f"{type(model).__module__}:{type(model).__name__}"))
            weight = 1.0 / len(learners)
            members.append(modelfolder.Member(number, weight, name, models))
        header = {
            "name": "test",
            "problem": problem,
            "classes": classes,
            "class_kind": "int",
            "target": "y",
            "schema": schema.to_json(),
            "requires": {},
        }
        if classes and len(learners) == 2:
            pools = (Pool("logarithmic", (0.5, 0.4, 0.1), (0.1, 0.0), 1.0),)
            header["combination"] = Combination(pools, (0.5, 0.5), 1.2).to_json()
        return modelfolder.write(tmp_path / "model", header, members), raw

    return make


@pytest.fixture
def make_model_of(tmp_path):
    """Gives a function that writes a model folder of one regression on a raw table."""

    def make(raw):
        schema = Schema.infer(raw)
        X, y = schema.apply(raw), np.arange(len(raw), dtype=float)
        model = resolve(SPECS["ridge"].factory)({}).fit(
            TrainingData(X, y, None), FitContext(rng=np.random.default_rng(0))
        )
        place = tmp_path / "part"
        place.mkdir()
        model.save(place)
        models = [(place, f"{type(model).__module__}:{type(model).__name__}")]
        header = {"name": "test", "problem": "regression", "classes": [], "target": "y"}
        header |= {"schema": schema.to_json(), "requires": {}}
        member = modelfolder.Member(0, 1.0, "ridge", models)
        return modelfolder.write(tmp_path / "folder", header, [member])

    return make
