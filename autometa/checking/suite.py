"""All checks, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from autometa.checking import alike, columns, drift, duplicates, groups, leaks, moments, rows
from autometa.checking.finding import Finding
from autometa.checking.table import CheckedTable

CHECKS: Sequence[Callable[[CheckedTable], Iterable[Finding]]] = (
    leaks.check_single_features,
    duplicates.check_duplicates,
    groups.check_groups,
    moments.check_moments,
    drift.check_drift,
    alike.check_alike,
    rows.check_classes,
    rows.check_sizes,
    rows.check_test,
    columns.check_values,
    columns.check_missing,
    columns.check_levels,
    columns.check_counters,
    columns.check_dates,
    columns.check_dropped,
)
"""In the order in which findings of one severity are shown."""


OF_IMAGES = (duplicates.check_duplicates, rows.check_classes, rows.check_test)
"""Those that make sense where columns are no measurements of their own."""


def check_table(table: CheckedTable) -> list[Finding]:
    """Gives all findings, errors first, then warnings, then what is good to know."""
    checks = OF_IMAGES if table.is_image else CHECKS
    found = [finding for check in checks for finding in check(table)]
    return sorted(found, key=lambda finding: finding.severity.rank)
