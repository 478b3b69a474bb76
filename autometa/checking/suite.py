"""All checks, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from autometa.checking import columns, drift, duplicates, groups, leaks, moments, rows
from autometa.checking.finding import Finding
from autometa.checking.table import CheckedTable

CHECKS: Sequence[Callable[[CheckedTable], Iterable[Finding]]] = (
    leaks.check_single_features,
    duplicates.check_duplicates,
    groups.check_groups,
    moments.check_moments,
    drift.check_drift,
    rows.check_classes,
    rows.check_sizes,
    columns.check_values,
    columns.check_missing,
    columns.check_levels,
    columns.check_counters,
    columns.check_dates,
    columns.check_dropped,
)
"""In the order in which findings of one severity are shown."""


def check_table(table: CheckedTable) -> list[Finding]:
    """Gives all findings, errors first, then warnings, then what is good to know."""
    found = [finding for check in CHECKS for finding in check(table)]
    return sorted(found, key=lambda finding: finding.severity.rank)
