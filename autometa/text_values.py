"""Values that came as text: which words mean missing, which texts are numbers, booleans, dates.

Everything works on the distinct texts of a column (`Levels`), vectorised.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Codes: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

MISSING_WORDS = ("na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "?", "-", "--", ".", "")
"""Lower-case texts that stand for a missing value where all other values are numbers or dates."""

BOOLEAN_WORDS = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"))
"""Lower-case pairs that make a boolean column."""

BOOLEAN_MEANING = {word: i for pair in (*BOOLEAN_WORDS, "01") for i, word in enumerate(pair)} | {
    "0.0": 0,
    "1.0": 1,
}
"""What each lower-case text of a boolean column says."""

_CURRENCY = r"[$€£¥₹]|USD|EUR|GBP|CHF"
_SPACE = "\\s\u00a0\u2009\u202f"  # the regex engine's \\s is ASCII only
_AFFIX = rf"[{_SPACE}]*(?:{_CURRENCY}|%)?[{_SPACE}]*"
_EXPONENT = r"(?:[eE][-+]?\d+)?"
# The group separator of a decimal comma is the point, and the other way round; a group of
# thousands never starts with 0, so that "0,125" is a decimal.
_NUMBER = {
    ".": rf"^[-+]?{_AFFIX}[-+]?(?:[1-9]\d{{0,2}}(?:[,{_SPACE}'_]\d{{3}})+(?:\.\d*)?"
    rf"|\d+\.?\d*|\.\d+){_EXPONENT}{_AFFIX}$",
    ",": rf"^[-+]?{_AFFIX}[-+]?(?:[1-9]\d{{0,2}}(?:[.{_SPACE}'_]\d{{3}})+(?:,\d*)?"
    rf"|\d+,?\d*|,\d+){_EXPONENT}{_AFFIX}$",
}
_SIGNS = rf"{_CURRENCY}|[%{_SPACE}'_+]"
ISO = "ISO8601"
"""The format of a date column whose texts are in ISO form; else it is one of `strptime`."""
_DATE_FORMATS = (
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %B %Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
)
_DATE_SHAPE = r"^\d{1,4}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{1,4}|^[A-Za-z]{3,9} \d{1,2}, \d{4}"
_SAMPLE = 100
_EARLIEST = np.datetime64("1000-01-01")  # strptime reads the 20 of 1/2/20 as the year 20


@dataclass(frozen=True)
class Levels:
    """The distinct texts of a column, stripped, none of them empty.

    Args:
        texts: The k distinct texts, a ``large_string`` array without nulls.
        codes: (n,) positions in `texts`, -1 = missing.
    """

    texts: pa.Array
    codes: Codes

    @cached_property
    def counts(self) -> Codes:
        """(k,) how often each text occurs."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    @property
    def has_missing(self) -> bool:
        """Whether some row has no text."""
        return bool((self.codes < 0).any())

    def spread(self, values: np.ndarray[Any, Any], missing: object) -> np.ndarray[Any, Any]:
        """Gives (n,) the value of each row from the (k,) values of the texts."""
        extended = np.append(values, np.array([missing], dtype=values.dtype))
        return np.asarray(extended[self.codes])  # code -1 reads the appended one

    def without_missing_words(self) -> Levels:
        """Gives the same rows with `MISSING_WORDS` taken as missing."""
        words = pc.is_in(pc.utf8_lower(self.texts), pa.array(MISSING_WORDS, self.texts.type))
        if not pc.any(words).as_py():
            return self
        return _merged(pc.if_else(words, None, self.texts), self.codes)


def levels_of(values: pd.Series[Any]) -> Levels:
    """Gives the levels of a column of strings (or of anything: `str` makes the texts)."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        texts = _text_array(pd.Series(values.cat.categories))
        return _merged(texts, values.cat.codes.to_numpy().astype(np.int64))
    encoded = _text_array(values).dictionary_encode()
    return _merged(encoded.dictionary, _codes(encoded))


def plain_numbers(values: pd.Series[Any]) -> Floats | None:
    """Gives (n,) the numbers of a string column, NaN = missing; None if some text is no number.

    The quick way for the usual case: no separators of groups, no words, no blanks.
    """
    if not isinstance(values.dtype, pd.StringDtype):
        return None
    numbers = _plain_numbers(_text_array(values))
    return None if numbers is None else _as_floats(numbers)


def _text_array(values: pd.Series[Any]) -> pa.Array:
    if values.dtype == object:
        values = values.map(_plain_text, na_action="ignore").astype("string")
    elif not isinstance(values.dtype, pd.StringDtype):
        values = values.astype(object).map(_plain_text, na_action="ignore").astype("string")
    array = pa.array(values, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.cast(pa.large_string()).combine_chunks()
    return array.cast(pa.large_string())


def _plain_text(value: object) -> str:
    """Whole floats lose their ``.0``: an integer column with a gap arrives as floats."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _codes(encoded: pa.DictionaryArray) -> Codes:
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return np.asarray(codes, dtype=np.int64)


def _merged(texts: pa.Array, codes: Codes) -> Levels:
    """Strips the texts and joins those that became equal; empty ones become missing."""
    stripped = pc.utf8_trim_whitespace(texts)
    stripped = pc.if_else(pc.equal(stripped, ""), None, stripped)
    if stripped.null_count == 0 and stripped.equals(texts):
        return Levels(texts, codes)
    encoded = stripped.dictionary_encode()
    return Levels(encoded.dictionary, np.append(_codes(encoded), -1)[codes])


def number_format(texts: pa.Array, decimal: str | None = None) -> str | None:
    """Tells how these texts write numbers.

    Args:
        texts: Distinct texts, stripped.
        decimal: ``.`` or ``,`` if known; None = found out.

    Returns:
        ``plain``; or the decimal mark ``.`` or ``,`` where there are also group separators, a
        currency or a percent sign; None if some text is no number, or units are mixed.
    """
    if decimal != "," and _plain_numbers(texts) is not None:
        return "plain"
    for mark in (decimal,) if decimal else (".", ","):
        head = pc.match_substring_regex(texts[:_SAMPLE], _NUMBER[mark])
        if pc.all(head).as_py() and pc.all(pc.match_substring_regex(texts, _NUMBER[mark])).as_py():
            return mark if _has_one_unit(texts) else None
    return None


def _plain_numbers(texts: pa.Array) -> pa.Array | None:
    try:
        texts[:_SAMPLE].cast(pa.float64())
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def number_reading(mark: str) -> tuple[str, str]:
    """Gives the regular expressions of a number with this decimal mark, and of its other signs."""
    return _NUMBER[mark], _SIGNS


def _has_one_unit(texts: pa.Array) -> bool:
    percent = pc.sum(pc.match_substring(texts, "%")).as_py() or 0
    units = pc.extract_regex(texts, f"(?P<unit>{_CURRENCY})").drop_null()
    currencies = len(pc.unique(pc.struct_field(units, "unit"))) if len(units) else 0
    return percent in (0, len(texts)) and currencies + bool(percent) <= 1


def parse_numbers(texts: pa.Array, form: str) -> Floats:
    """Gives (k,) the numbers; NaN for what is none. `form` is of `number_format`.

    Digits beyond float64 round, beyond its range they become ±inf.
    """
    plain = None if form == "," else _plain_numbers(texts)
    if plain is None:
        mark = "," if form == "," else "."
        is_number = pc.match_substring_regex(texts, _NUMBER[mark])
        kept = pc.if_else(is_number, texts, None)
        bare = pc.replace_substring_regex(kept, _SIGNS, "")
        bare = pc.replace_substring(bare, "." if mark == "," else ",", "")
        plain = pc.replace_substring(bare, ",", ".").cast(pa.float64())
    return _as_floats(plain)


def _as_floats(array: pa.Array) -> Floats:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


def boolean_words(texts: pa.Array) -> tuple[str, str] | None:
    """Gives the pair of `BOOLEAN_WORDS` that these texts are written in, or None."""
    if not 2 <= len(texts) <= 8:
        return None
    words = {text.lower() for text in texts.to_pylist()}
    return next((pair for pair in BOOLEAN_WORDS if words == set(pair)), None)


def parse_booleans(texts: pa.Array) -> Floats:
    """Gives (k,) 1.0 for what says true, 0.0 for what says false (any pair, 0, 1), else NaN."""
    words = (text.lower() for text in texts.to_pylist())
    return np.array([BOOLEAN_MEANING.get(word, np.nan) for word in words], dtype=np.float64)


def date_format(texts: pa.Array) -> str | None:
    """Gives the one format in which all these texts are dates, or None.

    ``ISO8601``, or a `strptime` format. Where month and day could be swapped throughout, the
    month comes first.
    """
    head = texts[:_SAMPLE]
    if not pc.all(pc.match_substring_regex(head, _DATE_SHAPE)).as_py():
        return None
    for form in (ISO, *_DATE_FORMATS):
        if _all_dates(head, form) and _all_dates(texts, form):
            return form
    return None


def has_mixed_dates(texts: pa.Array) -> bool:
    """Tells whether the first of these texts are dates, each in a format of its own."""
    head = texts[:_SAMPLE]
    if not len(head) or not pc.all(pc.match_substring_regex(head, _DATE_SHAPE)).as_py():
        return False
    known = np.zeros(len(head), dtype=bool)
    for form in (ISO, *_DATE_FORMATS):
        known |= parse_dates(head, form) >= _EARLIEST
    return bool(known.all())


def _all_dates(texts: pa.Array, form: str) -> bool:
    return bool((parse_dates(texts, form) >= _EARLIEST).all())  # False for NaT


def parse_dates(texts: pa.Array, form: str) -> np.ndarray[Any, Any]:
    """Gives (k,) ``datetime64[us]`` in UTC; NaT for what is no date in this format."""
    if form != ISO:
        return _as_datetimes(pc.strptime(texts, form, "us", error_is_null=True))
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return _as_datetimes(texts.cast(kind))
        except pa.ArrowInvalid:
            continue
    dates = pd.to_datetime(texts.to_pandas(), format=ISO, errors="coerce", utc=True)
    return np.asarray(dates.dt.tz_localize(None), dtype="datetime64[us]")


def _as_datetimes(array: pa.Array) -> np.ndarray[Any, Any]:
    whole = array.cast(pa.timestamp("us")).cast(pa.int64())
    nat = np.iinfo(np.int64).min
    filled = np.asarray(pc.fill_null(whole, nat).to_numpy(zero_copy_only=False))
    return filled.view("datetime64[us]")


def mean_words(levels: Levels) -> float:
    """Gives the mean number of words per row that has a text."""
    words = pc.count_substring_regex(levels.texts, r"\S+").to_numpy(zero_copy_only=False)
    return float(np.average(words, weights=levels.counts)) if len(words) else 0.0
