"""Damaged model folders: the same predictions or a refusal, never anything else."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autometa.dataset import Dataset
from autometa.errors import AutometaError, ModelFolderError
from autometa.learner import FitContext, TrainingData
from autometa.manifest import digest_of, hashes_of, sizes_of
from autometa.modelfolder import Member, load_model, write

PACKAGES = frozenset({"autometa_tabular"})
FRAME = pd.DataFrame({"a": np.linspace(-2, 2, 40), "b": ["x", "y", "z", None] * 10})
FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    from autometa_tabular.learners.logistic import Logistic

    place = tmp_path_factory.mktemp("fuzz")
    dataset = Dataset.from_frame(FRAME)
    data = TrainingData(dataset.frame, (FRAME["a"] > 0).to_numpy().astype(np.int64), 2)
    context = FitContext(rng=np.random.default_rng(0), deadline=float("inf"), n_threads=1)
    source = place / "part"
    source.mkdir()
    Logistic({}).fit(data, context).save(source)
    header = {
        "name": "toy",
        "problem": "classification",
        "classes": ["no", "yes"],
        "target": "y",
        "schema": dataset.schema.to_json(),
        "requires": {"autometa-tabular": "0.1.0"},
    }
    name = "autometa_tabular.models.linear:LinearModel"
    return write(place / "model", header, [Member(0, 1.0, "logistic", [(source, name)])])


@pytest.fixture(scope="module")
def expected(original):
    return load_model(original, packages=PACKAGES).predict_proba(FRAME)


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def damaged(folder, draw):
    """Flips, cuts or inserts some bytes of one file."""
    path = draw(st.sampled_from(files_of(folder)))
    content = bytearray(path.read_bytes())
    place = draw(st.integers(0, len(content) - 1))
    kind = draw(st.sampled_from(["flip", "cut", "insert"]))
    if kind == "flip":
        content[place] ^= draw(st.integers(1, 255))
    elif kind == "cut":
        del content[place:]
    else:
        content[place:place] = draw(st.binary(min_size=1, max_size=8))
    path.unlink()
    path.write_bytes(content)


@FUZZ
@given(data=st.data())
def test_fault_85_damaged_bytes_give_equal_predictions_or_a_refusal(original, expected, data):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(original, Path(place) / "model"))
        damaged(folder, data.draw)
        try:
            got = load_model(folder, packages=PACKAGES).predict_proba(FRAME)
        except ModelFolderError:
            return
    np.testing.assert_array_equal(got, expected)  # only blanks of the manifest were hit


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # weights of any size overflow
@pytest.mark.filterwarnings(  # numpy leaves the file of a broken archive to the collector
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
@FUZZ
@given(data=st.data())
def test_fault_85_damage_that_was_signed_is_no_traceback(original, expected, data):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(original, Path(place) / "model"))
        manifest = folder / "manifest.json"
        before = manifest.read_bytes()
        damaged(folder, data.draw)
        if manifest.read_bytes() == before:
            sign(folder, json.loads(before))
        try:
            got = load_model(folder, packages=PACKAGES).predict_proba(FRAME)
        except AutometaError:
            return
    assert got.shape == expected.shape
    assert not np.isnan(got).any()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@FUZZ
@given(data=st.data())
def test_fault_85_an_edited_manifest_is_no_traceback(original, expected, data):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(original, Path(place) / "model"))
        manifest = json.loads((folder / "manifest.json").read_text())
        parent = manifest
        while True:  # anywhere in the tree
            keys = list(parent) if isinstance(parent, dict) else range(len(parent))
            key = data.draw(st.sampled_from(keys))
            child = parent[key]
            if not isinstance(child, dict | list) or not child or data.draw(st.booleans()):
                break
            parent = child
        parent[key] = data.draw(json_values)
        sign(folder, manifest, keep_files="files" in manifest)
        try:
            got = load_model(folder, packages=PACKAGES).predict_proba(FRAME)
        except AutometaError:
            return
    assert got.shape == expected.shape


def sign(folder, manifest, *, keep_files=False):
    path = folder / "manifest.json"
    if not keep_files:
        manifest |= {"files": hashes_of(folder, path), "sizes": sizes_of(folder, path)}
    manifest["digest"] = digest_of(manifest)
    path.unlink()
    path.write_text(json.dumps(manifest))
