"""Finds out what a raw column holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from autometa.columns import (
    Column,
    RawColumn,
    ReadColumn,
    Values,
    boolean_values,
    category_values,
    datetimes,
    finite,
    plain_dtype,
    text_values,
    typed_booleans,
    typed_numbers,
)
from autometa.text_values import (
    Floats,
    Levels,
    boolean_words,
    date_format,
    has_mixed_dates,
    levels_of,
    mean_words,
    number_format,
    parse_booleans,
    parse_dates,
    parse_numbers,
    plain_numbers,
)

MAX_CATEGORIES = 10_000
"""The most frequent categories that a column keeps; rarer ones become missing."""

TEXT_WORDS = 3.0
"""Mean number of words per value from which strings are text."""

MIXED_DATES = "dates in several formats were not read as dates"

MOST_REPEATS = 10.0
"""Mean number of rows per different value from which even long strings are categories."""

_FEWEST_IDS = 10  # fewer values may differ by chance
_MOSTLY = 0.9


def infer_column(raw: RawColumn, name: str, decimal: str | None = None) -> ReadColumn:
    """Finds out what a raw column holds, and reads it.

    Args:
        raw: (n,) values of any dtype.
        name: Name of the column.
        decimal: Decimal mark of numbers in texts, ``.`` or ``,``; None = found out.

    Raises:
        DataError: If the values are lists, dicts or other containers.
    """
    raw = plain_dtype(raw, name)
    if (bools := typed_booleans(raw)) is not None:
        return _checked(name, "boolean", bools, categories=("False", "True"))
    if (numbers := typed_numbers(raw)) is not None:
        return _numeric(name, numbers, "plain")
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return _checked(name, "date", datetimes(raw), form="ISO8601")
    if decimal != "," and (numbers := plain_numbers(raw)) is not None:
        return _numeric(name, numbers, "plain")
    return _infer_texts(levels_of(raw), name, decimal, is_declared=_is_categorical(raw))


def numbers_of(raw: RawColumn, decimal: str | None = None) -> Floats | None:
    """Gives (n,) the numbers of a raw column, NaN = missing, ±inf kept; None if some are none."""
    raw = plain_dtype(raw, str(raw.name))
    if (numbers := typed_numbers(raw)) is not None:
        return numbers
    if typed_booleans(raw) is not None or pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return None
    if decimal != "," and (numbers := plain_numbers(raw)) is not None:
        return numbers
    levels = levels_of(raw).without_missing_words()
    form = number_format(levels.texts, decimal)
    return None if form is None else levels.spread(parse_numbers(levels.texts, form), np.nan)


def _numeric(name: str, numbers: Floats, form: str) -> ReadColumn:
    numbers, n_infinite = finite(numbers)
    changes: tuple[tuple[str, int], ...] = ()
    if n_infinite:
        changes = (("infinite values became missing", n_infinite),)
    if form == ",":
        changes += (("texts were read as numbers with a decimal comma", 0),)
    if form == ".":
        changes += (("texts with currency, percent or group signs were read as numbers", 0),)
    return _checked(name, "numeric", numbers, form=form, changes=changes)


def _is_categorical(raw: RawColumn) -> bool:
    return isinstance(raw.dtype, pd.CategoricalDtype)


def _checked(
    name: str,
    kind: str,
    values: Values,
    *,
    categories: tuple[str, ...] = (),
    form: str = "",
    changes: tuple[tuple[str, int], ...] = (),
) -> ReadColumn:
    """Drops a column that has one value throughout, or none."""
    missing = np.asarray(pd.isna(values))
    if missing.all():
        return _dropped(name, "all-missing")
    if not missing.any() and bool((values == values[0]).all()):
        return _dropped(name, "constant")
    column = Column(name=name, kind=kind, categories=categories, format=form)
    return ReadColumn(column, values, changes)


def _dropped(name: str, reason: str) -> ReadColumn:
    return ReadColumn(Column(name=name, kind="dropped", reason=reason), None)


def _infer_texts(
    levels: Levels, name: str, decimal: str | None, *, is_declared: bool
) -> ReadColumn:
    known = levels.without_missing_words()
    if len(known.texts) == 0:
        return _dropped(name, "all-missing")
    if len(levels.texts) == 1 and not levels.has_missing:
        return _dropped(name, "constant")
    if (pair := boolean_words(known.texts)) is not None:
        return _boolean_texts(known, name, pair)
    if is_declared:
        return _categorical(levels, name, "")
    if (form := number_format(known.texts, decimal)) is not None:
        return _numeric(name, known.spread(parse_numbers(known.texts, form), np.nan), form)
    if (form := date_format(known.texts)) is not None:
        return _date_texts(known, name, form)
    if has_mixed_dates(known.texts):
        return _categorical(levels, name, MIXED_DATES)
    if mean_words(levels) >= TEXT_WORDS and _repeats(levels) < MOST_REPEATS:
        return ReadColumn(Column(name=name, kind="text"), text_values(levels))
    return _categorical(levels, name, _mostly_numbers(levels))


def _boolean_texts(levels: Levels, name: str, pair: tuple[str, str]) -> ReadColumn:
    truth = parse_booleans(levels.texts)
    texts = levels.texts.to_pylist()
    # Of several spellings ("Yes", "yes") the most frequent stands for all.
    order = np.argsort(-levels.counts, kind="stable")
    written = tuple(next(texts[i] for i in order if truth[i] == value) for value in (0.0, 1.0))
    column = Column(name=name, kind="boolean", categories=written)
    return ReadColumn(column, boolean_values(column, levels.spread(truth, np.nan)))


def _date_texts(levels: Levels, name: str, form: str) -> ReadColumn:
    dates = levels.spread(parse_dates(levels.texts, form), np.datetime64("NaT"))
    message = f"texts were read as dates ({form})"
    return _checked(name, "date", dates, form=form, changes=((message, 0),))


def _categorical(levels: Levels, name: str, warning: str) -> ReadColumn:
    n_known = int(levels.counts.sum())
    if len(levels.texts) == n_known >= _FEWEST_IDS and not warning:
        return _dropped(name, "id")
    column, n_rare = _with_categories(levels, name)
    changes: tuple[tuple[str, int], ...] = ((warning, 0),) if warning else ()
    if n_rare:
        changes += ((f"values beyond the {MAX_CATEGORIES} commonest became missing", n_rare),)
    return ReadColumn(column, category_values(column, levels), changes)


def _repeats(levels: Levels) -> float:
    return float(levels.counts.sum()) / len(levels.texts)


def _mostly_numbers(levels: Levels) -> str:
    """Gives a message if nearly all texts are numbers, naming one that is not; else ""."""
    numbers = parse_numbers(levels.texts, "plain")
    bad = np.flatnonzero(np.isnan(numbers))
    share = 1 - levels.counts[bad].sum() / max(1, levels.counts.sum())
    if share < _MOSTLY or len(levels.texts) < 3:
        return ""
    wrong = levels.texts[bad[0]].as_py()[:20]
    return f"taken as categories, since not all values are numbers (such as {wrong!r})"


def _with_categories(levels: Levels, name: str) -> tuple[Column, int]:
    used = np.flatnonzero(levels.counts)
    common = used[np.argsort(-levels.counts[used], kind="stable")[:MAX_CATEGORIES]]
    n_rare = int(levels.counts.sum() - levels.counts[common].sum())
    texts = levels.texts.take(pa.array(common)).to_pylist()
    return Column(name=name, kind="categorical", categories=tuple(sorted(texts))), n_rare
