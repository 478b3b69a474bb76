"""What plugins offer: the frozen answer of `autometa.plugins.load_plugins`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Generic, TypeVar

from autometa.adapter import DataAdapterSpec
from autometa.compressor import CompressorSpec
from autometa.errors import DataError, PluginError
from autometa.hookspecs import ExecutorSpec, MetaFeatureSpec
from autometa.learner import LearnerSpec

SpecT = TypeVar("SpecT")

BASELINE, OPT_IN = "baseline", "opt_in"
"""Capabilities of learners that no task searches unless it names them."""

FIRST = "first"
"""Capability of learners whose default is tried before those of others."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


@dataclass(frozen=True, slots=True)
class Entry(Generic[SpecT]):
    """One offered thing and who offers it.

    Args:
        spec: As the plugin gave it.
        plugin: Name of its entry point, or the stem of its file.
        distribution: What was installed, or the path of a one-file plugin.
        version: Of the distribution; "" for a one-file plugin.
    """

    spec: SpecT
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """One plugin that was found, broken or not.

    Args:
        name: Name of its entry point, or the stem of its file.
        distribution: See `Entry`.
        version: See `Entry`.
        items: What it offers that can be used, such as ``learner linear``, sorted.
        faults: What is wrong, one line each; () = nothing.
        traceback: Of the first fault that is an exception, in full; "" otherwise.
    """

    name: str
    distribution: str
    version: str
    items: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    traceback: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def reason(self) -> str:
        """All faults in one line; "" when there is none."""
        return "; ".join(self.faults)

    def __str__(self) -> str:
        return (
            self.name if not self.version else f"{self.name} ({self.distribution} {self.version})"
        )


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something that was offered and cannot be used.

    Args:
        kind: ``learner``, ``compressor``...
        name: Its name.
        reason: One sentence without its full stop.
        hint: What to do.
    """

    kind: str
    name: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Observer:
    """A function of a plugin that is told what happened.

    Args:
        hook: ``autometa_trial_finished`` or ``autometa_task_finished``.
        function: ``"module:function"``, for a worker to resolve.
        arguments: Which of the hook's arguments it takes.
        plugin: See `Entry`.
    """

    hook: str
    function: str
    arguments: tuple[str, ...]
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Everything usable by name, and what is not, with reasons.

    Args:
        learners: By name, sorted; as are the others.
        compressors: See `learners`.
        adapters: See `learners`.
        metafeatures: See `learners`.
        executors: See `learners`.
        observers: In the order of the plugins.
        plugins: All that were found.
        rejected: What was offered and is not in the mappings.
        warnings: One line per broken plugin or ambiguous name.
    """

    learners: Mapping[str, Entry[LearnerSpec]] = field(default_factory=dict)
    compressors: Mapping[str, Entry[CompressorSpec]] = field(default_factory=dict)
    adapters: Mapping[str, Entry[DataAdapterSpec]] = field(default_factory=dict)
    metafeatures: Mapping[str, Entry[MetaFeatureSpec]] = field(default_factory=dict)
    executors: Mapping[str, Entry[ExecutorSpec]] = field(default_factory=dict)
    observers: Sequence[Observer] = ()
    plugins: Sequence[PluginInfo] = ()
    rejected: Sequence[Rejected] = ()
    warnings: Sequence[str] = ()

    def learner(self, name: str) -> Entry[LearnerSpec]:
        """Gives one learner.

        Raises:
            PluginError: If no plugin offers it, several do, or the one that does is broken.
        """
        return self._get("learner", self.learners, name)

    def default_learners(self, modality: str = "tabular") -> list[str]:
        """Names the learners that are searched unless a task names its own.

        Args:
            modality: Of the data.
        """
        return [
            name
            for name, entry in self.learners.items()
            if modality in entry.spec.modalities
            and not {BASELINE, OPT_IN} & entry.spec.capabilities
        ]

    def compressor(self, name: str) -> Entry[CompressorSpec]:
        """Gives one compressor. Raises as `learner` does."""
        return self._get("compressor", self.compressors, name)

    def adapter(self, name: str) -> Entry[DataAdapterSpec]:
        """Gives one data adapter. Raises as `learner` does."""
        return self._get("adapter", self.adapters, name)

    def metafeature(self, name: str) -> Entry[MetaFeatureSpec]:
        """Gives one meta-feature. Raises as `learner` does."""
        return self._get("metafeature", self.metafeatures, name)

    def executor(self, name: str) -> Entry[ExecutorSpec]:
        """Gives one executor. Raises as `learner` does."""
        return self._get("executor", self.executors, name)

    @property
    def packages(self) -> frozenset[str]:
        """Top-level packages, and absolute files, from which models may be loaded."""
        factories = [entry.spec.factory for entry in self.learners.values()]
        factories += [entry.spec.factory for entry in self.compressors.values()]
        homes = [factory.rpartition(":")[0] for factory in factories]
        return frozenset(h if h.startswith("/") else h.partition(".")[0] for h in homes)

    def _get(self, kind: str, known: Mapping[str, Entry[SpecT]], name: str) -> Entry[SpecT]:
        if name in known:
            return known[name]
        for item in self.rejected:
            if (item.kind, item.name) == (kind, name):
                raise PluginError(f"{item.reason}.", hint=item.hint)
        near = get_close_matches(name, known, n=1)
        parts = [f"Did you mean {near[0]!r}?"] if near else []
        parts.append(f"Available: {', '.join(known) or 'none'}.")
        raise PluginError(
            f"no plugin offers the {kind} {name!r}.", hint=" ".join([*parts, *self._broken()])
        )

    def _broken(self) -> list[str]:
        """Says which plugins might have offered more."""
        broken = [f"{info} ({info.reason})" for info in self.plugins if not info.is_ok]
        return [f"Broken plugins: {'; '.join(broken)}."] if broken else []

    def resolve_adapter(self, source: str, adapter: str | None = None) -> Entry[DataAdapterSpec]:
        """Gives the adapter for a source.

        Args:
            source: A path, or ``scheme:rest``.
            adapter: Its name, where the task file has one; else the scheme decides, then the
                longest suffix.

        Raises:
            PluginError: If `adapter` is not usable, or several claim the source.
            DataError: If none reads such a source.
        """
        if adapter is not None:
            return self.adapter(adapter)
        found: list[Entry[DataAdapterSpec]]
        found = self._by_scheme(source) or self._by_suffix(source)
        if len(found) > 1:
            names = " and ".join(entry.spec.name for entry in found)
            raise PluginError(
                f"the adapters {names} both read {source!r}.",
                hint=f"Set data.adapter to {found[0].spec.name} or {found[1].spec.name}.",
            )
        if not found:
            raise DataError(f"no data adapter reads {source!r}.", hint=self._readable())
        return found[0]

    def _by_scheme(self, source: str) -> list[Entry[DataAdapterSpec]]:
        match = _SCHEME.match(source)
        scheme = match[1].lower() if match else ""
        known = {scheme, scheme.partition("+")[0]}  # postgresql+psycopg is a postgresql
        return [entry for entry in self.adapters.values() if known & entry.spec.schemes]

    def _by_suffix(self, source: str) -> list[Entry[DataAdapterSpec]]:
        lengths = {
            name: max(
                (len(end) for end in entry.spec.suffixes if source.lower().endswith(end)),
                default=0,
            )
            for name, entry in self.adapters.items()
        }
        longest = max(lengths.values(), default=0)
        return [self.adapters[name] for name, n in lengths.items() if n == longest > 0]

    def _readable(self) -> str:
        specs = [entry.spec for entry in self.adapters.values()]
        endings = sorted({suffix for spec in specs for suffix in spec.suffixes})
        schemes = sorted({f"{scheme}:" for spec in specs for scheme in spec.schemes})
        known = ", ".join([*endings, *schemes]) or "nothing"
        return " ".join([f"Readable: {known}; or set data.adapter.", *self._broken()])
