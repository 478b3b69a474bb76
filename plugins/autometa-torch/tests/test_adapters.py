"""Images from npz files and folders, and what is said of those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from autometa_torch.adapters.folder import ImageFolderAdapter
from autometa_torch.adapters.npz import NpzAdapter
from PIL import Image

from autometa import DataError, TaskError
from autometa.testing import DataAdapterContract


def _write_npz(path: Path, **more: object) -> str:
    images = np.arange(4 * 6 * 5, dtype=np.uint8).reshape(4, 6, 5)
    arrays = {"images": images, "label": np.array(["a", "b", "a", "b"]), **more}
    np.savez(path, **arrays)
    return str(path)


def _write_folder(folder: Path, n: int = 6, size: tuple[int, int] = (5, 6)) -> str:
    for index in range(n):
        place = folder / ("cats" if index % 2 else "dogs")
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.new("L", size, 10 * index)
        picture.save(place / f"{index}.png")
    return str(folder)


class TestNpz(DataAdapterContract):
    spec = "npz"
    columns = ("label",)

    def source(self, folder: Path) -> str:
        return _write_npz(folder / "some.npz")


class TestImages(DataAdapterContract):
    spec = "images"
    columns = ("label", "file")

    def source(self, folder: Path) -> str:
        return f"images:{_write_folder(folder / 'pictures')}"


def test_npz_gives_pixels_and_labels_as_they_are(tmp_path) -> None:
    source = _write_npz(tmp_path / "some.npz", names=np.array(["x", "y"]))
    dataset = NpzAdapter().load(source, {})
    assert dataset.images[1, 0, :, 0].tolist() == [30, 31, 32, 33, 34]
    assert dataset.raw["label"].tolist() == ["a", "b", "a", "b"]
    assert any("'names'" in note for note in dataset.notes)


def test_npz_with_two_candidates_wants_a_name(tmp_path) -> None:
    source = _write_npz(tmp_path / "some.npz", masks=np.zeros((4, 6, 5), np.uint8))
    with pytest.raises(DataError, match="2 arrays may be the images"):
        NpzAdapter().load(source, {})
    assert NpzAdapter().load(source, {"images": "masks"}).images.max() == 0


@pytest.mark.parametrize("damage", ["empty", "cut", "objects", "text"])
def test_broken_npz_is_a_data_error(tmp_path, damage) -> None:
    path = tmp_path / "some.npz"
    _write_npz(path)
    if damage == "objects":
        np.savez(path, images=np.array([None, {}]))
    elif damage == "text":
        path.write_text("no archive")
    else:
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else 200])
    with pytest.raises(DataError, match=r"some\.npz"):
        NpzAdapter().load(str(path), {})


def test_npz_of_floats_is_a_data_error(tmp_path) -> None:
    np.savez(tmp_path / "some.npz", images=np.zeros((2, 4, 4)), label=np.zeros(2))
    with pytest.raises(DataError, match="uint8"):
        NpzAdapter().load(str(tmp_path / "some.npz"), {})


def test_folder_gives_pixels_and_labels(tmp_path) -> None:
    dataset = ImageFolderAdapter().load(_write_folder(tmp_path), {})
    assert dataset.images.shape == (6, 6, 5, 1)
    assert dataset.raw["label"].tolist() == ["cats"] * 3 + ["dogs"] * 3
    assert dataset.images[:, 0, 0, 0].tolist() == [10, 30, 50, 0, 20, 40]


def test_fault_35_corrupt_and_empty_pictures_are_named_and_skipped(tmp_path) -> None:
    _write_folder(tmp_path, n=30)
    (tmp_path / "cats" / "empty.png").write_bytes(b"")
    (tmp_path / "dogs" / "cut.png").write_bytes((tmp_path / "dogs" / "0.png").read_bytes()[:40])
    dataset = ImageFolderAdapter().load(str(tmp_path), {})
    assert len(dataset) == 30
    note = next(note for note in dataset.notes if "cannot be read" in note)
    assert note.startswith("2 of 32 pictures")
    assert "cats/empty.png" in note
    assert "dogs/cut.png" in note


def test_fault_35_more_than_a_tenth_broken_is_a_data_error(tmp_path) -> None:
    _write_folder(tmp_path, n=8)
    (tmp_path / "cats" / "empty.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 9 pictures cannot be read: cats/empty\.png"):
        ImageFolderAdapter().load(str(tmp_path), {})


def test_pictures_of_other_sizes_are_scaled_to_the_common_one(tmp_path) -> None:
    _write_folder(tmp_path, n=5)
    Image.new("RGB", (50, 60), (255, 0, 0)).save(tmp_path / "cats" / "big.jpg")
    dataset = ImageFolderAdapter().load(str(tmp_path), {})
    assert dataset.images.shape == (6, 6, 5, 3)
    assert any("1 pictures were scaled to 6 x 5" in note for note in dataset.notes)
    small = ImageFolderAdapter().load(str(tmp_path), {"size": [4, 3], "channels": 1})
    assert small.images.shape == (6, 4, 3, 1)


@pytest.mark.parametrize(
    ("options", "key"),
    [({"size": [0, 4]}, "size"), ({"channels": 2}, "channels"), ({"sise": [4, 4]}, "sise")],
    ids=["size", "channels", "name"],
)
def test_wrong_options_are_task_errors(tmp_path, options, key) -> None:
    with pytest.raises(TaskError, match=key):
        ImageFolderAdapter().load(_write_folder(tmp_path), options)


def test_folder_without_pictures_is_a_data_error(tmp_path) -> None:
    with pytest.raises(DataError, match="no pictures in subfolders"):
        ImageFolderAdapter().load(str(tmp_path), {})
