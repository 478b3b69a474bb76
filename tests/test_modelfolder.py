import json

import numpy as np
import pandas as pd
import pytest

from autometa import modelfolder
from autometa.dataset import Dataset
from autometa.errors import DataError, ModelFolderError, StorageError
from autometa.manifest import digest_of
from autometa.modelfolder import Member, load_model, read_manifest, write

MODEL = """
import json
import numpy as np
from autometa import Model


class Constant(Model):
    format = "constant"

    def __init__(self, p):
        self.p = p

    def predict(self, X):
        return np.tile(np.array(self.p, dtype=float), (len(X), 1))

    def save(self, folder):
        (folder / "p.json").write_text(json.dumps(self.p))

    @classmethod
    def load(cls, folder):
        return cls(json.loads((folder / "p.json").read_text()))
"""


@pytest.fixture
def plugin(tmp_path):
    place = tmp_path / "plugin.py"
    place.write_text(MODEL)
    return str(place)


@pytest.fixture
def folder(tmp_path, plugin):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]})
    sources = []
    for index, p in enumerate(([0.9, 0.1], [0.2, 0.8])):
        source = tmp_path / f"source-{index}"
        source.mkdir()
        (source / "p.json").write_text(json.dumps(p))
        sources.append(source)
    header = {
        "name": "toy",
        "problem": "classification",
        "classes": ["0", "1"],
        "class_kind": "int",
        "target": "y",
        "schema": Dataset.from_frame(frame).schema.to_json(),
        "requires": {"autometa-core": "0.1.0"},
    }
    members = [
        Member(3, 0.75, "toy", [(sources[0], f"{plugin}:Constant")]),
        Member(5, 0.25, "toy", [(sources[1], f"{plugin}:Constant")]),
    ]
    return write(tmp_path / "model", header, members)


def load(folder, plugin):
    return load_model(folder, packages=frozenset({plugin}))


def test_predictions_are_the_weighted_mean_of_members(folder, plugin):
    predictor = load(folder, plugin)
    frame = pd.DataFrame({"b": ["x", "z"], "a": [5.0, None], "more": [1, 2]})
    expected = 0.75 * np.array([0.9, 0.1]) + 0.25 * np.array([0.2, 0.8])
    np.testing.assert_allclose(predictor.predict_proba(frame), [expected] * 2)


def combined(folder, combination):
    """Writes the members of a folder again, with a combination."""
    manifest = read_manifest(folder)
    members = [
        Member(
            m["trial"],
            m["weight"],
            m["learner"],
            [(folder / part["folder"], part["class"]) for part in m["models"]],
        )
        for m in manifest["members"]
    ]
    header = {
        k: v for k, v in manifest.items() if k not in {"format", "members", "files", "digest"}
    }
    return write(folder.with_name("combined"), {**header, "combination": combination}, members)


def test_a_combination_replaces_the_weighted_mean(folder, plugin):
    pool = {"kind": "linear", "weights": [0.5, 0.0, 0.5], "bias": [], "share": 1.0}
    combination = {"pools": [pool], "constant": [0.3, 0.7], "temperature": 2.0}
    frame = pd.DataFrame({"a": [5.0], "b": ["x"]})
    mixed = 0.5 * np.array([0.9, 0.1]) + 0.5 * np.array([0.3, 0.7])
    expected = np.sqrt(mixed) / np.sqrt(mixed).sum()
    found = load(combined(folder, combination), plugin).predict_proba(frame)
    np.testing.assert_allclose(found, [expected])


GOOD_POOL = {"kind": "linear", "weights": [0.5, 0.2, 0.3], "bias": [], "share": 1.0}


@pytest.mark.parametrize(
    "change",
    [
        {"pools": []},
        {"pools": None},
        {"pools": [{**GOOD_POOL, "weights": [0.5, 0.5]}]},
        {"pools": [{**GOOD_POOL, "weights": [-1.0, 1.0, 1.0]}]},
        {"pools": [{**GOOD_POOL, "kind": "cubic"}]},
        {"pools": [{**GOOD_POOL, "bias": [0.1]}]},
        {"constant": [1.0]},
        {"constant": [float("nan"), 0.5]},
        {"temperature": 0.0},
        {"temperature": "warm"},
    ],
    ids=str,
)
def test_a_combination_that_does_not_fit_is_refused(folder, plugin, change):
    combination = {"pools": [GOOD_POOL], "constant": [0.3, 0.7], "temperature": 1.0, **change}
    with pytest.raises(ModelFolderError, match="combination"):
        load(combined(folder, combination), plugin)


def test_predicted_labels_have_the_type_of_the_data(folder, plugin):
    labels = load(folder, plugin).predict(pd.DataFrame({"a": [1.0], "b": ["x"]}))
    assert labels.tolist() == [0]


def test_a_missing_column_is_named(folder, plugin):
    with pytest.raises(DataError, match="b"):
        load(folder, plugin).predict(pd.DataFrame({"a": [1.0]}))


def test_fault_84_a_missing_folder_is_no_traceback(tmp_path):
    with pytest.raises(ModelFolderError, match=r"no manifest\.json") as caught:
        load_model(tmp_path / "gone")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("change", ["edit", "add", "remove", "manifest", "foreign", "newer"])
def test_fault_85_a_changed_folder_is_refused(folder, plugin, change):
    part = folder / "trial-3" / "0" / "p.json"
    manifest = folder / "manifest.json"
    if change == "edit":
        part.unlink()  # linked to its source: do not write through
        part.write_text("[0.5, 0.5]")
    elif change == "add":
        (folder / "extra.pkl").write_bytes(b"\x80\x04.")
    elif change == "remove":
        part.unlink()
    elif change == "manifest":
        manifest.write_text(manifest.read_text().replace("0.75", "0.74"))
    elif change == "foreign":
        manifest.write_text("[]")
    else:
        data = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**data, "format": 99}))
    with pytest.raises(ModelFolderError) as caught:
        load(folder, plugin)
    assert caught.value.exit_code == 4


def test_fault_85_a_class_is_never_imported_from_outside_the_plugins(folder, tmp_path):
    with pytest.raises(ModelFolderError, match="no installed plugin provides"):
        load_model(folder, packages=frozenset({"autometa_tabular"}))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["members"][0]["models"][0]["class"] = "os:system"
    manifest["digest"] = digest_of(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelFolderError, match="os:system"):
        load_model(folder, packages=frozenset({"autometa_tabular"}))


def test_fault_85_a_part_outside_the_folder_is_refused(folder, plugin):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["members"][0]["models"][0]["folder"] = "../source-0"
    manifest["digest"] = digest_of(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelFolderError, match="outside itself"):
        load(folder, plugin)


def test_writing_again_replaces_the_whole_folder(folder, plugin, tmp_path):
    source = tmp_path / "source-0"
    header = {
        key: value
        for key, value in read_manifest(folder).items()
        if key not in {"format", "members", "files", "digest"}
    }
    write(folder, header, [Member(9, 1.0, "toy", [(source, f"{plugin}:Constant")])])
    assert [member["trial"] for member in read_manifest(folder)["members"]] == [9]
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "trial-9"]
    assert [p.name for p in folder.parent.iterdir() if p.name.startswith(".model")] == []


def test_fault_73_a_failed_write_leaves_the_former_folder(folder, plugin, tmp_path, monkeypatch):
    before = read_manifest(folder)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(modelfolder.os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write(folder, {"name": "new"}, [])
    assert read_manifest(folder) == before


def test_pyfunc_loader_gives_predictions(folder, plugin, monkeypatch):
    original = load_model
    allowed = frozenset({plugin})
    monkeypatch.setattr(modelfolder, "load_model", lambda path: original(path, packages=allowed))
    model = modelfolder._load_pyfunc(str(folder))
    assert model.predict(pd.DataFrame({"a": [1.0], "b": ["x"]})).tolist() == [0]
