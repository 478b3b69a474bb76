"""Writes the references that follow from the code, while the site is built: they never are stale.

``mkdocs.yml`` names this file among its hooks.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from autometa import hookspecs
from autometa.cli.commands import root
from autometa.cli.options import LazyGroup
from autometa.taskschema import task_schema


def task_file() -> str:
    """Gives the reference of the task file."""
    schema = task_schema()
    parts = [
        "# Task file\n",
        (
            "A task file is YAML. Unknown and duplicate keys are errors that name file, line and"
            " the nearest valid key; relative paths are relative to the file. `autometa schema`"
            " prints the JSON schema by which editors complete it, and `autometa init DATA` writes"
            " a first file.\n"
        ),
        "## Top level\n",
        _keys(schema, "", schema),
    ]
    for key, entry in schema["properties"].items():
        for name in _references(entry):
            part = schema["$defs"][name]
            parts += [f"## {key}\n", f"{part['description']}\n", _keys(part, f"{key}.", schema)]
    return "\n".join(parts)


def _references(entry: Mapping[str, Any]) -> list[str]:
    """Gives the sections that a key holds, also in a list."""
    options = entry.get("anyOf", ())
    return [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]


def _keys(part: Mapping[str, Any], prefix: str, schema: Mapping[str, Any]) -> str:
    required = part.get("required", ())
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for name, entry in part["properties"].items():
        default = "required" if name in required else f"`{json.dumps(entry.get('default'))}`"
        if _references(entry) and name not in required:
            default = "see below"
        cells = [f"`{prefix}{name}`", _values(entry), default, entry.get("description", "")]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _values(entry: Mapping[str, Any]) -> str:
    options = entry.get("anyOf", [entry])
    return " or ".join(dict.fromkeys(text for option in options if (text := _value(option))))


def _value(option: Mapping[str, Any]) -> str:
    if "$ref" in option:
        return "a section"
    if "enum" in option:
        return ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in option["enum"])
    if "const" in option:
        return f"`{option['const']}`"
    kind = option.get("type", "")
    if isinstance(kind, list):
        kind = "string" if "string" in kind else "object"
    name = {"null": "`null`", "string": "text", "object": "a section"}.get(kind, kind)
    if name == "array":
        return "a list"
    bounds = [
        f"{sign} {option[key]:g}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if isinstance(option.get(key), int | float)
    ]
    return f"{name} {', '.join(bounds)}".strip()


def commands() -> str:
    """Gives the reference of the command line."""
    parts = [
        "# Commands\n",
        (
            "Everywhere: `--json` prints exactly one JSON object on stdout, progress and log go to"
            " stderr; `--quiet` shows errors only; `--verbose` adds tracebacks; `-p FILE` loads a"
            " one-file plugin. Exit codes: see [troubleshooting](troubleshooting.md).\n"
        ),
    ]
    for path, command in walk(root, "autometa"):
        if isinstance(command, LazyGroup):
            continue
        context = click.Context(command, info_name=path, terminal_width=90)
        parts += [f"## {path}\n", "```text", command.get_help(context), "```\n"]
    return "\n".join(parts)


def walk(group: LazyGroup, path: str) -> Iterator[tuple[str, click.Command]]:
    """Gives every command with its full name, in the order of ``--help``."""
    for name in group.table:
        command = group.get_command(click.Context(group), name)
        if command is None:
            continue
        yield f"{path} {name}", command
        if isinstance(command, LazyGroup):
            yield from walk(command, f"{path} {name}")


def hooks() -> str:
    """Gives the reference of the hooks."""
    parts = [
        "# Hooks\n",
        (
            "All are optional. Mark an implementation with `@autometa.hookimpl` and take only the"
            " arguments you need; a name or argument that does not exist is reported by `autometa"
            " plugins list`, never silently ignored.\n"
        ),
    ]
    for name, hook in inspect.getmembers(hookspecs, inspect.isfunction):
        if not name.startswith("autometa_"):
            continue
        parts += [
            f"## {signature(name)}\n",
            f"```text\n{name}{_typed(hook)}\n```\n",
            f"{inspect.getdoc(hook)}\n".replace("Args:\n", "Arguments:\n\n"),
        ]
    return "\n".join(parts)


def signature(name: str) -> str:
    """Gives a hook with its exact arguments."""
    arguments = inspect.signature(getattr(hookspecs, name)).parameters
    return f"`{name}({', '.join(arguments)})`"


def _typed(hook: Any) -> str:
    return str(inspect.signature(hook)).replace("'", "")


PAGES = {"task-file.md": task_file, "commands.md": commands, "hooks.md": hooks}
"""For each page what writes it."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages to the site."""
    for name, write in PAGES.items():
        files.append(File.generated(config, name, content=write()))
    return files
