"""Rows that are images: from an array to a prepared folder and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autometa import DataAdapter, Dataset
from autometa.checks import run_checks
from autometa.describe import describe
from autometa.errors import DataError
from autometa.fingerprint import row_minhash
from autometa.images import as_images, data_size, require_shape, take, thumbnails
from autometa.loading import load_dataset
from autometa.prepare import open_prepared, prepare

_HERE = __file__


def _images(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Dark and bright images of 6 x 5 pixels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    images = rng.integers(0, 100, (n, 6, 5), dtype=np.uint8) + np.uint8(100) * labels[
        :, None, None
    ].astype(np.uint8)
    return images, labels


class Images(DataAdapter):
    """Makes images; the number in the source is their seed."""

    def load(self, source: str, options) -> Dataset:
        images, labels = _images(seed=int(Path(source).stem))
        columns = pd.DataFrame({"label": np.where(labels == 1, "bright", "dark"), "by": "me"})
        if options.get("wide"):
            images = np.repeat(images, 2 if source.startswith("2") else 1, axis=2)
        return Dataset.from_images(images, columns, ["made"])


def _payload(folder: Path, **more: object) -> dict[str, object]:
    adapter = f"{_HERE}:Images"
    return {"source": "1", "adapter": adapter, "target": "label", "folder": str(folder), **more}


def test_gray_images_get_one_channel() -> None:
    assert as_images(_images()[0]).shape == (60, 6, 5, 1)


@pytest.mark.parametrize(
    "values",
    [np.zeros((3, 4, 4)), np.zeros((3, 4), np.uint8), np.zeros((3, 4, 4, 2), np.uint8)],
    ids=["float", "flat", "two channels"],
)
def test_other_arrays_are_refused(values) -> None:
    with pytest.raises(DataError, match="uint8"):
        as_images(values)


def test_more_labels_than_images_are_refused() -> None:
    with pytest.raises(DataError, match="60 images, but 59 rows"):
        Dataset.from_images(_images()[0], pd.DataFrame({"label": range(59)}))


def test_other_sizes_than_trained_on_are_refused() -> None:
    assert require_shape(_images()[0], (6, 5, 1)).shape == (60, 6, 5, 1)
    with pytest.raises(DataError, match=r"\(6, 4, 1\)"):
        require_shape(_images()[0], (6, 4, 1))
    with pytest.raises(DataError, match="DataFrame"):
        require_shape(pd.DataFrame(), (6, 5, 1))


def test_digest_sees_every_pixel() -> None:
    images, labels = _images()
    columns = pd.DataFrame({"label": labels})
    changed = images.copy()
    changed[-1, -1, -1] ^= 1
    first, again, other = (
        Dataset.from_images(i, columns).digest() for i in (images, images, changed)
    )
    assert first == again != other


def test_thumbnails_are_means_of_tiles() -> None:
    images = np.zeros((2, 16, 20, 3), np.uint8)
    images[1, :2, :2] = 90
    table = thumbnails(images)
    assert table.shape == (2, 64)
    assert table.loc[0].max() == 0.0
    assert table.loc[1, "tile 0 0"] == 90.0
    assert table.loc[1].drop("tile 0 0").max() == 0.0


def test_minhash_of_images_shares_what_rows_share() -> None:
    images, labels = (as_images(_images()[0]), _images()[1])
    order = np.random.default_rng(0).permutation(len(images))
    assert row_minhash(images, labels) == row_minhash(images[order], labels[order])
    assert row_minhash(images, labels) != row_minhash(images, 1 - labels)


def test_prepared_images_are_read_back(tmp_path) -> None:
    info = prepare(_payload(tmp_path), float("inf"))
    prepared = open_prepared(tmp_path)
    assert (info["modality"], info["image_shape"], info["n_features"]) == ("image", [6, 5, 1], 30)
    assert info["classes"] == ["bright", "dark"]
    assert info["dropped"] == []
    assert data_size(info) == "60 images of 5 x 6 pixels"
    assert data_size({**info, "image_shape": [6, 5, 3]}).endswith("pixels, 3 channels")
    assert (info["split"], info["n_folds"]) == ("holdout", 1)
    assert np.array_equal(prepared.X, as_images(_images(seed=1)[0]))
    assert prepared.X.dtype == np.uint8
    rows = prepared.split.train_rows(0)
    assert np.array_equal(take(prepared.X, rows), prepared.X[rows])
    assert len(prepared.split.test_rows()) > 0


def test_images_are_dealt_into_folds_when_asked(tmp_path) -> None:
    info = prepare(_payload(tmp_path, validation={"folds": 3}), float("inf"))
    assert info["n_folds"] == 3


def test_test_images_follow_the_others(tmp_path) -> None:
    info = prepare(
        _payload(tmp_path, test={"source": "2", "adapter": f"{_HERE}:Images"}), float("inf")
    )
    prepared = open_prepared(tmp_path)
    assert (info["n_train"], info["n_test"]) == (60, 60)
    assert np.array_equal(prepared.X[60:], as_images(_images(seed=2)[0]))


def test_test_images_of_another_size_are_refused(tmp_path) -> None:
    test = {"source": "2", "adapter": f"{_HERE}:Images"}
    with pytest.raises(DataError, match=r"\(6, 10, 1\)"):
        prepare(_payload(tmp_path, test=test, options={"wide": True}), float("inf"))


def test_files_of_images_are_joined() -> None:
    adapter = f"{_HERE}:Images"
    both = load_dataset(["1", "2"], adapter, {})
    assert both.inputs.shape == (120, 6, 5, 1)
    assert "made" in both.notes
    with pytest.raises(DataError, match="shape"):
        load_dataset(["1", "2"], adapter, {"wide": True})


def test_images_are_checked_and_described(tmp_path) -> None:
    prepare(_payload(tmp_path), float("inf"))
    found = run_checks({"prepared": str(tmp_path), "seed": 0}, float("inf"))["findings"]
    # What a tile of an image tells of the target is no leak, and no column can be left out.
    assert [item["check"] for item in found] == ["small_test"]
    payload = {"prepared": str(tmp_path), "seed": 0, "further": []}
    features = describe(payload, float("inf"))["metafeatures"]
    assert np.isfinite(list(features.values())).all()
