"""Bodies of requests: what is a table, and what is refused with which status."""

import pytest

from autometa.serve.faults import BadRequestError
from autometa.serve.table import read_table

JSON = "application/json; charset=utf-8"
CSV = "text/csv"


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"", JSON, 400, "no JSON"),
        (b"{", JSON, 400, "no JSON"),
        (b"\xff\xfe\x00", JSON, 400, "no JSON"),
        (b"9" * 5000, JSON, 400, "no JSON"),
        (b"[" * 200_000, JSON, 400, "nested too deeply"),
        (b"[1]", JSON, 422, "object with rows"),
        (b'{"rows": 1}', JSON, 422, "object with rows"),
        (b'{"rows": [1]}', JSON, 422, r"rows\[0\] must be an object, got 1"),
        (b'{"rows": [{}, []]}', JSON, 422, r"rows\[1\] must be an object, got a list"),
        (b'{"rows": [], "raws": 1}', JSON, 422, "the key 'raws'"),
        (b'{"rows": [{"a": 1, "a": 2}]}', JSON, 400, "'a' stands twice"),
        (b'{"rows": [{"a": "\\ud800"}]}', JSON, 400, "surrogates not allowed"),
        (b'{"rows": [{"\\udfff": 1}]}', JSON, 400, "surrogates not allowed"),
        (b'{"rows": [{},{},{},{}]}', JSON, 413, "may have 3 rows"),
        (b"", CSV, 400, "empty"),
        (b"\xff\xff", CSV, 400, "no UTF-8"),
        (b"a,a\n1,2\n", CSV, 400, "'a' stands twice"),
        (b"a,b\n1,2\n1,2,3\n", CSV, 400, "line 3: has 3 cells, the header has 2"),
        (b'a,b\n"1,2\n', CSV, 400, "line 2: unexpected end of data"),
        (b"a,b\n1,2\x00\n", CSV, 400, "line 2: holds a NUL"),
        (b"a\n" + b"x" * 200_000, CSV, 400, "line 2: field larger"),
        (b"a\n1\n2\n3\n4\n", CSV, 413, "may have 3 rows"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "application/json or text/csv"),
        (b"{}", "", 415, "got none"),
    ],
)
def test_a_body_that_is_no_table_is_refused_with_its_reason(body, kind, status, reason):
    with pytest.raises(BadRequestError, match=reason) as caught:
        read_table(body, kind, 3)
    assert caught.value.status == status


def test_json_rows_are_kept_as_they_are():
    read = read_table('{"rows": [{"ä": 1.5, "b": null}, {}]}'.encode(), JSON, 3)
    assert read.rows == [{"ä": 1.5, "b": None}, {}]
    assert read.where(1) == "rows[1]"


def test_a_pair_of_surrogates_is_one_character():
    (row,) = read_table(b'{"rows": [{"a": "\\ud83d\\ude00"}]}', JSON, 3).rows
    assert row == {"a": "😀"}


def test_csv_has_a_header_quotes_and_lines_by_which_rows_are_found():
    read = read_table(b'\xef\xbb\xbfa,b\r\n"x, ""y""\nz",1\r\n\r\n,2\r\n', CSV, 3)
    assert read.rows == [{"a": 'x, "y"\nz', "b": "1"}, {"a": "", "b": "2"}]
    assert read.where(0) == "line 3"
    assert read.where(1) == "line 5"


def test_an_empty_cell_of_a_single_column_is_a_row():
    assert read_table(b"a\n\n1\n", CSV, 3).rows == [{"a": ""}, {"a": "1"}]


@pytest.mark.parametrize("kind", [JSON, CSV])
def test_a_name_that_stands_twice_among_many_is_found_in_one_pass(kind, cpu_seconds):
    names = [f"c{i}" for i in range(100_000)] + ["c99999"]
    row = ",".join(f'"{name}":1' for name in names)
    body = f'{{"rows":[{{{row}}}]}}' if kind == JSON else ",".join(names) + "\n"

    def refuse():
        with pytest.raises(BadRequestError, match="'c99999' stands twice"):
            read_table(body.encode(), kind, 3)

    assert cpu_seconds(refuse, 2.0) < 2.0
