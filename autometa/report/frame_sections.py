"""What was asked and answered, the checks, where the winner comes from, how to do it again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autometa.report import page
from autometa.report.evidence import Evidence
from autometa.report.material import Material
from autometa.report.page import Section
from autometa.report.search_sections import params_text
from autometa.sources import without_password


def head(material: Material, info: Mapping[str, Any], evidence: Evidence | None) -> list[str]:
    """Gives the top of the page: title, the answer in one sentence, the numbers in boxes."""
    final = material.final
    return [
        f"<h1>{page.text(material.task['name'])}</h1>",
        page.paragraph(
            f"autometa {page.text(material.version)} · {page.text(final.get('problem') or '')}"
            f" · {page.text(final.get('status', ''))}",
            "note",
        ),
        page.paragraph(answer(material, evidence), "answer"),
        page.tiles(_numbers(material, info)),
    ]


def answer(material: Material, evidence: Evidence | None) -> str:
    """Gives the answer in one sentence of HTML."""
    final, lead = material.final, material.lead
    best = final.get("best")
    if not best:
        return f"No trial gave a usable model{_cause(material)}."
    weights = (final.get("ensemble") or {}).get("weights", ())
    members, who = len(weights) or 1, page.code(best["params"].get("learner", ""))
    if members == 1 and weights:
        who = page.code(_learner_of(material, int(weights[0][0])))
    model = f"A combination of {members} trials led by {who}" if members > 1 else f"A {who} model"
    target = page.code(material.task["data"]["target"])
    test = (final.get("test") or {}).get(lead.name)
    values = (final.get("ensemble") or best)["values"]
    value = test if test is not None else values.get(lead.name)
    where = "on test rows it never saw" if test is not None else "in validation"
    said = (
        f"{model} predicts {target} with {page.text(lead.name)} <b>{page.number(value)}</b> {where}"
    )
    if (constant := material.baseline.get(lead.name)) is not None:
        said += f", where a constant prediction has {page.number(constant)} in validation"
    return f"{said}{_in_plain_words(evidence)}."


def _learner_of(material: Material, number: int) -> str:
    return next((t.learner for t in material.told if t.result.number == number), "")


def _cause(material: Material) -> str:
    """Names the commonest reason why there is none."""
    reasons = Counter(t.result.reason for t in material.told if t.result.reason)
    if not reasons:
        return " yet"
    reason, n = reasons.most_common(1)[0]
    return f". In {n} of {len(material.told)} trials: {page.text(reason.rstrip('.'))}"


def _in_plain_words(evidence: Evidence | None) -> str:
    if evidence is None or not len(evidence.y):
        return ""
    if evidence.is_classification:
        hits = int((evidence.predictions.argmax(axis=1) == evidence.y).sum())
        return f": {hits:,} of {len(evidence.y):,} labels are right"
    off = float(np.median(np.abs(evidence.predictions - evidence.y)))
    return f": half of the predictions are within {page.number(off, 3)} of the truth"


def _numbers(material: Material, info: Mapping[str, Any]) -> dict[str, str]:
    final, lead = material.final, material.lead
    test = (final.get("test") or {}).get(lead.name)
    delivered = final.get("ensemble") or final.get("best") or {}
    told = final.get("trials") or {}
    shown = {
        f"{lead.name}, test": page.number(test),
        f"{lead.name}, validation": page.number(delivered.get("values", {}).get(lead.name)),
        "constant, validation": page.number(material.baseline.get(lead.name)),
        "rows": page.number(info.get("n_rows")),
        **_columns(info),
        "trials": page.number(sum(told.values())),
        "seconds": page.number(final.get("seconds"), 3),
    }
    return {name: value for name, value in shown.items() if value != "-"}


def _columns(info: Mapping[str, Any]) -> dict[str, str]:
    if (shape := info.get("image_shape")) is None:
        return {"columns": page.number(info.get("n_features"))}
    return {"pixels": f"{shape[1]} x {shape[0]}"}


def asked(material: Material, info: Mapping[str, Any]) -> Section:
    """Says what the task file asked for."""
    task = material.task
    source = ", ".join(_shown(str(name)) for name in task["data"]["source"])
    problem = str(material.final.get("problem") or "-")
    if info.get("reason"):
        problem = f"{problem}: {info['reason']}"
    rows = [
        ["data", page.code(source)],
        ["to predict", page.code(task["data"]["target"])],
        ["problem", page.text(problem)],
        [
            "objectives",
            ", ".join(f"{page.code(m.name)} ({m.direction})" for m in material.objectives),
        ],
        [
            "bounds",
            ", ".join(f"{page.code(k)} ≤ {b:g}" for k, b in material.bounds.items()) or "none",
        ],
        ["budget", page.text(_budget(task["budget"]))],
        ["validation", page.text(_validation(info))],
        *([["without target", page.text(told)]] if (told := _unlabelled(material, info)) else []),
        ["seed", page.text(task["seed"])],
    ]
    return Section(
        "What was asked", [page.table(["", ""], [[f"<b>{a}</b>", b] for a, b in rows], long=(1,))]
    )


def _shown(source: str) -> str:
    return without_password(source) if "://" in source else Path(source).name


def _budget(budget: Mapping[str, Any]) -> str:
    parts = [
        f"{budget[key]:g} {key}" for key in ("trials", "seconds") if budget.get(key) is not None
    ]
    return " or ".join(parts) or "none"


def _validation(info: Mapping[str, Any]) -> str:
    if not info:
        return "-"
    n_folds = info["n_folds"]
    folds = f", {n_folds} folds" if n_folds > 1 else ""
    if info.get("n_delivered", n_folds) < n_folds:
        folds += ", the first one's model is delivered,"
    return (
        f"{info.get('split', '')}{folds} on {info['n_train']:,} rows;"
        f" {info['n_test']:,} rows set aside for the test"
    )


def _unlabelled(material: Material, info: Mapping[str, Any]) -> str:
    """Says how many rows without a target there were, and what the best trial made of them."""
    if not info.get("n_unlabelled"):
        return ""
    best = material.final.get("best") or {}
    labelled = (best.get("metrics") or {}).get("pseudo_labelled")
    used = "the best trial does not use them"
    if labelled is not None:
        way = str((best.get("params") or {}).get("unlabelled", "")).replace("_", " ")
        used = f"the best trial gave {round(labelled):,} of them a label on average, by {way}"
    return f"{info['n_unlabelled']:,} rows beside the training rows, never scored; {used}"


def checks(material: Material, info: Mapping[str, Any]) -> Section:
    """Lists what the checks of the data found, and the notes of its preparation."""
    found = material.final.get("checks") or []
    rows = [
        [
            f'<span class="{page.text(f["severity"])}">{page.text(f["severity"])}</span>',
            page.text(f["message"]),
            page.text(f["advice"]),
        ]
        for f in found
    ]
    parts = [page.table(["", "found", "what to do"], rows, long=(1, 2))] if rows else []
    notes = [line for line in info.get("warnings", ()) if line not in {f["message"] for f in found}]
    parts += [page.paragraph(page.text(line), "note") for line in notes]
    if not parts:
        parts = [page.paragraph("Nothing suspicious: no leak, no overlap of the parts, no drift.")]
    return Section("Checks of the data", parts)


def provenance(material: Material) -> Section:
    """Says who proposed the winning configuration, and from what."""
    best = material.best
    if best is None:
        return Section("Where the winner comes from", ())
    result, told = best.result, best.explanation
    parts = [
        page.paragraph(
            f"Trial {result.number}, {page.code(best.learner)}: {params_text(result.params)}"
        ),
        page.paragraph(_proposed(result.proposer)),
    ]
    if sources := told.get("sources"):
        named = ", ".join(f"{page.code(name)} ({100 * float(w):.0f} %)" for name, w in sources)
        parts.append(page.paragraph(f"The past tasks that counted most: {named}."))
    if told.get("expected_value") is not None:
        parts.append(
            page.paragraph(
                f"Expected {page.text(material.lead.name)}: {page.number(told['expected_value'])};"
                f" obtained: {page.number(best.value)}."
            )
        )
    return Section("Where the winner comes from", parts)


def _proposed(proposer: str) -> str:
    if proposer == "default":
        return "It is the default configuration of its learner: nothing had to be found."
    if proposer == "target":
        return "It was found from this task's own trials."
    return f"It was proposed by the expert <b>{page.text(proposer)}</b>, which follows past tasks."


def again(material: Material) -> Section:
    """Says how to get the same model, and how to use it."""
    final, file = material.final, shlex.quote(material.task_file)
    lines = [f"autometa optimize {file} --fresh"]
    if final.get("model"):
        model = shlex.quote(final["model"])
        lines.append(f"autometa predict {model} DATA --output predictions.csv")
    if url := (final.get("mlflow") or {}).get("url"):
        lines += [f"autometa ui {file}", f"# {url}"]
    repeatable = (
        material.task["limits"]["workers"] == 1 and material.task["budget"]["seconds"] is None
    )
    said = (
        "One worker and a budget of trials alone: the same seed and knowledge give the same trials."
        if repeatable
        else "With a budget of seconds or several workers a second search sees other trials; for"
        " the same ones set <code>limits.workers: 1</code> and <code>budget.seconds: null</code>."
    )
    digest = (final.get("prior") or {}).get("digest")
    known = f" Knowledge digest: {page.code(str(digest)[:16])}." if digest else ""
    return Section(
        "How to reproduce", [page.block(lines), page.paragraph(f"{said}{known}", "note")]
    )
