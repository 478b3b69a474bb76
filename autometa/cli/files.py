"""Files that commands leave for people."""

from __future__ import annotations

from pathlib import Path

from autometa.errors import StorageError


def write_text(place: Path, text: str) -> None:
    """Writes a file whole or not at all, in UTF-8.

    Raises:
        StorageError: If it cannot be written.
    """
    temporary = place.with_name(f".{place.name}.tmp")
    try:
        try:
            temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as exc:
        raise StorageError(
            f"cannot write {place}: {exc.strerror or exc}.", hint="Choose another place."
        ) from exc
