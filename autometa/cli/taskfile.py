"""Writes the task file that `autometa init` leaves: short, commented, ready to run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_SHOWN = 5
_METRICS = {
    "classification": ("log_loss", "roc_auc, accuracy, balanced_accuracy, f1, average_precision"),
    "regression": ("rmse", "mae, r2, median_ae, rmsle, mape"),
}


def render(name: str, source: str, found: Mapping[str, Any], *, schema: str) -> str:
    """Gives the text of a task file.

    Args:
        name: Of the task.
        source: ``data.source``.
        found: What `autometa.look.look` gave.
        schema: Where the JSON schema lies, as editors find it from the file.
    """
    lead, others = _METRICS[found["problem"]]
    kind = found["problem"] + (f", {found['n_classes']} classes" if found["n_classes"] else "")
    why = f"  # a guess: {found['guess']}" if found["guess"] else ""
    lines = [
        f"# yaml-language-server: $schema={schema}",
        f"# {found['n_rows']} rows, {found['n_columns']} columns. Check it: autometa check",
        f"name: {quoted(name)}",
        "",
        "data:",
        f"  source: {quoted(source)}",
        f"  target: {quoted(found['target'])}{why}",
        "  # test: test.csv            # a file with the test rows, or the column that marks them",
        "  # ignore: [column]          # columns that shall not be learned from",
        *_left_out(found["dropped"]),
        "",
        f"problem: {found['problem']}  # {kind}: {found['reason']}",
        f"objectives: [{lead}]  # the first leads; others: {others}, size_kib, latency_ms",
        "",
        *_validation(found),
        "",
        "budget:  # whichever comes first",
        "  trials: 200",
        "  seconds: 60",
        "",
        "# constraints: {size_kib: 256, latency_ms: 1.0}  # upper bounds of what is delivered",
        "# limits: {workers: 2, trial_seconds: 30}",
        "# seed: 0",
    ]
    return "\n".join(lines) + "\n"


def _left_out(dropped: Sequence[Mapping[str, str]]) -> list[str]:
    """Tells what will not be a feature."""
    words = {"id": "every value is different", "constant": "one value", "all-missing": "no value"}
    return [
        f"  # left out ({words.get(reason, reason)}): {_some(names)}"
        for reason in dict.fromkeys(entry["reason"] for entry in dropped)
        if (names := [entry["column"] for entry in dropped if entry["reason"] == reason])
    ]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(quoted(name) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _validation(found: Mapping[str, Any]) -> list[str]:
    """Offers the columns by which rows may have to be kept apart; a person must decide."""
    lines = [
        "validation:",
        "  kind: auto  # holdout, kfold, group or time; auto = by the table's size",
        "  test_fraction: 0.2",
    ]
    for key, why in (
        ("time", "if the model will predict later rows"),
        ("group", "if the model will predict rows of new ones"),
    ):
        lines += [f"  # {key}: {quoted(column)}  # {why}" for column in found[f"{key}s"][:_SHOWN]]
    return lines


def task_name(stem: str) -> str:
    """Gives a valid task name of a file's.

    Example:
        >>> task_name("My table (2).csv"), task_name("...")
        ('My table 2', 'task')
    """
    plain = re.sub(r"(\.(csv|tsv|txt|parquet|jsonl?|gz|zip|xlsx?))+$", "", stem, flags=re.I)
    words = re.sub(r"[^\w .+-]+", " ", plain)
    name = re.sub(r" {2,}", " ", words).strip(" .+-")
    while len(name.encode()) > 120:
        name = name[:-1].rstrip()
    return name or "task"


def quoted(text: str) -> str:
    r"""Gives a text as a YAML scalar on one line.

    Example:
        >>> print(quoted("income"), quoted("no"), quoted('a "b"\n'))
        income "no" "a \"b\"\n"
    """
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character == "\n":
        return "\\n"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
