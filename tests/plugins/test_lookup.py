"""What plugins offer is found by name, by file, or by the source it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from autometa.errors import DataError, PluginError, TaskError
from autometa.plugins import load_plugins
from autometa.registry import Registry
from autometa.resolve import resolve

from .conftest import LEARNER, Install, info_of

FILE_PLUGIN = """\
from __future__ import annotations
from autometa import CompressorSpec, Compressor, LearnerSpec, Learner, Space, hookimpl

class Own(Learner):
    def fit(self, data, context):
        raise NotImplementedError

def space():
    return Space({{}})

@hookimpl
def autometa_learners():
    return [LearnerSpec(name="own", problems=frozenset({{"regression"}}),
                        factory={home} + ":Own", space={home} + ":space")]

@hookimpl
def autometa_trial_finished(result):
    pass
"""


def test_fault_62_name_of_two_plugins_is_left_out_and_told(install: Install) -> None:
    install("left", LEARNER.format(module="left", name="same"))
    install("right", LEARNER.format(module="right", name="same"), version="2.0")
    registry = load_plugins()
    assert "same" not in registry.learners
    (warning,) = [line for line in registry.warnings if "same" in line]
    assert {"left (left 1.0)", "right (right 2.0)"} == set(
        warning.removeprefix("the learner 'same' is offered by ").partition(";")[0].split(" and ")
    )
    assert "it is left out. Uninstall one of them." in warning
    with pytest.raises(PluginError, match="is offered by") as caught:
        registry.learner("same")
    assert caught.value.exit_code == 5
    assert "Uninstall one of them." in str(caught.value)


def test_name_offered_twice_by_one_plugin_is_left_out(install: Install) -> None:
    source = LEARNER.format(module="twice", name="same") + (
        "_all = autometa_learners\n@hookimpl\ndef autometa_learners():\n    return _all() * 2\n"
    )
    install("twice", source)
    with pytest.raises(PluginError, match=r"the plugin twice \(twice 1\.0\) offers .* twice"):
        load_plugins().learner("same")


def test_fault_48_unknown_name_lists_available_and_broken(install: Install) -> None:
    install("lost", "import no_such_module")
    install("fine", LEARNER.format(module="fine", name="centroid"))
    with pytest.raises(PluginError) as caught:
        load_plugins().learner("centriod")
    text = str(caught.value)
    assert text.startswith("no plugin offers the learner 'centriod'. Did you mean 'centroid'?")
    assert "Available: " in text
    assert "Broken plugins: lost (lost 1.0) (import failed: ModuleNotFoundError" in text


@pytest.mark.parametrize("kind", ["compressor", "metafeature", "executor", "adapter"])
def test_unknown_name_of_any_kind_is_a_plugin_error(kind: str) -> None:
    with pytest.raises(PluginError, match=f"no plugin offers the {kind} 'x'. Available: none."):
        getattr(Registry(), kind)("x")


@pytest.mark.parametrize("home", ["'.'", "'__file__'", "__name__", "__file__", "'mine'"])
def test_one_file_plugin_is_found_by_its_path(tmp_path: Path, home: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(FILE_PLUGIN.format(home=home))
    registry = load_plugins([path, path])
    entry = registry.learner("own")
    assert (entry.plugin, entry.distribution, entry.version) == ("mine", str(path), "")
    assert entry.spec.factory == f"{path}:Own"
    assert resolve(entry.spec.factory).__name__ == "Own"
    assert resolve(entry.spec.space)().params == {}
    (observer,) = [o for o in registry.observers if o.plugin == "mine"]
    assert observer.function == f"{path}:autometa_trial_finished"
    assert observer.arguments == ("result",)


def test_one_file_plugin_that_fails_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("raise OSError('disk')")
    assert info_of(load_plugins([path]), "mine").reason == "import failed: OSError: disk"


@pytest.mark.parametrize("name", ["missing.py", "note.txt", "."])
def test_one_file_plugin_must_be_a_python_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "note.txt").touch()
    with pytest.raises(TaskError, match="-p must name a Python file"):
        load_plugins([tmp_path / name])


ADAPTERS = """\
from autometa import DataAdapterSpec, hookimpl

def make(name, *, schemes=(), suffixes=()):
    return DataAdapterSpec(name=name, factory="a:b", schemes=frozenset(schemes),
                           suffixes=frozenset(suffixes))

@hookimpl
def autometa_data_adapters():
    return [make("plain", suffixes=[".q", ".zz"]), make("packed", suffixes=[".q.zz", ".z1"]),
            make("shop", schemes=["shop"]), make("rival", suffixes=[".z1"])]
"""


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/a/b.q", "plain"),
        ("/a/B.Q", "plain"),
        ("/a/b.q.zz", "packed"),
        ("/a/b.zz", "plain"),
        ("shop:things", "shop"),
        ("SHOP://x.q", "shop"),
    ],
)
def test_adapter_is_chosen_by_scheme_then_longest_suffix(
    install: Install, source: str, name: str
) -> None:
    install("data", ADAPTERS)
    assert load_plugins().resolve_adapter(source).spec.name == name


def test_adapter_that_is_named_wins(install: Install) -> None:
    install("data", ADAPTERS)
    assert load_plugins().resolve_adapter("/a/b.q", "packed").spec.name == "packed"


def test_source_that_two_adapters_claim_asks_for_a_choice(install: Install) -> None:
    install("data", ADAPTERS)
    with pytest.raises(PluginError, match=r"Set data\.adapter to packed or rival\."):
        load_plugins().resolve_adapter("/a/b.z1")


def test_source_that_nobody_reads_lists_what_can_be_read(install: Install) -> None:
    install("data", ADAPTERS)
    with pytest.raises(DataError, match=r"no data adapter reads '/a/b\.nix'\. Readable: .*\.q\.zz"):
        load_plugins().resolve_adapter("/a/b.nix")


EVERY_KIND = """\
from autometa import (CompressorSpec, DataAdapterSpec, ExecutorSpec, LearnerSpec,
                      MetaFeatureSpec, hookimpl)

@hookimpl
def autometa_learners():
    return (LearnerSpec(name="a", problems=frozenset({"ranking"}), factory="m:A", space="m:s"),)

@hookimpl
def autometa_compressors():
    return [CompressorSpec(name="b", stage="prune", consumes=frozenset({"*"}), produces="*",
                           factory="m:B", space="m:s")]

@hookimpl
def autometa_data_adapters():
    return [DataAdapterSpec(name="c", factory="m:C", suffixes=frozenset({".c"}))]

@hookimpl
def autometa_metafeatures():
    return [MetaFeatureSpec(name="d", factory="m:D")]

@hookimpl
def autometa_executors():
    return [ExecutorSpec(name="e", factory="m:E")]
"""


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("learner", "a"),
        ("compressor", "b"),
        ("adapter", "c"),
        ("metafeature", "d"),
        ("executor", "e"),
    ],
)
def test_each_hook_fills_its_part_of_the_registry(install: Install, kind: str, name: str) -> None:
    install("whole", EVERY_KIND)
    assert getattr(load_plugins(), kind)(name).spec.factory == f"m:{name.upper()}"
