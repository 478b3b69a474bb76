"""Every command shows examples, and every example is a command line that is understood."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from autometa.cli.boundary import run
from autometa.cli.commands import root
from autometa.cli.options import Command, LazyGroup


def commands(group: LazyGroup = root, path: str = "") -> Iterator[tuple[str, click.Command]]:
    yield path.strip() or "autometa", group
    for name in group.table:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, LazyGroup):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}".strip(), command


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS)
def test_help_shows_examples(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = COMMANDS[path]
    assert isinstance(command, Command | LazyGroup)
    args = [] if path == "autometa" else path.split()
    assert run([*args, "--help"]) == 0
    text = capsys.readouterr().out
    assert command.examples
    assert all(f"  {line}\n" in text for line in command.examples)


def parse(line: str) -> str:
    """Parses without calling; gives the path of the command that would be called."""
    (call,) = re.findall(r"autometa(?: [^)>]*)?", line.partition(" >> ")[0])[:1]
    words = shlex.split(call)[1:]
    command: click.Command = root
    path: list[str] = []
    while isinstance(command, LazyGroup):
        context = command.make_context("autometa", list(words), resilient_parsing=False)
        words = [*context._protected_args, *context.args]
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        path.append(str(name))
        command = found
    command.make_context(str(command.name), list(words))
    return " ".join(path)


@pytest.mark.parametrize("path", COMMANDS)
def test_examples_are_understood(path: str) -> None:
    for line in COMMANDS[path].examples:
        called = parse(line)
        assert called in COMMANDS
        assert path == "autometa" or called.startswith(path)


def test_misspelled_example_would_be_noticed() -> None:
    with pytest.raises(click.UsageError):
        parse("autometa optimise task.yaml")
    with pytest.raises(click.UsageError):
        parse("autometa optimize task.yaml --frsh")
