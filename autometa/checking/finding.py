"""What a check has to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from autometa.errors import DataError

SAID_BEFORE = frozenset(
    {"constant_columns", "empty_columns", "id_columns", "infinite_values", "mixed_values"}
    | {"mixed_dates"}
)
"""Checks whose findings the preparation of the data has put into its own notes already."""

_SHOWN_NAMES = 3
_LONGEST_NAME = 60


class Severity(StrEnum):
    """How much a finding matters.

    An error makes the scores meaningless, and stops. A warning may make them misleading. What is
    left is good to know.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check found.

    Args:
        check: Name of the check, such as ``target_leak``.
        severity: See `Severity`.
        message: What was found, one sentence on one line.
        advice: What to do, one sentence on one line.
        columns: The columns concerned, by their names in the data.
        evidence: The numbers behind it.

    Example:
        >>> said = {"message": "One row is rare.", "advice": "Add some."}
        >>> Finding(check="tiny_classes", severity=Severity.WARNING, **said).line
        'warning: One row is rare. Add some. (tiny_classes)'
    """

    check: str
    severity: Severity
    message: str
    advice: str
    columns: tuple[str, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """All in one line."""
        return " ".join(f"{self.severity}: {self.message} {self.advice} ({self.check})".split())

    def to_json(self) -> dict[str, Any]:
        """Gives a JSON object; `from_json` reads it."""
        return {
            "check": self.check,
            "severity": self.severity.value,
            "columns": list(self.columns),
            "evidence": dict(self.evidence),
            "message": self.message,
            "advice": self.advice,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Reads what `to_json` gave.

        Raises:
            KeyError: If an entry is missing.
            ValueError: If the severity is unknown.
        """
        return cls(
            check=str(data["check"]),
            severity=Severity(data["severity"]),
            message=str(data["message"]),
            advice=str(data["advice"]),
            columns=tuple(data["columns"]),
            evidence=dict(data["evidence"]),
        )


def lines(findings: Iterable[Finding], *, least: Severity = Severity.WARNING) -> list[str]:
    """Gives one line per finding of at least this severity."""
    return [finding.line for finding in findings if finding.severity.rank <= least.rank]


def tags(findings: Sequence[Finding]) -> dict[str, str]:
    """Gives what a tracked run says about the checks: how many of each, and which warned.

    Returns:
        ``autometa.checks`` such as ``1 warning, 2 info``, and ``autometa.checks.<check>`` with the
        line of the gravest finding of each check that found an error or warns.
    """
    counts = Counter(finding.severity for finding in findings)
    parts = [_count(counts[severity], severity) for severity in Severity if counts[severity]]
    told = {"autometa.checks": ", ".join(parts) or "nothing found"}
    for finding in reversed(findings):
        if finding.severity is not Severity.INFO:
            told[f"autometa.checks.{finding.check}"] = finding.line
    return told


def _count(number: int, severity: Severity) -> str:
    plural = "s" if number > 1 and severity is not Severity.INFO else ""
    return f"{number} {severity}{plural}"


def named(columns: Sequence[str]) -> str:
    """Gives up to three names in quotes on one line, and how many more there are.

    Example:
        >>> named(["a", "b", "c", "d"])
        "'a', 'b', 'c' and 1 more"
    """
    shown = ", ".join(_quoted(name) for name in columns[:_SHOWN_NAMES])
    more = len(columns) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _quoted(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…")


def percent(share: float) -> str:
    """Gives a share for people; never 0 or 100 when it is not.

    Example:
        >>> percent(0.123), percent(0.0004), percent(0.9999)
        ('12 %', 'below 1 %', 'over 99 %')
    """
    if 0 < share < 0.01:
        return "below 1 %"
    return "over 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def refuse(findings: Sequence[Finding]) -> None:
    """Stops what would only give meaningless scores.

    Raises:
        DataError: If there is an error among the findings.
    """
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        more = f" ({len(errors) - 1} more errors: autometa check)" if len(errors) > 1 else ""
        raise DataError(errors[0].message, hint=f"{errors[0].advice}{more}")
