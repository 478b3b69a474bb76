"""The token that clients must send."""

from __future__ import annotations

import re
from pathlib import Path

from autometa.errors import TaskError

MIN_CHARACTERS = 16
TOKEN_VARIABLE = "AUTOMETA_SERVE_TOKEN"  # noqa: S105 - its name


def read_token(file: str | None, given: str | None) -> str | None:
    """Gives the token, None when there is none.

    Args:
        file: Path of the file that holds it, on one line; it comes first.
        given: The token itself.

    Raises:
        TaskError: If the file cannot be read, or the token is short or could not be sent.
    """
    where = f"--token-file {file}" if file is not None else TOKEN_VARIABLE
    if file is not None:
        try:
            given = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise TaskError(f"cannot read {where}: {reason}.") from exc
    elif not given:
        return None
    if given is None or len(given) < MIN_CHARACTERS or not re.fullmatch(r"[!-~]+", given):
        raise TaskError(
            f"{where} must hold {MIN_CHARACTERS} or more visible ASCII characters.",
            hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe())'",
        )
    return given
