"""``autometa plugins``: what is installed, what is broken, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from autometa.cli import output
from autometa.cli.options import Command, LazyGroup, Settings, examples
from autometa.plugins import load_plugins
from autometa.registry import Entry, PluginInfo, Registry

plugins = LazyGroup(
    "plugins",
    {
        "list": ("autometa.cli.plugins:list_plugins", "Show plugins and what they offer."),
        "check": ("autometa.cli.plugins_check:check", "Run the contract tests on what they offer."),
        "new": ("autometa.cli.plugins_new:new", "Write a plugin to start from."),
    },
    help="Show what is installed, check it, and begin a plugin of your own.",
    examples=("autometa plugins list", "autometa plugins check", "autometa plugins new mine"),
)


@examples("autometa plugins list", "autometa -p my_learner.py plugins list --verbose")
@click.command("list", cls=Command)
@click.pass_obj
def list_plugins(settings: Settings) -> None:
    """Show plugins, what they offer, and which are broken and why."""
    registry = load_plugins(settings.plugins)
    output.print_result(settings, to_json(registry), to_text(registry, verbose=settings.verbose))


def _entries(registry: Registry) -> Iterator[tuple[str, Entry[Any]]]:
    """Gives everything usable with its kind."""
    for kind in ("learner", "compressor", "adapter", "metafeature", "executor"):
        for entry in getattr(registry, f"{kind}s").values():
            yield kind, entry


def to_json(registry: Registry) -> dict[str, Any]:
    """Gives ``plugins`` (with ``status`` and ``reason``), ``items`` and ``left_out``."""
    return {
        "plugins": [
            {
                "name": info.name,
                "distribution": info.distribution,
                "version": info.version,
                "status": "ok" if info.is_ok else "broken",
                "reason": info.reason,
                "items": list(info.items),
            }
            for info in registry.plugins
        ],
        "items": [
            {
                "kind": kind,
                "name": entry.spec.name,
                "plugin": entry.plugin,
                "distribution": entry.distribution,
                "version": entry.version,
                "summary": entry.spec.summary,
            }
            for kind, entry in _entries(registry)
        ],
        "left_out": [
            {"kind": item.kind, "name": item.name, "reason": item.reason, "hint": item.hint}
            for item in registry.rejected
        ],
    }


def to_text(registry: Registry, *, verbose: bool) -> str:
    """Gives a table, then what is broken or left out; with `verbose` also tracebacks."""
    if not registry.plugins:
        return "No plugin is installed. Learners for tables: pip install autometa-tabular"
    rows = [
        [kind, entry.spec.name, f"{entry.plugin} {entry.version}".strip(), entry.spec.summary]
        for kind, entry in _entries(registry)
    ]
    parts = [output.table(["KIND", "NAME", "PLUGIN", "SUMMARY"], rows)]
    broken = [info for info in registry.plugins if not info.is_ok]
    if broken:
        parts += ["", "Broken:", *(_broken(info, verbose=verbose) for info in broken)]
    if registry.rejected:
        lines = (f"  {output.printable(item.reason)}. {item.hint}" for item in registry.rejected)
        parts += ["", "Left out:", *lines]
    return "\n".join(parts)


def _broken(info: PluginInfo, *, verbose: bool) -> str:
    lines = [f"  {info}", *(f"    {output.printable(fault)}" for fault in info.faults)]
    if not info.version:
        lines.append(f"    Correct the file {info.distribution}.")
    else:
        name = info.distribution
        lines.append(f"    pip install --upgrade {name}, or pip uninstall {name}.")
    if info.traceback and verbose:
        lines += [f"    {line}" for line in info.traceback.splitlines()]
    elif info.traceback:
        lines.append("    Where: autometa plugins list --verbose")
    return "\n".join(lines)
