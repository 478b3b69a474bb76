"""``autometa predict``: rows in, predictions out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples, registry_option
from autometa.cli.overrides import adapter_options, parse_options
from autometa.errors import StorageError, TaskError

if TYPE_CHECKING:
    import pandas as pd

    from autometa.images import Rows
    from autometa.modelfolder import Predictor

WRITERS = (".csv", ".parquet")


@examples(
    "autometa predict MODEL new.csv --output predictions.csv",
    "autometa predict MODEL new.csv --proba --output probabilities.parquet",
    "autometa predict models:/churn@champion new.csv --output predictions.csv",
    "autometa predict MODEL 'new/*.csv' --option separator=';' --output predictions.csv",
    "autometa predict MODEL sqlite:///shop.db --option table=new --output predictions.csv",
)
@click.command("predict", cls=Command)
@click.argument("model", metavar="MODEL", type=click.Path())
@click.argument("data", metavar="DATA", type=click.Path())
@click.option("--output", "target", required=True, metavar="FILE", help="A .csv or .parquet file.")
@click.option("--proba", is_flag=True, help="One column per class with its probability.")
@registry_option
@adapter_options
@click.pass_obj
def predict(
    settings: Settings,
    model: str,
    data: str,
    *,
    target: str,
    proba: bool,
    registry: str | None,
    adapter: str | None,
    options: tuple[str, ...],
) -> None:
    """Predict the rows of DATA with MODEL, a folder or a registered model."""
    place = Path(target)
    if place.suffix.lower() not in WRITERS:
        raise TaskError(
            f"--output must end in .csv or .parquet, got {place.name!r}.", hint="Rename it."
        )
    from autometa.loading import load_dataset
    from autometa.plugins import load_plugins
    from autometa.registered import SCHEME, load_model
    from autometa.sources import resolve_sources
    from autometa.task import locate

    how = parse_options(options)
    found = load_plugins(settings.plugins)
    predictor = load_model(model, packages=found.packages, registry=registry)
    parts, entry = resolve_sources(found, [locate(data, Path.cwd())], adapter)
    dataset = load_dataset(parts, entry.spec.factory, how)
    frame = table(predictor, dataset.inputs, proba=proba)
    write(frame, place)
    result = {
        "model": model if model.startswith(SCHEME) else str(Path(model).absolute()),
        "rows": len(frame),
        "output": str(place.absolute()),
    }
    output.print_result(settings, result, f"{len(frame)} predictions in {place}")


def table(predictor: Predictor, rows: Rows, *, proba: bool) -> pd.DataFrame:
    """Gives the predictions as they are written.

    Args:
        predictor: A loaded model.
        rows: (n, ...) as an adapter reads them.
        proba: Whether to give (n, n_classes) probabilities instead of the column ``prediction``.
    """
    import pandas as pd

    if not proba:
        return pd.DataFrame({"prediction": predictor.predict(rows)})
    values: Any = predictor.predict_proba(rows)
    return pd.DataFrame(values, columns=list(predictor.classes))


def write(frame: pd.DataFrame, place: Path) -> None:
    """Writes a table; a file that cannot be written leaves nothing half done.

    Raises:
        StorageError: If it cannot be written.
    """
    temporary = place.with_name(f".{place.name}.tmp")
    try:
        if place.suffix.lower() == ".csv":
            frame.to_csv(temporary, index=False)
        else:
            frame.to_parquet(temporary, index=False)
        temporary.replace(place)
    except OSError as exc:
        raise StorageError(
            f"cannot write {place.absolute()}: {exc.strerror or exc}.",
            hint="Choose another --output.",
        ) from exc
    finally:
        with contextlib.suppress(OSError):  # a read-only folder says so even if there is no file
            temporary.unlink(missing_ok=True)
