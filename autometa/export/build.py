"""The standalone folder: the file, how to use it without autometa, and what was found of it."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.errors import StorageError
from autometa.export.file import write_onnx
from autometa.export.rows import edge_images, edge_rows
from autometa.export.verify import compare, measure, sizes
from autometa.images import taken
from autometa.measure import Metric, score
from autometa.modelfolder import Predictor, load_model
from autometa.onnxgraph.feeds import OnnxFile, raw_rows
from autometa.onnxgraph.nodes import DEFAULT_OPSET
from autometa.onnxgraph.parity import TOLERANCE
from autometa.onnxgraph.sources import MISSING_DATE
from autometa.prepare import open_prepared
from autometa.workspace import writing

if TYPE_CHECKING:
    from autometa.images import Rows

FILE, SCRIPT, REQUIREMENTS, VECTOR = "model.onnx", "predict.py", "requirements.txt", "vector.json"
N_TIMED_ROWS = 50
N_VECTOR_ROWS = 5


def build(
    predictor: Predictor,
    folder: Path,
    *,
    X: Rows | None = None,
    opset: int = DEFAULT_OPSET,
    most_kib: float | None = None,
) -> dict[str, Any]:
    """Writes a model as one file with its companions, and checks and measures it.

    Args:
        predictor: A loaded model folder.
        folder: An existing folder; takes ``model.onnx``, ``predict.py``, ``requirements.txt`` and
            ``vector.json``, a few rows with their outputs.
        X: Canonical rows to compare on, beside edge rows (missing, unseen, extreme), or images.
        opset: Of ai.onnx.
        most_kib: A file larger than this is compared, but not measured.

    Returns:
        ``parity`` (largest difference), ``rows``, ``edge_rows``, ``opset``, and what
        `verify.sizes` and `verify.measure` give.

    Raises:
        NotApplicable: If a part cannot be exported, the file differs from its source, or a
            number could not be measured.
        StorageError: If the disk is full.
    """
    path = folder / FILE
    with writing(folder):
        write_onnx(predictor, path, opset=opset)
    file = OnnxFile(path)
    edges = _edges(predictor, X)
    parity = compare(predictor, file, edges)
    n_rows = 0 if X is None else len(X)
    rows = edges
    if X is not None and n_rows:
        rows = raw_rows(X)
        parity = max(parity, compare(predictor, file, rows))
    with writing(folder):
        _write_companions(folder, file, rows[:N_VECTOR_ROWS])
    measured = sizes(path)
    if most_kib is None or measured["size_kib"] <= most_kib:
        measured |= measure(path, file.feeds(rows[:N_TIMED_ROWS]))
    found = {"rows": n_rows, "edge_rows": len(edges), "opset": opset, "tolerance": TOLERANCE}
    return {"parity": parity, **found, **measured}


def _edges(predictor: Predictor, X: Rows | None) -> Any:
    if predictor.image_shape is not None:
        return edge_images(predictor.image_shape)
    return edge_rows(predictor.schema, None if isinstance(X, np.ndarray) else X)


def export_model(predictor: Predictor, folder: Path, **more: Any) -> dict[str, Any]:
    """Builds into a new folder, or in place of one that an export made; whole or not at all.

    Args:
        predictor: A loaded model folder.
        folder: Where it shall stand.
        more: See `build`.

    Raises:
        NotApplicable: See `build`.
        StorageError: If it cannot be written, or something else stands there.
    """
    if folder.exists() and not _is_export(folder):
        raise StorageError(
            f"{folder} exists and is no export, or holds more than one.",
            hint="Choose another --output, or remove it.",
        )
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        found = build(predictor, new, **more)
        with writing(folder):
            new.chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return found


def _is_export(folder: Path) -> bool:
    """Whether nothing is lost with a folder but what an export writes."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return VECTOR in names <= {FILE, SCRIPT, REQUIREMENTS, VECTOR, "__pycache__"}


def export_job(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Exports a model folder for a device; runs in a worker.

    Args:
        payload: ``folder``, ``prepared`` (whose validation rows are compared), ``packages``,
            ``output`` (a folder that is made), ``opset``, ``most_kib`` (larger files are not
            measured; null = none is too large), ``metrics`` (`Metric.to_json`), ``n_folds`` (that
            many first ones have a model in the folder).
        deadline: Not used: measuring ends by itself.

    Returns:
        What `build` gives; and ``quality``: by metric the scores of ``source`` and ``file`` on
        the validation rows of the folds that have a model there. A folder of one model has not
        seen them in training; of several, each has seen those of the others.
    """
    predictor = load_model(payload["folder"], packages=frozenset(payload["packages"]))
    prepared = open_prepared(Path(payload["prepared"]))
    X = taken(prepared.X, _validation_rows(prepared.split, prepared.split.n_folds))
    folder = Path(payload["output"])
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    found = build(predictor, folder, X=X, opset=int(payload["opset"]), most_kib=payload["most_kib"])
    metrics = [Metric.from_json(metric) for metric in payload["metrics"]]
    own = _validation_rows(prepared.split, int(payload["n_folds"]))
    file = OnnxFile(folder / FILE)
    quality = _quality(predictor, file, taken(prepared.X, own), prepared.y[own], metrics)
    return {**found, "quality": quality}


def _validation_rows(split: Any, n_folds: int) -> np.ndarray[Any, Any]:
    rows = [split.valid_rows(fold) for fold in range(n_folds)]
    return np.unique(np.concatenate(rows))


def _quality(
    predictor: Predictor,
    file: OnnxFile,
    X: Rows,
    y: np.ndarray[Any, Any],
    metrics: Sequence[Metric],
) -> dict[str, dict[str, float]]:
    source, own = predictor.average(X), file.average(X)
    return {
        metric.name: {"source": score(metric, y, source), "file": score(metric, y, own)}
        for metric in metrics
    }


def _write_companions(folder: Path, file: OnnxFile, rows: Any) -> None:
    import onnxruntime

    name = "standalone.py" if file.image_shape is None else "standalone_images.py"
    script = Path(__file__).with_name(name).read_text(encoding="utf-8")
    (folder / SCRIPT).write_text(script, encoding="utf-8")
    lines = f"numpy=={np.__version__}\nonnxruntime=={onnxruntime.__version__}\n"
    (folder / REQUIREMENTS).write_text(lines, encoding="utf-8")
    outputs = {name: values.tolist() for name, values in file.predict(rows).items()}
    vector = {**_vector_inputs(file, rows), "outputs": outputs}
    (folder / VECTOR).write_text(json.dumps(vector, indent=1), encoding="utf-8")


def _vector_inputs(file: OnnxFile, rows: Any) -> dict[str, Any]:
    """Gives ``rows``, dicts by column; or ``shape`` and ``images``, their bytes in base64."""
    if file.image_shape is not None:
        images = base64.b64encode(rows.tobytes()).decode("ascii")
        return {"shape": list(rows.shape), "images": images}
    feeds = file.feeds(rows)
    return {
        "rows": [
            {c["column"]: _plain(feeds[c["input"]][row, 0]) for c in file.columns}
            for row in range(len(rows))
        ]
    }


def _plain(value: Any) -> Any:
    """Gives a text (of a date in ISO form), a number, or None where it is missing."""
    if isinstance(value, str):
        return value
    if isinstance(value, np.int64):
        return None if value == MISSING_DATE else str(value.astype("datetime64[us]"))
    return None if np.isnan(value) else float(value)
