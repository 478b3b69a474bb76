"""Everything that autometa raises on purpose.

::

    AutometaError
    ├── TaskError          (ValueError)    exit 2   the task file or the command line is wrong
    ├── DataError          (ValueError)    exit 3   the data cannot be used as asked
    ├── StorageError       (RuntimeError)  exit 4   study, workspace or tracking store unusable
    │   └── ModelFolderError               exit 4   a model folder is missing, foreign or changed
    ├── PluginError        (RuntimeError)  exit 5   a plugin the task needs is missing or broken
    └── NoModelError       (RuntimeError)  exit 1   the search ended without a usable model

    NotApplicable          (Exception)     not an error: a learner, compressor or export declines
    Pruned                 (Exception)     not an error: a fit is ended, others are further

Every message names the cause and, in ``hint``, the next step. ``str(error)`` is one line.
"""

from __future__ import annotations


class AutometaError(Exception):
    """Base of all expected failures.

    Args:
        message: What was being done, what must hold, what was got. One sentence.
        hint: What to do next. One sentence, may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.message} {self.hint}" if self.hint else self.message
        return " ".join(text.split())


class NoModelError(AutometaError, RuntimeError):
    """The search ended without a model that may be delivered."""

    exit_code = 1


class TaskError(AutometaError, ValueError):
    """A task file or an option is wrong.

    Args:
        message: See `AutometaError`.
        file: Path of the task file as the user wrote it, or None.
        line: One-based line in `file`, or None.
        key: Dotted key, such as ``budget.trials``, or "".
        hint: See `AutometaError`.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line
        self.key = key

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        parts = [part for part in (place, self.key) if part]
        return ": ".join([*parts, super().__str__()])


class DataError(AutometaError, ValueError):
    """The data cannot be read, or cannot be used for this task."""

    exit_code = 3


class StorageError(AutometaError, RuntimeError):
    """A store (study, workspace, tracking, knowledge) cannot be read or written."""

    exit_code = 4


class ModelFolderError(StorageError):
    """A model folder is missing, foreign, or not what its manifest says."""


class PluginError(AutometaError, RuntimeError):
    """A plugin that the task needs is missing, broken or ambiguous."""

    exit_code = 5


class NotApplicable(Exception):  # noqa: N818 - a protocol answer, not an error
    """A learner, compressor or export says "not for me", with the reason.

    The trial is told as not applicable; nothing is counted as failed.

    Args:
        reason: One line, shown to the user, such as ``"counts must not be negative"``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Pruned(Exception):  # noqa: N818 - a decision, not an error
    """`FitContext.report` ends a fit: other configurations were better at the same step.

    Learners let it pass.

    Args:
        reason: One line, shown to the user.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
