"""Writes the report; runs in a worker."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from autometa.errors import AutometaError
from autometa.prepared import open_prepared
from autometa.report.material import Material
from autometa.workspace import writing

if TYPE_CHECKING:
    from autometa.report.page import Section

Part: TypeAlias = "tuple[Section, dict[str, str]]"
"""A section, and its figures as SVG by name."""

POLL_SECONDS = 0.02
PERMUTATION_SECONDS = 1.0
"""At most for the importances of columns, whatever else there is time for."""


def write_report(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Writes the page, and each figure beside it.

    Args:
        payload: ``input`` (a JSON file for `Material.from_json`; the job imports what it needs
            and then waits until the file is there), ``output`` (where the page is to stand),
            ``figures`` (folder of the drawings, emptied first; null = none), ``seconds`` (for
            what may be left out; null = as long as it takes), ``early`` (what `Material` is when
            the last trial has been told: what depends on trials alone is then drawn while the
            input is still awaited; null = nothing is known before).
        deadline: Moment of `time.monotonic`.

    Returns:
        ``path`` of the page, ``figures`` (paths), ``size_kib``.

    Raises:
        StorageError: If it cannot be written.
        TimeoutError: If the input did not come in time.
    """
    from autometa.report import figures

    figures.warm_up()
    early = None
    if payload["early"]:
        early = of_the_search(Material.from_json(payload["early"]))
    material = Material.from_json(_awaited(Path(payload["input"]), deadline))
    seconds = payload["seconds"]
    until = time.monotonic() + (PERMUTATION_SECONDS * 20 if seconds is None else float(seconds))
    html, drawn = compose(material, until, early)
    output = Path(payload["output"])
    with writing(output):
        files = _write_figures(payload["figures"], drawn)
        output.parent.mkdir(parents=True, exist_ok=True)
        new = output.with_name(f".{output.name}.new")
        new.write_text(html, encoding="utf-8")
        new.replace(output)
    return {
        "path": str(output),
        "figures": files,
        "size_kib": len(html.encode()) / 1024,
    }


def _write_figures(place: str | None, drawn: Mapping[str, str]) -> list[str]:
    if place is None:
        return []
    folder = Path(place)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = {folder / f"{name}.svg": svg for name, svg in drawn.items()}
    for file, svg in files.items():
        file.write_text(svg, encoding="utf-8")
    return [str(file) for file in files]


def _awaited(path: Path, deadline: float) -> dict[str, Any]:
    while not path.is_file():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path.name} did not come in time")
        time.sleep(POLL_SECONDS)
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def of_the_search(material: Material) -> dict[str, Part]:
    """Gives the parts that depend on the trials alone."""
    from autometa.report import search_sections as search
    from autometa.report.front_section import front

    return {
        "history": search.history(material),
        "front": front(material),
        "prior": search.prior(material),
        "importances": search.hyperparameters(material),
    }


def compose(
    material: Material, until: float, early: Mapping[str, Part] | None = None
) -> tuple[str, dict[str, str]]:
    """Gives the page, and the figures on it as SVG by name.

    Args:
        material: What the study knows.
        until: Moment of `time.monotonic` up to which importances of columns are computed.
        early: From `of_the_search`, when it is known already.
    """
    from autometa.report import evidence as seen
    from autometa.report import frame_sections as frame
    from autometa.report import model_sections as model
    from autometa.report import page
    from autometa.report import search_sections as search

    unseen, said = _evidence(material)
    info = {} if material.prepared is None else open_prepared(material.prepared).info
    metric = material.predictive
    permuted = None
    if unseen is not None and metric is not None:
        permuted = seen.permutation(unseen, metric, until)
    drawn: dict[str, str] = {}

    searched = of_the_search(material) if early is None else early

    def kept(pair: Part) -> page.Section:
        drawn.update(pair[1])
        return pair[0]

    sections = [
        kept(searched["history"]),
        search.leaderboard(material),
        model.ensemble(material),
        kept(searched["front"]),
        kept(model.columns(permuted, metric.name if metric else "")),
        kept(model.mistakes(unseen)),
        kept(model.calibration(unseen)),
        kept(model.learning_curve(material)),
        page.Section("The model", [page.paragraph(page.text(said), "note")] if said else ()),
        frame.checks(material, info),
        frame.provenance(material),
        kept(searched["prior"]),
        search.learners(material),
        kept(searched["importances"]),
        frame.asked(material, info),
        frame.again(material),
    ]
    title = f"{material.task['name']}: report"
    return page.page(title, frame.head(material, info, unseen), sections), drawn


def _evidence(material: Material) -> tuple[Any, str]:
    """Gives predictions of unseen rows; without them a line that says why."""
    from autometa.report.evidence import gather

    try:
        found = gather(material)
    except AutometaError as exc:
        return None, f"The model could not be looked at: {exc}"
    if found is None and not material.final.get("best"):
        return None, ""
    if found is None:
        return None, "Model or data are not on this machine: what they would show is left out."
    return found, ""
