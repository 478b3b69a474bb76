"""Predicts with model.onnx: needs numpy and onnxruntime, nothing else.

python predict.py rows.csv > predictions.csv   predicts rows; python predict.py   tests itself
"""

import csv
import json
import math
import re
import sys
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

HERE, BIGGEST = Path(__file__).parent, float(np.finfo(np.float32).max)
EPOCH, MISSING_DATE = datetime.fromisoformat("1970-01-01T00:00:00+00:00"), -(2**63)
BATCH = 512


class Model:
    def __init__(self, path: Path = HERE / "model.onnx") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options)
        properties = self.session.get_modelmeta().custom_metadata_map
        self.columns = json.loads(properties["columns"])
        # How texts are read: words for a missing value where none is expected; words of booleans;
        # by column the form of dates, and the decimal mark of numbers with signs of groups or units
        self.reading = json.loads(properties["reading"])
        self.readers = {"text": self.text, "number": self.number, "date": self.moment}

    def predict(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Gives the outputs by name for dicts of raw values; None or "" is missing.

        A date is a `date`, a `datetime` (UTC where it has no zone), a `numpy.datetime64`, or a
        text as the column was written or in ISO form. What cannot be read is a ValueError.
        """
        types = {"text": object, "number": np.float32, "date": np.int64}
        feeds: dict[str, Any] = {}
        for c in self.columns:
            name, read = c["column"], self.readers[c["kind"]]
            values = [[read(row[name], name)] for row in rows]
            feeds[c["input"]] = np.array(values, types[c["kind"]]).reshape(len(rows), 1)
        names = [output.name for output in self.session.get_outputs()]
        # A few rows at a time, since what lies between may be far wider than a row; some files take
        # a single one.
        step = 1 if self.session.get_inputs()[0].shape[0] == 1 else BATCH
        parts = [
            self.session.run(None, {key: feed[at : at + step] for key, feed in feeds.items()})
            for at in range(0, max(1, len(rows)), step)
        ]
        return {name: np.concatenate(values) for name, values in zip(names, zip(*parts))}

    def text(self, value: Any, column: str) -> str:
        if isinstance(value, float):  # a column of whole numbers with gaps holds floats
            value = None if math.isnan(value) else int(value) if value.is_integer() else value
        return "" if value is None else str(value).strip()

    def number(self, value: Any, column: str) -> float:
        text = str(value).strip()
        if text.lower() in self.reading["missing"]:
            return math.nan
        if column in self.reading["booleans"]:
            if (truth := self.reading["words"].get(text.lower())) is None:
                raise ValueError(f"column {column!r} holds true or false, not {value!r}")
            return float(truth)
        if isinstance(value, str) and column in self.reading["numbers"]:
            decimal = self.reading["numbers"][column]
            form, signs = self.reading["marks"][decimal]
            if re.fullmatch(form, text) is None:
                raise ValueError(f"column {column!r} holds numbers, not {value!r}")
            text = re.sub(signs, "", text).replace("." if decimal == "," else ",", "")
            value = text.replace(",", ".")
        number = float(value)
        return max(-BIGGEST, min(BIGGEST, number)) if math.isfinite(number) else math.nan

    def moment(self, value: Any, column: str) -> int:
        """Gives microseconds since 1970-01-01 UTC; the least is missing, as NumPy's NaT."""
        if isinstance(value, np.datetime64):
            return int(value.astype("datetime64[us]").astype(np.int64))
        if str(value).strip().lower() in ("nat", *self.reading["missing"]):
            return MISSING_DATE
        if isinstance(value, str):
            value = self.date(value.strip(), self.reading["dates"][column])
        if not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        zoned: datetime = value if value.tzinfo else value.replace(tzinfo=EPOCH.tzinfo)
        return (zoned - EPOCH) // timedelta(microseconds=1)

    def date(self, text: str, form: str) -> datetime:
        with suppress(ValueError):
            if form != "ISO8601":
                return datetime.strptime(text, form)
        return datetime.fromisoformat(text)


if __name__ == "__main__":
    model = Model()
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8-sig", newline="") as file:
            outputs = model.predict(list(csv.DictReader(file)))
        writer = csv.writer(sys.stdout)
        writer.writerow(outputs)
        columns = [v[:, 0] if v.ndim == 2 and v.shape[1] == 1 else v for v in outputs.values()]
        writer.writerows(zip(*(values.tolist() for values in columns)))
    else:
        vector = json.loads((HERE / "vector.json").read_text(encoding="utf-8"))
        for name, values in model.predict(vector["rows"]).items():
            expected = np.array(vector["outputs"][name], dtype=values.dtype)
            is_close = values == expected
            if values.dtype.kind == "f":
                is_close = np.isclose(values, expected, 1e-4, 1e-4)
            assert is_close.all(), f"{name} differs from vector.json"
        sys.stdout.write("ok\n")
