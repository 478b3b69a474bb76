"""Plugins are loaded, and what is wrong with one costs that one only."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import autometa
from autometa.errors import PluginError
from autometa.learner import API_VERSION
from autometa.plugins import load_plugins
from autometa.registry import PluginInfo

from .conftest import LEARNER, Install, info_of


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


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from autometa.plugins import load_plugins; load_plugins()\n"
        "heavy = {'numpy', 'optuna', 'mlflow', 'sklearn', 'torch', 'pandas', 'pyarrow'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
