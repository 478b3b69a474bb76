"""``autometa export``: a model folder as one file for another runtime."""

from __future__ import annotations

from pathlib import Path

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples, registry_option
from autometa.errors import NoModelError, NotApplicable


@examples(
    "autometa export MODEL --to onnx",
    "autometa export MODEL --to onnx --output edge --data new.csv",
    "autometa export models:/churn@champion --to onnx --output edge",
)
@click.command("export", cls=Command)
@click.argument("model", metavar="MODEL", type=click.Path())
@click.option("--to", "format", type=click.Choice(["onnx"]), default="onnx", show_default=True)
@click.option(
    "--output",
    "target",
    metavar="FOLDER",
    help="By default MODEL with -onnx after it; of a registered one its name, here.",
)
@click.option("--data", metavar="FILE", help="Rows, or images, to compare file and model on.")
@click.option("--opset", type=click.IntRange(15, 21), default=21, show_default=True)
@registry_option
@click.pass_obj
def export(
    settings: Settings,
    model: str,
    *,
    format: str,
    target: str | None,
    data: str | None,
    opset: int,
    registry: str | None,
) -> None:
    """Write MODEL, a folder or a registered model, as one ONNX file, checked and measured."""
    from autometa.export import export_model
    from autometa.loading import load_dataset
    from autometa.plugins import load_plugins
    from autometa.registered import load_model
    from autometa.sources import resolve_sources
    from autometa.task import locate

    plugins = load_plugins(settings.plugins)
    predictor = load_model(model, packages=plugins.packages, registry=registry)
    X = None
    if data is not None:
        parts, entry = resolve_sources(plugins, [locate(data, Path.cwd())], None)
        X = predictor.canonical(load_dataset(parts, entry.spec.factory, {}).inputs)
    place = Path(target or f"{_stem(model)}-{format}").absolute()
    try:
        found = export_model(predictor, place, X=X, opset=opset)
    except NotApplicable as exc:
        raise NoModelError(
            f"{model} cannot be exported: {exc.reason}.",
            hint="Search with `target: edge-cpu` in the task file: only what can be is tried then.",
        ) from exc
    row = "row" if predictor.image_shape is None else "image"
    text = (
        f"{place}: {found['size_kib']:.1f} KiB, {1000 * found['latency_ms']:.0f} µs a {row},"
        f" {found['memory_mib']:.0f} MiB; differs by {found['parity']:.1g}"
    )
    output.print_result(settings, {"output": str(place), **found}, text)


def _stem(model: str) -> Path:
    """Gives the folder itself, or the name of a registered model, in the current folder."""
    from autometa.registered import SCHEME

    if not model.startswith(SCHEME):
        return Path(model)
    return Path(model.removeprefix(SCHEME).replace("/", "-").replace("@", "-"))
