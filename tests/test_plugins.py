from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import autometa
from autometa.errors import DataError, PluginError, TaskError
from autometa.learner import API_VERSION
from autometa.plugins import load_plugins
from autometa.registry import PluginInfo, Registry
from autometa.resolve import resolve

LEARNER = """\
from autometa import LearnerSpec, hookimpl

@hookimpl
def autometa_learners():
    return [LearnerSpec(
        name={name!r}, problems=frozenset({{"classification"}}), summary="A test's learner.",
        factory="{module}.learner:Own", space="{module}.learner:space",
    )]
"""
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

Install = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; what was imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Install:
    """Puts a distribution with one entry point into `site`, as an installer leaves it."""

    def write(
        module: str,
        source: str,
        *,
        version: str = "1.0",
        point: str | None = None,
        requires: str | None = None,
    ) -> None:
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n"
        metadata += f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(point or f"[autometa]\n{module} = {module}\n")

    return write


def info_of(registry: Registry, name: str) -> PluginInfo:
    (info,) = [info for info in registry.plugins if info.name == name]
    return info


def test_learner_is_attributed_to_its_plugin(install: Install) -> None:
    install("alpha", LEARNER.format(module="alpha", name="centroid"), version="2.3")
    registry = load_plugins()
    entry = registry.learner("centroid")
    assert (entry.plugin, entry.distribution, entry.version) == ("alpha", "alpha", "2.3")
    assert entry.spec.factory == "alpha.learner:Own"
    assert info_of(registry, "alpha") == PluginInfo(
        name="alpha", distribution="alpha", version="2.3", items=("learner centroid",)
    )


def test_class_and_object_are_plugins_too(install: Install) -> None:
    source = LEARNER.format(module="beta", name="of_class")
    source = source.replace("@hookimpl\ndef", "class Plugin:\n  @staticmethod\n  @hookimpl\n  def")
    source = source.replace("\n    return", "\n      return")
    source += (
        "\n  @hookimpl\n  def autometa_task_finished(self, task):\n    pass\nplugin = Plugin()\n"
    )
    install("beta", source, point="[autometa]\nbeta = beta:plugin\n")
    registry = load_plugins()
    assert registry.learner("of_class").plugin == "beta"
    assert [(o.function, o.arguments) for o in registry.observers] == [
        ("beta:plugin.autometa_task_finished", ("task",))
    ]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def (", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit(3)", "it called sys.exit(3)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("class Odd(BaseException): pass\nraise Odd('x\\ny')", "Odd: x y"),
    ],
    ids=["missing module", "error", "syntax", "exit", "interrupt", "odd"],
)
def test_fault_59_and_60_failing_import_costs_that_plugin_only(
    install: Install, source: str, reason: str
) -> None:
    install("broken", source)
    install("fine", LEARNER.format(module="fine", name="centroid"))
    registry = load_plugins()
    assert registry.learner("centroid").plugin == "fine"
    info = info_of(registry, "broken")
    assert info.reason.startswith(f"import failed: {reason}")
    assert "Traceback" in info.traceback
    assert any(line.startswith("plugin broken (broken 1.0): ") for line in registry.warnings)


@pytest.mark.parametrize("caught", ["", "except BaseException: pass"], ids=["raised", "caught"])
def test_ctrl_c_while_a_plugin_loads_is_the_users_own(install: Install, caught: str) -> None:
    press = "os.kill(os.getpid(), signal.SIGINT)"
    body = f"try: {press}; time.sleep(5)\n{caught}" if caught else press
    install("patient", f"import os, signal, time\n{body}\n")
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        load_plugins()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "raise RuntimeError('no licence')",
            "autometa_learners() failed: RuntimeError: no licence",
        ),
        ("sys.exit()", "autometa_learners() failed: it called sys.exit(None)"),
        ("return 7", "autometa_learners() failed: TypeError: must return a list, got int"),
        ("return None", "must return a list, got NoneType"),
        ("return ['linear']", "autometa_learners() must give LearnerSpecs, got str"),
        ("return [CompressorSpec]", "autometa_learners() must give LearnerSpecs, got type"),
    ],
)
def test_fault_59_failing_hook_costs_that_hook_only(
    install: Install, body: str, reason: str
) -> None:
    source = (
        "import sys\nfrom autometa import CompressorSpec, hookimpl\n"
        f"@hookimpl\ndef autometa_learners():\n    {body}\n"
        "@hookimpl\ndef autometa_compressors():\n    return [CompressorSpec(name='small', "
        "stage='prune', consumes=frozenset({'*'}), produces='*', factory='a:b', space='a:c')]\n"
    )
    install("half", source)
    registry = load_plugins()
    assert reason in info_of(registry, "half").reason
    assert registry.compressor("small").plugin == "half"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "@hookimpl\ndef autometa_lerners(): pass",
            "autometa_lerners is not a hook, the nearest is autometa_learners",
        ),
        (
            "def autometa_trial_finish(task): pass",
            "autometa_trial_finish is not a hook, the nearest is autometa_trial_finished",
        ),
        ("@hookimpl\ndef zzz(): pass", "zzz is not a hook, known are autometa_learners,"),
        (
            "def autometa_learners(): pass",
            "autometa_learners is not marked with @autometa.hookimpl",
        ),
        (
            "@hookimpl\ndef autometa_trial_finished(trail): pass",
            "autometa_trial_finished takes the argument 'trail', the hook has task, result",
        ),
        (
            "@hookimpl\ndef autometa_learners(config): pass",
            "autometa_learners takes the argument 'config', the hook has none",
        ),
    ],
)
def test_misspelled_hook_is_reported(install: Install, source: str, reason: str) -> None:
    install("typo", f"from autometa import hookimpl\n{source}\n")
    assert info_of(load_plugins(), "typo").reason.startswith(reason)


def test_helpers_and_imported_hookspecs_are_no_hooks(install: Install) -> None:
    source = "from autometa.hookspecs import autometa_learners\ndef autometa_own_tool(): pass\n"
    install("tidy", source)
    assert info_of(load_plugins(), "tidy").is_ok


def test_specname_names_the_hook(install: Install) -> None:
    source = LEARNER.format(module="alias", name="centroid").replace(
        "@hookimpl\ndef autometa_learners", "@hookimpl(specname='autometa_learners')\ndef mine"
    )
    install("alias", source)
    assert load_plugins().learner("centroid").plugin == "alias"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "'Linear-1'", "name must be lower-case letters, digits and underscores"),
        ("problems", "'classification'", "problems must be a non-empty frozenset of text"),
        ("problems", "frozenset()", "problems must be a non-empty frozenset of text"),
        ("factory", "'sklearn.linear_model.Ridge'", "factory must be a string"),
        ("factory", "print", "factory must be a string"),
        ("space", "'a b:c'", "space must be a string"),
        ("cost", "-1", "cost must be a positive number"),
        ("capabilities", "{1}", "capabilities must be a frozenset of text"),
        ("summary", "'two\\nlines'", "summary must be one line of text"),
    ],
)
def test_invalid_spec_is_rejected_with_its_field(
    install: Install, field: str, value: str, problem: str
) -> None:
    source = LEARNER.format(module="bad", name="centroid") + (
        "from dataclasses import replace\n_all = autometa_learners\n"
        f"@hookimpl\ndef autometa_learners():\n    return [replace(_all()[0], {field}={value})]\n"
    )
    install("bad", source)
    registry = load_plugins()
    assert "centroid" not in registry.learners
    assert problem in info_of(registry, "bad").reason


def test_fault_63_newer_api_is_refused_with_both_versions(install: Install) -> None:
    source = LEARNER.format(module="newer", name="centroid").replace("summary=", "api=9, summary=")
    install("newer", source, version="4.0")
    with pytest.raises(PluginError) as caught:
        load_plugins().learner("centroid")
    assert str(caught.value) == (
        "the learner 'centroid' of the plugin newer (newer 4.0) cannot be used: it is written for "
        f"plugin API 9, autometa-core {autometa.__version__} has API {API_VERSION}: upgrade "
        "autometa-core. See 'autometa plugins list'."
    )


def test_fault_63_newer_plugin_that_fails_names_both_versions(install: Install) -> None:
    source = LEARNER.format(module="newest", name="a").replace("summary=", "colour='red', summary=")
    install("newest", source, requires="autometa-core>=9")
    reason = info_of(load_plugins(), "newest").reason
    assert "unexpected keyword argument 'colour'" in reason
    assert f"(it requires autometa-core>=9, installed is {autometa.__version__})" in reason


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


def test_damaged_metadata_costs_that_distribution_only(site: Path, install: Install) -> None:
    install("fine", LEARNER.format(module="fine", name="centroid"))
    install("rotten", "", point="[autometa]\nno equals sign\n")
    registry = load_plugins()
    assert registry.learner("centroid").plugin == "fine"
    assert "installation is damaged" in info_of(registry, "rotten-1.0").reason


def test_distribution_that_is_found_twice_counts_once(
    site: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("fine", LEARNER.format(module="fine", name="centroid"))
    copy = site.parent / "copy"
    copy.symlink_to(site)
    monkeypatch.syspath_prepend(copy)
    assert load_plugins().learner("centroid").plugin == "fine"


def test_what_a_plugin_prints_stays_off_stdout(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("chatty", "print('hello')")
    load_plugins()
    assert capsys.readouterr().out == ""


def test_installed_plugins_are_whole() -> None:
    assert [info.reason for info in load_plugins().plugins if not info.is_ok] == []


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


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from autometa.plugins import load_plugins; load_plugins()\n"
        "heavy = {'numpy', 'optuna', 'mlflow', 'sklearn', 'torch', 'pandas', 'pyarrow'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


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
