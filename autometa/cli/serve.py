"""``autometa serve``: predictions over HTTP."""

from __future__ import annotations

import os
from typing import Any

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples, registry_option


@examples(
    "autometa serve MODEL",
    "autometa serve models:/churn@champion",
    "autometa serve MODEL --host 0.0.0.0 --token-file token.txt",
)
@click.command(
    "serve",
    cls=Command,
    epilog="POST /predict takes JSON or CSV; /docs describes it. SIGTERM or Ctrl-C ends it.",
)
@click.argument("model", metavar="MODEL", type=click.Path())
@click.option(
    "--engine",
    type=click.Choice(["auto", "native", "onnx"]),
    default="auto",
    show_default=True,
    help="What computes: the models themselves, or their ONNX form, which auto takes if it can.",
)
@registry_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Another one needs a token.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 = a free one."
)
@click.option(
    "--token-file",
    metavar="FILE",
    help="Holds the token that clients must send; else AUTOMETA_SERVE_TOKEN may.",
)
@click.option(
    "--max-rows",
    default=10_000,
    show_default=True,
    type=click.IntRange(1),
    help="Most rows of a request.",
)
@click.option(
    "--max-mib",
    default=8.0,
    show_default=True,
    type=click.FloatRange(0, 1024, min_open=True),
    help="Largest body in MiB.",
)
@click.option(
    "--rate",
    default=1000.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Requests a second and client; 0 = no limit.",
)
@click.pass_obj
def serve(
    settings: Settings,
    model: str,
    *,
    engine: str,
    registry: str | None,
    host: str,
    port: int,
    token_file: str | None,
    max_rows: int,
    max_mib: float,
    rate: float,
) -> None:
    """Answer requests for predictions of MODEL, a folder or a registered model."""
    from autometa.serve.start import serve_model
    from autometa.serve.token import TOKEN_VARIABLE

    def ready(url: str) -> None:
        known: dict[str, Any] = {"url": url, "docs": f"{url}/docs", "model": model}
        output.print_result(settings, known, url)
        output.note(settings, f"serving until Ctrl-C; {url}/docs describes it")

    serve_model(
        model,
        host=host,
        port=port,
        token_file=token_file,
        token=os.environ.get(TOKEN_VARIABLE),
        max_rows=max_rows,
        max_bytes=int(max_mib * 2**20),
        per_second=rate,
        engine=engine,
        registry=registry,
        plugins=settings.plugins,
        ready=ready,
    )
