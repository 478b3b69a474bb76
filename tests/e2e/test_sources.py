"""The command on sources of every kind, from `init` to `predict`."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import openpyxl
import pytest


def _rows(place) -> list[dict[str, str]]:
    with place.table(60).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _sql(place) -> str:
    with closing(sqlite3.connect(place.folder / "shop.db")) as connection:
        connection.execute("CREATE TABLE other (x)")
        connection.execute("CREATE TABLE orders (a REAL, b REAL, c TEXT, label TEXT)")
        rows = [tuple(row.values()) for row in _rows(place)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    return "sqlite:///shop.db"


def _excel(place) -> str:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("orders")
    rows = _rows(place)
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([float(row["a"]), float(row["b"]), row["c"], row["label"]])
    book.save(place.folder / "shop.xlsx")
    return "shop.xlsx"


def _parts(place) -> str:
    rows = [json.dumps(row) for row in _rows(place)]
    folder = place.folder / "parts"
    folder.mkdir()
    (folder / "1.jsonl").write_text("\n".join(rows[:30]))
    (folder / "2.jsonl").write_text("\n".join(rows[30:]))
    (folder / "_SUCCESS").write_text("")
    return "parts"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "option"),
    [
        pytest.param(_sql, "table=orders", id="sql"),
        pytest.param(_excel, "sheet=orders", id="excel"),
        pytest.param(_parts, "on_bad_lines=skip", id="parts"),
    ],
)
def test_source_goes_from_init_to_predict(place, make, option) -> None:
    source = make(place)
    how = ("--option", option, "--target", "label", "--output", "new.yaml", "--json")
    made = place.run("init", source, *how)
    assert made.code == 0, made.err
    some = ("--set", "budget.trials=2", "--set", "tracking=none", "--set", "knowledge=[]")
    found = place.run("optimize", "new.yaml", *some, "--json")
    assert found.code == 0, found.err
    model = Path(found.json["model"])
    predicted = place.run(
        *("predict", model, source, "--option", option, "--output", "out.csv", "--json")
    )
    assert predicted.code == 0, predicted.err
    assert predicted.json["rows"] == 60
