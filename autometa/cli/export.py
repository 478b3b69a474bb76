"""``autometa export``: a model folder as one file for another runtime."""

from __future__ import annotations

from pathlib import Path

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples
from autometa.errors import NoModelError, NotApplicable


@examples(
    "autometa export MODEL --to onnx",
    "autometa export MODEL --to onnx --output edge --data new.csv",
)
@click.command("export", cls=Command)
@click.argument("model", metavar="MODEL", type=click.Path())
@click.option("--to", "format", type=click.Choice(["onnx"]), default="onnx", show_default=True)
@click.option("--output", "target", metavar="FOLDER", help="By default MODEL with -onnx after it.")
@click.option("--data", metavar="FILE", help="Rows to compare file and model on.")
@click.option("--opset", type=click.IntRange(15, 21), default=21, show_default=True)
@click.pass_obj
def export(
    settings: Settings, model: str, *, format: str, target: str | None, data: str | None, opset: int
) -> None:
    """Write the model folder MODEL as one ONNX file, checked against it and measured."""
    from autometa.export import export_model
    from autometa.loading import load_dataset
    from autometa.modelfolder import load_model
    from autometa.plugins import load_plugins
    from autometa.sources import resolve_sources
    from autometa.task import locate

    registry = load_plugins(settings.plugins)
    predictor = load_model(model, packages=registry.packages)
    X = None
    if data is not None:
        parts, entry = resolve_sources(registry, [locate(data, Path.cwd())], None)
        X = predictor.schema.apply(load_dataset(parts, entry.spec.factory, {}).raw)
    place = Path(target or f"{Path(model)}-{format}").absolute()
    try:
        found = export_model(predictor, place, X=X, opset=opset)
    except NotApplicable as exc:
        raise NoModelError(
            f"{model} cannot be exported: {exc.reason}.",
            hint="Search with `target: edge-cpu` in the task file: only what can be is tried then.",
        ) from exc
    text = (
        f"{place}: {found['size_kib']:.1f} KiB, {1000 * found['latency_ms']:.0f} µs a row,"
        f" {found['memory_mib']:.0f} MiB; differs by {found['parity']:.1g}"
    )
    output.print_result(settings, {"output": str(place), **found}, text)
