"""Why a request is refused: a status, one sentence, and each problem by its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autometa.errors import DataError

MAX_PROBLEMS = 20
"""So many are listed; the rest is counted."""

_MAX_SHOWN = 60


class BadRequestError(DataError):
    """A request cannot be answered, and the client can change that.

    Args:
        message: What is wrong, one sentence.
        hint: What to send instead.
        status: The HTTP status, 400 to 499, or 503 for a server that is busy.
        problems: For each wrong value its place, column, what was expected and what was got; the
            first ones suffice.
        n_problems: How many there are in all.
        headers: Of the answer.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int = 400,
        problems: Sequence[Mapping[str, str]] = (),
        n_problems: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.problems = tuple(problems)
        self.n_problems = max(n_problems, len(self.problems))
        self.headers = dict(headers or {})

    def to_json(self) -> dict[str, Any]:
        """Gives the body of the answer."""
        body: dict[str, Any] = {"error": str(self)}
        if self.problems:
            body["problems"] = [dict(problem) for problem in self.problems[:MAX_PROBLEMS]]
            body["n_problems"] = self.n_problems
        return body


def unfit(problems: Sequence[Mapping[str, str]], n_problems: int) -> BadRequestError:
    """Gives the refusal of rows that do not fit the schema.

    Args:
        problems: At least one, each with ``where``, ``column``, ``expected`` and ``got``.
        n_problems: How many there are in all.
    """
    first = problems[0]
    more = f" ({n_problems - 1} more problems)" if n_problems > 1 else ""
    message = (
        f"{first['where']}, column {show(first['column'])}: expected {first['expected']}, got"
        f" {first['got']}{more}."
    )
    return BadRequestError(
        message,
        hint="GET /metadata shows what each column takes.",
        status=422,
        problems=problems,
        n_problems=n_problems,
    )


def show(value: object) -> str:
    """Gives any value on one line in ASCII or printable text, at most 60 characters."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    # A part is enough, and a text may have megabytes.
    text = repr(value[: _MAX_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
