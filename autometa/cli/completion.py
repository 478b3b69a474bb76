"""``autometa completion``: what a shell needs to complete commands, by click's own means."""

from __future__ import annotations

import os

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_AUTOMETA_COMPLETE"
"""By which a shell asks for completions."""


@examples(
    'eval "$(autometa completion bash)"',
    "echo 'eval \"$(autometa completion bash)\"' >> ~/.bashrc",
    "autometa completion zsh > ~/.zfunc/_autometa",
    "autometa completion fish > ~/.config/fish/completions/autometa.fish",
)
@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_obj
def completion(settings: Settings, shell: str) -> None:
    """Print the script by which a shell completes commands, options and files."""
    from click.shell_completion import get_completion_class

    from autometa.cli.commands import root

    kind = get_completion_class(shell)
    assert kind is not None  # click has all of SHELLS
    script = kind(root, {}, "autometa", VARIABLE)
    text = script.source_template % script.source_vars()
    output.print_result(settings, {"shell": shell, "script": text}, text)


def answer() -> int | None:
    """Answers a shell that asks for completions; None = nobody asks.

    Returns:
        The exit code.
    """
    instruction = os.environ.get(VARIABLE)
    if not instruction:
        return None
    from click.shell_completion import shell_complete

    from autometa.cli.commands import root

    return shell_complete(root, {}, "autometa", VARIABLE, instruction)
