from __future__ import annotations

import numpy as np


def test_classes_that_only_capitals_or_spaces_tell_apart_are_a_warning(checked, clean) -> None:
    frame = clean()
    odd = np.arange(len(frame)) % 2 == 0
    assert "alike_classes" not in checked(frame)
    frame["y"] = np.where(odd & (frame["y"] == "yes"), "Yes ", frame["y"])
    finding = checked(frame)["alike_classes"]
    assert (finding.severity, finding.columns) == ("warning", ("y",))
    assert finding.message == "Only capitals or spaces tell classes apart: 'Yes ', 'yes'."


def test_levels_that_only_capitals_or_spaces_tell_apart_are_told(checked, clean) -> None:
    frame = clean()
    frame["kind"] = frame["kind"].where(np.arange(len(frame)) % 3 > 0, frame["kind"].str.upper())
    frame["size"] = ["big one", "big  one", "small", "Straße"] * 100
    finding = checked(frame)["alike_levels"]
    assert (finding.severity, finding.columns) == ("info", ("kind", "size"))
    assert "such as 'BLUE', 'blue', 'GREEN' and 3 more." in finding.message
    assert checked(frame.drop(columns="kind"))["alike_levels"].evidence == {"n_columns": 1.0}


def test_numbers_that_only_spaces_tell_apart_are_no_classes(checked, clean) -> None:
    assert "alike_classes" not in checked(clean(problem="regression"))
