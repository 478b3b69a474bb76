"""Labels that only capitals or spaces tell apart, such as those of several hands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autometa.checking.finding import Finding, Severity, named
from autometa.checking.table import CheckedTable

_MOST_LEVELS = 10_000  # of a column: what has more is no set of labels


def check_alike(table: CheckedTable) -> Iterator[Finding]:
    """Finds classes, and levels of categories, that are probably one."""
    if found := _alike(table.classes):
        yield Finding(
            check="alike_classes",
            severity=Severity.WARNING,
            message=f"Only capitals or spaces tell classes apart: {named(found)}.",
            advice="Write each in one way, or they are learned as different classes.",
            columns=(table.target,),
            evidence={"n_classes": float(len(found))},
        )
    columns = [
        c
        for c in table.schema
        if c.kind == "categorical" and len(c.categories) <= _MOST_LEVELS and _alike(c.categories)
    ]
    if columns:
        names, first = [c.name for c in columns], _alike(columns[0].categories)
        yield Finding(
            check="alike_levels",
            severity=Severity.INFO,
            message=f"Only capitals or spaces tell levels apart in {named(names)},"
            f" such as {named(first)}.",
            advice="If they mean the same, write them in one way.",
            columns=tuple(names),
            evidence={"n_columns": float(len(columns))},
        )


def _alike(labels: Sequence[object]) -> list[str]:
    """Gives the labels that are not the only ones of their kind, those of one kind together."""
    kinds: dict[str, list[str]] = {}
    for label in map(str, labels):
        kinds.setdefault(" ".join(label.casefold().split()), []).append(label)
    return [label for kind in kinds.values() if len(kind) > 1 for label in kind]
