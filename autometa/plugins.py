"""Finds plugins and asks each of them alone what it offers.

pluggy's own loader is all or nothing: one import that fails, or one hook that raises, and no
plugin is left. Here every failure stays with its plugin, as a reason that people can read.
What cannot be survived in the process is a plugin that ends it (``os._exit``) or never returns
from its import; ``pip uninstall`` is the remedy then.
"""

from __future__ import annotations

import inspect
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from types import FrameType
from typing import Any

import autometa
from autometa import hookspecs
from autometa.adapter import DataAdapterSpec
from autometa.chains import plan_chains
from autometa.compressor import CompressorSpec
from autometa.errors import PluginError, TaskError
from autometa.hookspecs import ExecutorSpec, MetaFeatureSpec
from autometa.learner import LearnerSpec, Space
from autometa.registry import Entry, Observer, PluginInfo, Registry, Rejected
from autometa.resolve import load_module, resolve
from autometa.speccheck import check_spec

GROUP = "autometa"
"""The entry-point group of plugins."""

_PREFIX = "autometa_"
_SPEC_HOOKS: Mapping[str, tuple[str, type]] = {
    "autometa_learners": ("learner", LearnerSpec),
    "autometa_compressors": ("compressor", CompressorSpec),
    "autometa_data_adapters": ("adapter", DataAdapterSpec),
    "autometa_metafeatures": ("metafeature", MetaFeatureSpec),
    "autometa_executors": ("executor", ExecutorSpec),
}
_HOOKS: Mapping[str, Callable[..., Any]] = {
    name: function
    for name, function in vars(hookspecs).items()
    if hasattr(function, "autometa_spec")
}
"""Every hook, by name."""


def load_plugins(files: Iterable[str | Path] = ()) -> Registry:
    """Loads every installed plugin, and one-file plugins.

    Imports no learner and nothing heavy, as long as plugins keep their modules light.

    Args:
        files: Python files that are plugins by themselves, named by their stem.

    Returns:
        What they offer. A broken plugin, an unknown hook or a name that two plugins offer never
        raises here: it is in `Registry.plugins`, `Registry.rejected` and `Registry.warnings`.

    Raises:
        TaskError: If one of `files` is not a Python file.
    """
    found = [*_installed(), *_one_file_plugins(files)]
    for plugin in found:
        plugin.collect()
    return _merge(found)


class _CtrlC(BaseException):
    """The user's own interrupt, as nothing that a plugin raises."""


@contextmanager
def _ctrl_c_counts() -> Iterator[None]:
    """Raises `_CtrlC` if the user pressed Ctrl-C within, even where foreign code caught that."""
    pressed = False

    def take(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, take)
    try:
        yield
    except BaseException:
        if not pressed:
            raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise _CtrlC


@dataclass
class _Plugin:
    """One plugin while it is asked.

    Args:
        name: See `Entry`.
        distribution: See `Entry`.
        version: See `Entry`.
        load: Gives the module, class or object with the hooks.
        home: Start of the reference of its functions: ``module:`` or ``module:Class.``.
        requires: What its distribution asks of autometa-core, or "".
        file: Of a one-file plugin.
    """

    name: str
    distribution: str
    version: str
    load: Callable[[], object]
    home: str
    requires: str = ""
    file: Path | None = None
    offers: list[tuple[str, Any]] = field(default_factory=list)
    observers: list[Observer] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    traceback: str = ""

    def collect(self) -> None:
        """Loads it and asks its hooks. Never raises."""
        plugin = self._guard("import", self.load)
        self._guard("inspection", lambda: self._inspect(plugin))

    def _inspect(self, plugin: object) -> None:
        for attribute in dir(plugin):
            function = getattr(plugin, attribute, None)
            hook = self._hook_of(attribute, function) if callable(function) else None
            if hook is None or not callable(function):
                continue
            if hook in _SPEC_HOOKS:
                self._ask(hook, function, plugin)
            else:
                arguments = tuple(inspect.signature(function).parameters)
                reference = f"{self.home}{attribute}"
                self.observers.append(Observer(hook, reference, arguments, self.name))

    def _guard(self, doing: str, function: Callable[[], object]) -> object:
        """Calls foreign code; whatever it raises becomes a fault, and None is given.

        Raises:
            KeyboardInterrupt: If the user pressed Ctrl-C meanwhile, whatever became of it there.
        """
        try:
            # stdout belongs to the result of the command.
            with _ctrl_c_counts(), redirect_stdout(sys.stderr):
                return function()
        except _CtrlC:
            raise KeyboardInterrupt from None
        # The one broad catch of the loader: sys.exit and KeyboardInterrupt come from plugins too.
        except BaseException as exc:
            self.faults.append(f"{doing} failed: {_reason(exc)}{self._needs(exc)}")
            self.traceback = self.traceback or traceback.format_exc()
            return None

    def _needs(self, exc: BaseException) -> str:
        """Names both versions where the plugin may be made for another autometa."""
        cause = exc.__cause__ if isinstance(exc, PluginError) else exc
        if not self.requires or not isinstance(cause, ImportError | TypeError | AttributeError):
            return ""
        return f" (it requires {self.requires}, installed is {autometa.__version__})"

    def _hook_of(self, attribute: str, function: Callable[..., Any]) -> str | None:
        """Gives the hook that a function implements, or None; complains about near misses."""
        marks = getattr(function, "autometa_impl", None)
        hook = marks.get("specname") or attribute if isinstance(marks, dict) else attribute
        if hook not in _HOOKS:
            self._complain_of_name(hook, is_marked=isinstance(marks, dict))
        elif hasattr(function, "autometa_spec"):
            return None
        elif not isinstance(marks, dict):
            self.faults.append(f"{attribute} is not marked with @autometa.hookimpl")
        elif problem := _signature_problem(hook, function):
            self.faults.append(problem)
        else:
            return str(hook)
        return None

    def _complain_of_name(self, name: str, *, is_marked: bool) -> None:
        # The common prefix would make any two names alike.
        known = {hook.removeprefix(_PREFIX): hook for hook in _HOOKS}
        near = get_close_matches(name.removeprefix(_PREFIX), known, n=1)
        if near and (is_marked or name.startswith(_PREFIX)):
            self.faults.append(f"{name} is not a hook, the nearest is {known[near[0]]}")
        elif is_marked:
            self.faults.append(f"{name} is not a hook, known are {', '.join(_HOOKS)}")

    def _ask(self, hook: str, function: Callable[..., Any], plugin: object) -> None:
        given = self._guard(f"{hook}()", lambda: _as_list(function()))
        kind, spec_class = _SPEC_HOOKS[hook]
        for spec in given if isinstance(given, list) else ():
            if not isinstance(spec, spec_class):
                got = type(spec).__name__
                self.faults.append(f"{hook}() must give {spec_class.__name__}s, got {got}")
            else:
                self._take(kind, self._localise(spec, plugin))

    def _localise(self, spec: Any, plugin: object) -> Any:
        """Makes references to a one-file plugin absolute: workers find it only by its path."""
        if self.file is None:
            return spec
        own = {".", "__file__", self.name, str(self.file), getattr(plugin, "__name__", ".")}
        changes = {}
        for name in ("factory", "space"):
            home, _, target = str(getattr(spec, name, "")).rpartition(":")
            if home in own:
                changes[name] = f"{self.file}:{target}"
        return replace(spec, **changes)

    def _take(self, kind: str, spec: Any) -> None:
        if problem := check_spec(spec):
            self.faults.append(f"{kind} {spec.name!r}: {problem}")
            reason = f"the {kind} {spec.name!r} of the plugin {self.info} cannot be used: {problem}"
            self.rejected.append(Rejected(kind, str(spec.name), reason, _SEE_LIST))
        else:
            self.offers.append((kind, spec))

    @property
    def info(self) -> PluginInfo:
        """What is known of it by now."""
        return PluginInfo(
            name=self.name,
            distribution=self.distribution,
            version=self.version,
            items=tuple(sorted(f"{kind} {spec.name}" for kind, spec in self.offers)),
            faults=tuple(self.faults),
            traceback=self.traceback,
        )


_SEE_LIST = "See 'autometa plugins list'."


def _reason(exc: BaseException) -> str:
    """Says in one line what was raised."""
    if isinstance(exc, PluginError) and exc.__cause__ is not None:
        exc = exc.__cause__
    if isinstance(exc, SystemExit):
        return f"it called sys.exit({exc.code!r})"
    text = " ".join(str(exc).split())[:300]
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _as_list(given: object) -> list[object]:
    if not isinstance(given, list | tuple):
        raise TypeError(f"must return a list, got {type(given).__name__}")
    return list(given)


def _signature_problem(hook: str, function: Callable[..., Any]) -> str:
    allowed = list(inspect.signature(_HOOKS[hook]).parameters)
    for argument in inspect.signature(function).parameters:
        if argument not in allowed:
            has = f"has {', '.join(allowed)}" if allowed else "has none"
            return f"{hook} takes the argument {argument!r}, the hook {has}"
    return ""


def _installed() -> Iterator[_Plugin]:
    """Gives the plugins of all installed distributions, each distribution once."""
    seen = set()
    for distribution in distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
            if f"[{GROUP}]" not in text or distribution.name in seen:
                continue
            seen.add(distribution.name)
            for point in distribution.entry_points.select(group=GROUP):
                yield _of_entry_point(point, distribution)
        # Metadata of a damaged installation may fail in any way; the others still load.
        except Exception as exc:
            yield _damaged(distribution, exc)


def _of_entry_point(point: EntryPoint, distribution: Distribution) -> _Plugin:
    needs = [line for line in distribution.requires or () if line.startswith("autometa-core")]
    return _Plugin(
        name=point.name,
        distribution=distribution.name,
        version=distribution.version,
        load=point.load,
        home=f"{point.module}:{point.attr}." if point.attr else f"{point.module}:",
        requires=needs[0] if needs else "",
    )


def _damaged(distribution: Distribution, exc: Exception) -> _Plugin:
    def fail() -> object:
        raise RuntimeError(f"the installation is damaged ({_reason(exc)})") from exc

    name = str(getattr(distribution, "_path", "unknown"))
    return _Plugin(name=Path(name).stem, distribution=name, version="", load=fail, home="")


def _one_file_plugins(files: Iterable[str | Path]) -> Iterator[_Plugin]:
    # A file that is named twice is one plugin.
    for path in dict.fromkeys(Path(file).resolve() for file in files):
        if path.suffix != ".py" or not path.is_file():
            raise TaskError(f"-p must name a Python file, got {path}.")
        yield _Plugin(
            name=path.stem,
            distribution=str(path),
            version="",
            load=lambda path=path: load_module(str(path)),  # type: ignore[misc]
            home=f"{path}:",
            file=path,
        )


def _merge(found: list[_Plugin]) -> Registry:
    tables: dict[str, dict[str, Any]] = {kind: {} for kind, _ in _SPEC_HOOKS.values()}
    offers: dict[tuple[str, str], list[tuple[_Plugin, Any]]] = {}
    for plugin in found:
        for kind, spec in plugin.offers:
            offers.setdefault((kind, spec.name), []).append((plugin, spec))
    rejected = [item for plugin in found for item in plugin.rejected]
    warnings = [f"plugin {p.info}: {p.info.reason}." for p in found if p.faults]
    for (kind, name), givers in sorted(offers.items(), key=lambda item: item[0]):
        plugin, spec = givers[0]
        if len(givers) > 1:
            item = _ambiguous(kind, name, [giver.info for giver, _ in givers])
            rejected.append(item)
            warnings.append(f"{item.reason}; it is left out. {item.hint}")
        else:
            tables[kind][name] = Entry(spec, plugin.name, plugin.distribution, plugin.version)
    warnings += _unfit(tables["learner"], tables["compressor"])
    return Registry(
        learners=tables["learner"],
        compressors=tables["compressor"],
        adapters=tables["adapter"],
        metafeatures=tables["metafeature"],
        executors=tables["executor"],
        observers=tuple(observer for plugin in found for observer in plugin.observers),
        plugins=tuple(plugin.info for plugin in found),
        rejected=tuple(rejected),
        warnings=tuple(warnings),
    )


def _unfit(
    learners: Mapping[str, Entry[LearnerSpec]], compressors: Mapping[str, Entry[CompressorSpec]]
) -> list[str]:
    """Says which compressors take no model that anything installed gives."""
    formats = {name: entry.spec.format for name, entry in learners.items()}
    plan = plan_chains(formats, [entry.spec for entry in compressors.values()])
    return [
        f"the compressor {name} of the plugin {compressors[name].plugin} takes "
        f"{', '.join(sorted(compressors[name].spec.consumes))}, which nothing installed gives."
        for name in plan.unfit
    ]


def _ambiguous(kind: str, name: str, givers: list[PluginInfo]) -> Rejected:
    names = list(dict.fromkeys(str(info) for info in givers))
    if len(names) == 1:
        reason = f"the plugin {names[0]} offers the {kind} {name!r} twice"
        return Rejected(kind, name, reason, "Upgrade the plugin.")
    reason = f"the {kind} {name!r} is offered by {' and '.join(names)}"
    return Rejected(kind, name, reason, "Uninstall one of them.")


def space_of(entry: Entry[LearnerSpec] | Entry[CompressorSpec]) -> Space:
    """Asks a learner or compressor what it searches.

    Raises:
        PluginError: If its function raises, whatever it raises, or gives anything but a `Space`.
    """
    spec = entry.spec
    try:
        space = resolve(spec.space)()
    except PluginError:
        raise
    except (Exception, SystemExit) as exc:  # the function is a plugin's: it may raise anything
        raise PluginError(f"{spec.space} raised {type(exc).__name__}: {exc}.") from exc
    if not isinstance(space, Space):
        got = type(space).__name__
        raise PluginError(f"{spec.space} must give a Space, got {got}.")
    return space
