"""What a manifest may not say, although its digest fits."""

import json
import os
from contextlib import suppress

import pytest

from autometa import manifest as manifests
from autometa.errors import ModelFolderError
from autometa.manifest import digest_of, hashes_of, sizes_of
from autometa.modelfolder import Member, load_model, read_manifest, write

HEADER = {
    "name": "toy",
    "problem": "classification",
    "classes": ["no", "yes"],
    "class_kind": "str",
    "target": "y",
    "schema": {
        "columns": [
            {"name": "a", "kind": "numeric", "format": "plain"},
            {"name": "b", "kind": "categorical", "categories": ["x", "y"]},
            {"name": "when", "kind": "date", "format": "ISO8601"},
        ]
    },
    "requires": {"autometa-tabular": "0.1.0"},
}
CLASS = "autometa_tabular.models.constant:ConstantModel"


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "constant.json").write_text('{"value":[0.25,0.75]}')
    return write(tmp_path / "model", HEADER, [Member(0, 1.0, "dummy", [(source, CLASS)])])


def sign(folder, change):
    """Edits the manifest as somebody would who can compute hashes and the digest."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest |= {"files": hashes_of(folder, path), "sizes": sizes_of(folder, path)}
    change(manifest)
    manifest["digest"] = digest_of(manifest)
    path.write_text(json.dumps(manifest))


def model(manifest):
    return manifest["members"][0]["models"][0]


def test_an_untouched_folder_loads(folder):
    sign(folder, lambda manifest: None)
    assert load_model(folder).classes == ("no", "yes")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.pop("files"), "files"),
        (lambda m: m.pop("members"), "members"),
        (lambda m: m.update(files=[]), "files"),
        (lambda m: m.update(files={"a": 1}), "files"),
        (lambda m: m.update(sizes={"a": "1"}), "sizes"),
        (lambda m: m.update(sizes={"a": True}), "sizes"),
        (lambda m: m.update(requires=["os"]), "requires"),
        (lambda m: m.update(members=[]), "sum to 1"),
        (lambda m: m.update(members=[1]), "members"),
        (lambda m: m["members"][0].update(weight=float("nan")), "weights"),
        (lambda m: m["members"][0].update(weight=-1), "weights"),
        (lambda m: m["members"][0].update(weight="1"), "weights"),
        (lambda m: m["members"][0].update(weight=0.5), "sum to 1"),
        (lambda m: m["members"][0].update(models=[]), "models"),
        (lambda m: model(m).pop("class"), "class"),
        (lambda m: model(m).update(folder=[]), "folder"),
        (lambda m: model(m).update(folder="/etc"), "outside itself"),
        (lambda m: model(m).update(folder="trial-0/../../source"), "outside itself"),
        (lambda m: model(m).update(folder="nowhere"), "lacks the folder"),
        (lambda m: model(m).update(folder="trial-0/0/constant.json"), "lacks the folder"),
        (lambda m: m.update(classes=["no", "no"]), "classes"),
        (lambda m: m.update(classes=["no"]), "two classes"),
        (lambda m: m.update(classes=[1, 2]), "classes"),
        (lambda m: m.update(class_kind="int"), "classes"),
        (lambda m: m.update(class_kind="os.system"), "class_kind"),
        (lambda m: m.update(class_kind=[]), "class_kind"),
        (lambda m: m.update(schema={}), "schema"),
        (lambda m: m.update(schema={"columns": [{"name": "a", "kind": "odd"}]}), "odd"),
        (lambda m: m.update(schema={"columns": [{"name": 1, "kind": "text"}]}), "names"),
        (lambda m: m["schema"]["columns"][1].update(categories=["x", "x"]), "categories"),
        (lambda m: m["schema"]["columns"][1].update(name="a"), "names"),
    ],
)
def test_fault_85_a_foreign_manifest_is_refused_with_its_reason(folder, change, reason):
    sign(folder, change)
    with pytest.raises(ModelFolderError, match=reason) as caught:
        load_model(folder)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "reference",
    [
        "autometa_tabular.storage:json",
        "autometa_tabular.storage:np",
        "autometa_tabular.storage:np.lib.format",
        "autometa_tabular.storage:Path",
        "autometa_tabular.models.linear:LinearModel.load",
    ],
)
def test_fault_85_only_classes_of_models_are_called(folder, reference):
    # A plugin's modules reach functions that unpickle: numpy's, joblib's.
    sign(folder, lambda manifest: model(manifest).update({"class": reference}))
    with pytest.raises(ModelFolderError, match="no model"):
        load_model(folder)


def test_fault_85_a_link_is_refused_wherever_it_points(folder, tmp_path):
    part = folder / "trial-0" / "0" / "constant.json"
    other = tmp_path / "elsewhere.json"
    other.write_bytes(part.read_bytes())  # the same content: only the link is wrong
    part.unlink()
    part.symlink_to(other)
    with pytest.raises(ModelFolderError, match="link"):
        read_manifest(folder)
    part.unlink()
    part.write_bytes(other.read_bytes())
    (folder / "more").symlink_to(tmp_path)
    with pytest.raises(ModelFolderError, match="link"):
        read_manifest(folder)
    (folder / "more").unlink()
    (folder / "manifest.json").rename(tmp_path / "manifest.json")
    (folder / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(ModelFolderError, match="link"):
        read_manifest(folder)


def test_fault_85_a_pipe_in_a_folder_does_not_block(folder):
    os.mkfifo(folder / "trial-0" / "pipe")
    with pytest.raises(ModelFolderError, match="no file"):
        read_manifest(folder)


def test_fault_85_a_file_named_like_the_manifest_is_verified_too(folder):
    (folder / "trial-0" / "manifest.json").write_text("{}")
    with pytest.raises(ModelFolderError, match="unknown to it"):
        read_manifest(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"format"',
        '{"format": 1}',
        '{"format": ' + "9" * 5000 + "}",
        '{"format": 1, "deep": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "\ud800".encode("utf-16", "surrogatepass"),
    ],
    ids=["empty", "cut", "list", "text", "undigested", "huge-number", "deep", "other-encoding"],
)
def test_fault_85_absurd_json_is_refused(folder, text):
    content = text if isinstance(text, bytes) else text.encode()
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ModelFolderError):
        read_manifest(folder)


def test_fault_85_an_oversized_manifest_is_not_read(folder):
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(300 * 2**20)  # a hole: no disk is used
    with pytest.raises(ModelFolderError, match="more than any manifest"):
        read_manifest(folder)


def test_fault_85_parts_that_do_not_fit_together_are_no_traceback(folder):
    sign(folder, lambda manifest: manifest.update(classes=["a", "b", "c"]))
    import pandas as pd

    row = pd.DataFrame({"a": [1.0], "b": ["x"], "when": ["2020-01-01"]})
    with pytest.raises(ModelFolderError, match=r"ConstantModel gave \(1, 2\)"):
        load_model(folder).predict(row)


def test_fault_85_a_pipe_as_manifest_does_not_block(folder):
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")
    with pytest.raises(ModelFolderError, match="is no file") as caught:
        read_manifest(folder)
    assert caught.value.exit_code == 4


def loops(folder):
    for name in "abcdefgh":
        (folder / name).mkdir()
        for other in "abcdefgh":
            (folder / name / other).symlink_to(folder, target_is_directory=True)


def deep(folder):
    place = os.open(folder, os.O_RDONLY)
    for _ in range(3000):  # deeper than the recursion limit and than the longest path
        os.mkdir("d", dir_fd=place)
        place, last = os.open("d", os.O_RDONLY, dir_fd=place), place
        os.close(last)
    os.close(place)


def wide(folder):
    for number in range(300):
        (folder / str(number)).mkdir()


def flatten(folder):
    """Removes a deep tree level by level, since `shutil.rmtree` recurses."""
    place = os.open(folder, os.O_RDONLY)
    with suppress(FileNotFoundError):
        while True:
            os.rename("d/d", "e", src_dir_fd=place, dst_dir_fd=place)
            os.rmdir("d", dir_fd=place)
            os.rename("e", "d", src_dir_fd=place, dst_dir_fd=place)
    os.rmdir("d", dir_fd=place)
    os.close(place)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(loops, "holds the link"), (deep, "32 levels"), (wide, "more than 100 entries")],
)
def test_fault_85_loops_and_trees_are_refused_in_bounded_time(
    folder, monkeypatch, spoil, reason, is_signed
):
    monkeypatch.setattr(manifests, "MAX_ENTRIES", 100)
    read = []
    if is_signed:  # and vouches for what is there, as far as anything can
        extra = {f"{name}/x": "0" * 64 for name in "abc"}
        sign(folder, lambda manifest: manifest["files"].update(extra))
    monkeypatch.setattr(manifests, "sha256_of", read.append)
    spoil(folder)
    try:
        with pytest.raises(ModelFolderError, match=reason) as caught:
            load_model(folder)
    finally:
        if spoil is deep:
            flatten(folder)
    assert caught.value.exit_code == 4
    assert read == []  # no byte of a file was read


def test_fault_85_what_is_not_listed_is_refused_before_anything_is_read(folder, monkeypatch):
    read = []
    monkeypatch.setattr(manifests, "sha256_of", read.append)
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(1 << 40)  # a tebibyte of zeros that takes no room
    with pytest.raises(ModelFolderError, match="unknown to it"):
        load_model(folder)
    assert read == []


@pytest.mark.parametrize(
    ("is_signed", "reason"), [(False, "has 1099511627776 bytes, not 21"), (True, "no more than")]
)
def test_fault_85_a_huge_file_is_refused_before_it_is_read(folder, monkeypatch, is_signed, reason):
    place = next(folder.rglob("constant.json"))
    replace = place.with_suffix(".new")  # the folder may hold a link to the source
    with replace.open("wb") as file:
        file.truncate(1 << 40)  # a tebibyte of zeros that takes no room
    replace.rename(place)
    read = []
    if is_signed:  # vouches for it, as a version did that counted no bytes
        monkeypatch.setattr(manifests, "sha256_of", lambda path: "0" * 64)
        sign(folder, lambda manifest: manifest.pop("sizes"))
    monkeypatch.setattr(manifests, "sha256_of", read.append)
    with pytest.raises(ModelFolderError, match=reason) as caught:
        load_model(folder)
    assert caught.value.exit_code == 4
    assert read == []
