"""Where runs are stored, and the links that show them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from autometa.errors import StorageError

UI_PORT = 5000


def default_uris(workspace: Path) -> tuple[str, str]:
    """Gives the tracking URI and the artifact location of a workspace.

    Args:
        workspace: The folder that holds, or shall hold, ``.autometa``.

    Returns:
        An absolute SQLite URI and an absolute file URI.

    Raises:
        StorageError: If the path holds ``?`` or ``%``; see `sqlite_uri`.
    """
    home = workspace.absolute() / ".autometa"
    return sqlite_uri(home / "mlflow.db"), (home / "mlartifacts").as_uri()


def sqlite_uri(path: Path) -> str:
    """Gives the URI of a SQLite file: the path as it is.

    Raises:
        StorageError: If the path holds ``?``, where options begin, or ``%``, which SQLAlchemy
            decodes since 2.1 while MLflow does not.
    """
    if set("?%") & set(str(path.absolute())):
        raise StorageError(
            f"MLflow cannot open {path.absolute()}: a SQLite path must not hold '?' or '%'.",
            hint="Rename the folder, or name another store as `tracking` in the task file.",
        )
    return f"sqlite:///{path.absolute()}"


def sqlite_path(uri: str) -> Path | None:
    """Gives the file of a SQLite URI, None for any other."""
    scheme, _, rest = uri.partition("://")
    if scheme.split("+")[0] != "sqlite" or not rest.removeprefix("/"):
        return None
    return Path(rest.removeprefix("/").partition("?")[0])


def is_server(uri: str) -> bool:
    """Whether the URI names a tracking server that has pages of its own."""
    return urlsplit(uri).scheme in {"http", "https"}


def deep_link(
    tracking_uri: str, experiment_id: str | None, run_id: str | None, *, port: int = UI_PORT
) -> str:
    """Gives the link that opens a study's run.

    Args:
        tracking_uri: Of a server, whose own page is linked, or of a store, which `autometa ui`
            shows at `port`.
        experiment_id: None when it is not known yet; the link then opens the first page.
        run_id: None opens the experiment.
        port: Of the local UI.
    """
    base = _page(tracking_uri) if is_server(tracking_uri) else f"http://127.0.0.1:{port}"
    if experiment_id is None:
        return f"{base}/"
    run = f"/runs/{run_id}" if run_id else ""
    return f"{base}/#/experiments/{experiment_id}{run}?workflowType=machine_learning"


def trials_link(
    tracking_uri: str,
    experiment_id: str,
    run_id: str,
    *,
    metric: str = "",
    is_minimized: bool = True,
    port: int = UI_PORT,
) -> str:
    """Gives the link to the table of a study's trials, the best on top when `metric` is given."""
    wanted = quote(f"tags.`mlflow.parentRunId` = '{run_id}'", safe="")
    column = quote(f"metrics.`{metric}`", safe="")
    order = f"&orderByKey={column}&orderByAsc={str(is_minimized).lower()}" if metric else ""
    page, _, view = deep_link(tracking_uri, experiment_id, None, port=port).partition("?")
    return f"{page}/runs?searchFilter={wanted}{order}&{view}"


def _page(uri: str) -> str:
    """Gives a server's address without the password that may stand in it."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
