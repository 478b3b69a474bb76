"""Starts a server: everything is checked before the model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from autometa.errors import NotApplicable, TaskError
from autometa.plugins import load_plugins
from autometa.registered import load_model
from autometa.serve.token import TOKEN_VARIABLE, read_token

if TYPE_CHECKING:
    from autometa.modelfolder import Predictor
    from autometa.serve.engine import Engine


def serve_model(
    model: str,
    *,
    host: str,
    port: int,
    token_file: str | None,
    token: str | None = None,
    max_rows: int,
    max_bytes: int,
    per_second: float,
    engine: str = "auto",
    registry: str | None = None,
    plugins: Iterable[str | Path] = (),
    ready: Callable[[str], None],
) -> None:
    """Answers requests for predictions until a signal.

    Args:
        model: A model folder, or a registered model; see `registered.located`.
        host: Where to listen; another than this machine's own needs a token.
        port: Of TCP; 0 = any free one.
        token_file: Holds the token.
        token: The token itself, where there is no file.
        max_rows: Most rows of a request.
        max_bytes: Largest body.
        per_second: Requests a second and client; 0 = no limit.
        engine: ``auto``, ``native`` or ``onnx``; see `serve.onnx_engine.choose_engine`.
        registry: URI of the registry of models.
        plugins: One-file plugins.
        ready: Called with the address once requests are answered.

    Raises:
        TaskError: If a token is needed and there is none, or the port is taken.
        AutometaError: If the model cannot be loaded.
    """
    try:
        from autometa.serve.app import Limits as RequestLimits
        from autometa.serve.app import make_app
        from autometa.serve.server import address, is_loopback, listen, serve
    except ModuleNotFoundError as exc:
        raise TaskError(
            f"serve needs {exc.name}.", hint="pip install 'autometa-core[serve]'"
        ) from exc
    token = read_token(token_file, token)
    if token is None and not is_loopback(host):
        raise TaskError(
            f"--host {host} can be reached from elsewhere, so a token is needed.",
            hint=f"Give --token-file FILE, or set {TOKEN_VARIABLE}.",
        )
    bound = listen(host, port)
    try:
        predictor = load_model(model, packages=load_plugins(plugins).packages, registry=registry)
        if predictor.image_shape is not None:
            raise TaskError(
                f"{model} predicts images, and serve answers for rows of tables.",
                hint="Use `autometa predict`, or `autometa export` and its predict.py.",
            )
        limits = RequestLimits(rows=max_rows, body_bytes=max_bytes, per_second=per_second)
        chosen = _engine(predictor, engine, model)
        app = make_app(predictor, engine=chosen, limits=limits, token=token)
        serve(app, bound, lambda: ready(address(bound)))
    finally:
        bound.close()


def _engine(predictor: Predictor, wanted: str, model: str) -> Engine:
    """Gives what computes predictions.

    Raises:
        TaskError: If the ONNX form is wanted, and the model has none.
    """
    from autometa.serve.inputs import Inputs
    from autometa.serve.onnx_engine import choose_engine

    try:
        return choose_engine(predictor, Inputs(predictor.schema).columns, wanted)
    except NotApplicable as exc:
        raise TaskError(
            f"{model} has no ONNX form: {exc.reason}.", hint="Use --engine auto."
        ) from exc
