"""The suites: real losses of many configurations on many tasks, split by family."""

from __future__ import annotations

import ast
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from autometa.learner import Space
from autometa.meta.columns import SparseColumns
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.record import TaskRecord
from autometa.meta.table import TrialTable

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("AUTOMETA_BENCHMARK_DATA", HERE.parents[2] / "shared" / "data"))

# Data sets of one origin under several names, in lower case and without a version in brackets.
_FAMILIES = {
    "fri": r"fri_c", "mfeat": r"mfeat", "cpu": r"cpu_", "puma": r"puma", "house": r"house",
    "adult": r"adult|a9a", "bank": r"bank", "delta": r"delta", "colleges": r"colleges",
    "waveform": r"waveform", "digits": r"optdigits|pendigits|usps|semeion|mnist",
    "aircraft": r"ailerons|elevators", "artificial": r"2dplanes|fried|mv$", "kin": r"kin",
    "credit": r"credit", "gina": r"gina", "wine": r"wine", "stock": r"stock", "sylva": r"sylva",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Task:
    """A past task for others, and a target with candidates when it is its own turn.

    Args:
        name: Of the data set.
        family: Tasks of one family are never source and target of each other.
        record: All that is known of it.
        candidates: Configurations that a search may choose among.
        losses: (m,) what each gives.
        metafeatures: {} = unknown.
    """

    name: str
    family: str
    record: TaskRecord
    candidates: list[dict[str, object]]
    losses: np.ndarray


@dataclass(frozen=True, eq=False)
class Suite:
    """Tasks with one space, and their folds.

    Args:
        name: Of the table.
        tasks: All of them.
        folds: (tasks,) from 0; families stay together.
        development: (tasks,) bool: whether constants were chosen on it.
        is_table: Whether all tasks share their candidates.
    """

    name: str
    tasks: list[Task]
    folds: np.ndarray
    development: np.ndarray
    is_table: bool = False

    def sources(self, target: int) -> list[int]:
        """Gives the tasks that a target may learn from."""
        return np.flatnonzero(self.folds != self.folds[target]).tolist()


def split(families: list[str], n_folds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gives folds and the development third, both by family."""
    distinct = np.random.default_rng(seed).permutation(sorted(set(families)))
    place = {family: i for i, family in enumerate(distinct)}
    where = np.array([place[family] for family in families])
    return where % n_folds, where < len(distinct) / 3


def profile_families(errors: np.ndarray, threshold: float = 0.97) -> list[str]:
    """Gives a family per row: rows that correlate above the threshold, directly or by others."""
    linked = np.corrcoef(errors) > threshold
    label = np.arange(len(errors))
    while True:
        lowest = np.array([label[row].min() for row in linked])
        if (lowest == label).all():
            return [f"{i:03d}" for i in label]
        label = lowest


def named_family(name: str) -> str:
    """Gives the family of a data set by its name."""
    base = re.sub(r"\(\d+\)$", "", name.lower())
    fits = (family for family, pattern in _FAMILIES.items() if re.match(pattern, base))
    return next(fits, base)


def oboe() -> Suite:
    """418 classification sets x 219 configurations, balanced error rate."""
    data = np.load(DATA / "hpo" / "oboe_418x219.npz", allow_pickle=True)
    errors = data["error"].astype(float)
    configs = [_flat(ast.literal_eval(text)) for text in data["config"]]
    records = KnowledgeBase.from_table(configs, errors).records
    by_name = {record.name: record for record in records}
    families = profile_families(errors)
    folds, development = split(families, 10, 0)
    tasks = [
        Task(
            str(data["openml_dataset_id"][t]),
            families[t],
            by_name[f"task-{t:05d}"],
            configs,
            errors[t],
        )
        for t in range(len(errors))
    ]
    return Suite("oboe", tasks, folds, development, is_table=True)


def _flat(config: dict[str, object]) -> dict[str, object]:
    name = config["algorithm"]
    values = {f"{name}.{k}": v for k, v in config["hyperparameters"].items()}
    return {"algorithm": name} | values


@dataclass(frozen=True, eq=False)
class _Group:
    """One learner's history under one metric."""

    learner: str
    names: list[str]
    space: Space
    points: np.ndarray
    losses: np.ndarray
    task: np.ndarray
    origin: np.ndarray

    def configs(self, rows: np.ndarray, prefix: str = "") -> list[dict[str, object]]:
        names = list(self.space.params)
        choice = [isinstance(d, CategoricalDistribution) for d in self.space.params.values()]
        return [
            {
                prefix + name: int(value) if is_choice else float(value)
                for name, is_choice, value in zip(names, choice, point, strict=True)
                if not np.isnan(value)
            }
            for point in self.points[rows]
        ]


_METRICS = ("bal_acc", "auc", "f1", "mae", "mse", "r2")


def _group(key: str, meta: dict[str, object], data: np.lib.npyio.NpzFile) -> _Group:
    points, values, task, origin = (data[f"{key}/{part}"] for part in ("X", "y", "task", "origin"))
    metric = next(m for m in _METRICS if key.startswith(f"hpo_{m}_"))
    learner = key.removeprefix(f"hpo_{metric}_")
    varied = [
        d for d, column in enumerate(points.T) if len(np.unique(column[~np.isnan(column)])) > 1
    ]
    params: dict[str, BaseDistribution] = {}
    for d in varied:
        name, column = meta["hps"][d], points[:, d]
        is_choice = meta["spec"][name]["type"].startswith("Categorical")
        values_ = sorted({int(v) for v in column[~np.isnan(column)]})
        params[name] = CategoricalDistribution(values_) if is_choice else FloatDistribution(0, 1)
    names = [task_name.rsplit("-", 2)[0] for task_name in meta["tasks"]]
    return _Group(
        learner,
        names,
        Space(params),
        points[:, varied].astype(float),
        -values.astype(float),
        task,
        origin,
    )


def _groups(metric: str) -> dict[str, _Group]:
    meta = json.loads((DATA / "hpo" / "mindware_runhistory_meta.json").read_text())
    data = np.load(DATA / "hpo" / "mindware_runhistory.npz", allow_pickle=True)
    keys = [key for key in meta if key.startswith(f"hpo_{metric}_")]
    return {key: _group(key, meta[key], data) for key in keys}


def _features() -> dict[str, dict[str, float]]:
    raw = json.loads((DATA / "hpo" / "mindware_metafeatures.json").read_text())
    return {
        name: {k: _compressed(v) for k, v in values.items() if isinstance(v, int | float)}
        for name, values in raw.items()
    }


def _compressed(value: float) -> float:
    """Gives signed log(1 + |x|): counts span many magnitudes."""
    return float(np.sign(value) * np.log1p(abs(value)))


def _record(
    name: str, metric: str, space: Space, *, configs: list, losses: np.ndarray, features: dict
) -> TaskRecord:
    return TaskRecord(
        name=name,
        objectives=((metric, "minimize"),),
        space=space,
        trials=TrialTable.of_columns(SparseColumns.of(configs), losses),
        metafeatures=features,
    )


def mindware_single(metric: str = "bal_acc") -> list[Suite]:
    """Each learner of MindWare alone: about 90 sets x 100 configurations, all different."""
    features = _features()
    suites = []
    for key, group in _groups(metric).items():
        tasks = []
        for t in np.unique(group.task):
            rows = np.flatnonzero(group.task == t)
            drawn = rows[group.origin[rows] == 1]
            if len(drawn) < 25:
                continue
            name = group.names[t]
            record = _record(
                name,
                metric,
                group.space,
                configs=group.configs(rows),
                losses=group.losses[rows],
                features=features.get(name, {}),
            )
            tasks.append(
                Task(name, named_family(name), record, group.configs(drawn), group.losses[drawn])
            )
        folds, development = split([task.family for task in tasks], 5, 1)
        suites.append(Suite(key, tasks, folds, development))
    return suites


def mindware_joint(metric: str = "bal_acc") -> Suite:
    """Nine classifiers of MindWare as one conditional space."""
    features = _features()
    groups = list(_groups(metric).values())
    choice = CategoricalDistribution([group.learner for group in groups])
    params: dict[str, BaseDistribution] = {"learner": choice}
    conditions = {}
    for group in groups:
        for name, distribution in group.space.params.items():
            params[f"{group.learner}.{name}"] = distribution
            conditions[f"{group.learner}.{name}"] = ("learner", (group.learner,))
    space = Space(params, conditions)
    tasks = []
    for name in sorted({name for group in groups for name in group.names}):
        tried, losses, drawn = [], [], []
        for group in groups:
            if name in group.names:
                rows = np.flatnonzero(group.task == group.names.index(name))
                tried += [
                    {"learner": group.learner} | c for c in group.configs(rows, f"{group.learner}.")
                ]
                losses.append(group.losses[rows])
                drawn.append(group.origin[rows] == 1)
        y, is_drawn = np.concatenate(losses), np.concatenate(drawn)
        if is_drawn.sum() < 100:
            continue
        record = _record(
            name, metric, space, configs=tried, losses=y, features=features.get(name, {})
        )
        candidates = [c for c, ok in zip(tried, is_drawn, strict=True) if ok]
        tasks.append(Task(name, named_family(name), record, candidates, y[is_drawn]))
    folds, development = split([task.family for task in tasks], 3, 2)
    return Suite("mindware-joint", tasks, folds, development)


def regrets(losses: np.ndarray, scaling: str = "worst") -> np.ndarray:
    """Gives (y - best) / (bound - best), clipped to [0, 1].

    Args:
        losses: (m,) of all candidates of one task.
        scaling: ``worst``: bound = the worst candidate; ``p95``: the 95th percentile of losses.
    """
    bound = losses.max() if scaling == "worst" else np.quantile(losses, 0.95)
    return np.clip((losses - losses.min()) / max(bound - losses.min(), 1e-300), 0.0, 1.0)
