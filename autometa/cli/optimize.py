"""``autometa optimize``: search, or go on searching."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples
from autometa.cli.overrides import parse_overrides, set_option

_log = logging.getLogger(__name__)


@examples(
    "autometa optimize task.yaml",
    "autometa optimize task.yaml --set budget.seconds=600 --set search.learners=[ridge]",
    "autometa optimize task.yaml --register churn@champion",
    "autometa -p my_learner.py optimize task.yaml --fresh",
)
@click.command(
    "optimize",
    cls=Command,
    epilog="Ctrl-C ends the search and keeps its model; the same command goes on.",
)
@click.argument("task_file", metavar="TASK.yaml", type=click.Path())
@set_option
@click.option("--fresh", is_flag=True, help="Forget an earlier search of this name.")
@click.option(
    "--register",
    metavar="NAME[@ALIAS]",
    help="Make the model a version of NAME in MLflow's registry, and let ALIAS point to it.",
)
@click.option("--rebuild-tracking", is_flag=True, help="Derive the runs in MLflow again.")
@click.option("--no-report", is_flag=True, help="Write no report at the end.")
@click.pass_obj
def optimize(
    settings: Settings,
    task_file: str,
    *,
    overrides: tuple[str, ...],
    fresh: bool,
    register: str | None,
    rebuild_tracking: bool,
    no_report: bool,
) -> None:
    """Search for the best model of a task, or go on where an earlier command stopped."""
    started = time.monotonic() - time.process_time()
    from autometa.task import load_task

    task = load_task(task_file, parse_overrides(overrides))
    # This process only proposes: threads of its own would fight the workers for the cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    stop = Signals()
    from autometa import defaults
    from autometa.cli.progress import make_progress

    with make_progress(settings, task) as progress:
        result = defaults.optimize(
            task,
            plugins=settings.plugins,
            fresh=fresh,
            rebuild_tracking=rebuild_tracking,
            register=register,
            report=not no_report,
            progress=progress,
            stop=stop,
            started=started,
        )
    report = defaults.as_json(result)
    output.print_result(settings, report, to_text(report, task_file))
    if stop.signal is not None:
        raise click.exceptions.Exit(128 + stop.signal)


class Signals:
    """Turns the first SIGINT or SIGTERM into a wish to stop, and the second into the end."""

    def __init__(self) -> None:
        self.signal: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            # At once: the study is on disk, and the workers die with their parent.
            os._exit(128 + number)
        self.signal = number
        _log.warning("stopping; the study can be resumed. Once more ends it at once.")


MOST_MEMBERS = 5
"""Of an ensemble, the heaviest, in its line."""


def to_text(report: Mapping[str, Any], task_file: str) -> str:
    """Gives what people read at the end."""
    totals = report["trials"]
    told = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in totals.items())
    lines = [f"{report['task']}: {report['status']} after {report['seconds']:.1f} s ({told})"]
    if best := report["best"]:
        values = ", ".join(f"{name} {value:.5g}" for name, value in best["values"].items())
        lines.append(f"best     trial {best['number']}, {best['params']['learner']}: {values}")
    if baseline := report.get("baseline"):
        lines.append(f"baseline {_numbers(baseline)} (constant prediction)")
    if ensemble := report.get("ensemble"):
        lines.append(f"ensemble {_numbers(ensemble['values'])}: {_members(ensemble)}")
    if report.get("front"):
        numbers = ", ".join(f"#{point['number']}" for point in report["front"])
        lines.append(f"front    {numbers}")
    if test := report.get("test"):
        lines.append(f"test     {_numbers(test)} (untouched part, scored once)")
    if gain := (report.get("prior") or {}).get("gain"):
        lines.append(f"prior    {gain['text']}")
    if report["model"]:
        lines.append(f"model    {report['model']}")
    if report.get("report"):
        lines.append(f"report   {report['report']}")
    if url := (report.get("mlflow") or {}).get("url"):
        lines.append(f"mlflow   {url}")
        if str(report["mlflow"].get("tracking_uri", "")).startswith(("sqlite", "file", "/")):
            lines.append(f"         to open it: autometa ui {output.argument(task_file)}")
    if report["model"]:
        model = output.argument(report["model"])
        lines.append(f"predict  autometa predict {model} DATA --output predictions.csv")
    return "\n".join(lines)


def _members(ensemble: Mapping[str, Any]) -> str:
    """Gives how an ensemble is made: ``voting, 0.5 x #3 + 0.5 x #7, temperature 1.20``."""
    constant, temperature = ensemble["constant_weight"], ensemble["temperature"]
    weights = sorted(ensemble["weights"], key=lambda pair: -pair[1])
    strategy = ensemble["strategy"].partition("+")[0]
    members = " + ".join(f"{weight:.2f} x #{n}" for n, weight in weights[:MOST_MEMBERS])
    if len(weights) > MOST_MEMBERS:
        members += f" + {len(weights) - MOST_MEMBERS} more"
    if strategy == "smallest":
        return f"#{weights[0][0]} alone, the smallest that is as good within a standard error"
    parts = [
        f"#{weights[0][0]} alone" if len(weights) == 1 else f"{strategy}, {members}",
        f"{constant:.2f} of the constant" if constant >= 0.005 else "",
        f"temperature {temperature:.2f}" if temperature != 1.0 else "",
    ]
    return ", ".join(part for part in parts if part)


def _numbers(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.5g}" for name, value in values.items() if value is not None)
