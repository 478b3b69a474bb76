"""The options that every command takes, before or after its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from autometa.cli.output import configure_logging

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@dataclass(frozen=True, slots=True)
class Settings:
    """What the global options say; commands get it by ``@click.pass_obj``.

    Args:
        verbose: Show tracebacks and more of the log.
        quiet: Show errors only.
        json: Print one JSON object on stdout instead of text.
        plugins: One-file plugins.
    """

    verbose: bool = False
    quiet: bool = False
    json: bool = False
    plugins: tuple[str, ...] = ()


def settings_of(context: click.Context) -> Settings:
    """Gives what the options have said so far."""
    return context.obj if isinstance(context.obj, Settings) else Settings()


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    # Given before the command, an option holds after it too; -p adds up.
    before = settings_of(context)
    name = str(parameter.name)
    value = (*before.plugins, *value) if name == "plugins" else value or getattr(before, name)
    context.obj = replace(before, **{name: value})


def _global_options() -> list[click.Parameter]:
    def flag(name: str, text: str) -> click.Option:
        return click.Option(
            [f"--{name}"], is_flag=True, expose_value=False, callback=_remember, help=text
        )

    return [
        flag("verbose", "Show tracebacks and more of the log."),
        flag("quiet", "Show errors only."),
        flag("json", "Print one JSON object on stdout."),
        click.Option(
            ["-p", "--plugin", "plugins"],
            multiple=True,
            metavar="FILE",
            expose_value=False,
            callback=_remember,
            help="Load a one-file plugin; may be given several times.",
        ),
    ]


registry_option = click.option(
    "--registry",
    metavar="URI",
    help="Where models:/NAME is looked up; by default MLFLOW_TRACKING_URI, else the workspace.",
)
"""For commands that take a model folder or a registered model."""

CommandT = TypeVar("CommandT", bound="Command")

_OPTIONS = _global_options()
assert {option.name for option in _OPTIONS} == {field.name for field in fields(Settings)}


class Command(click.Command):
    """A command with the global options: ``@click.command(cls=Command)``."""

    examples: tuple[str, ...] = ()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples, then what else is to be said."""
        _write_examples(formatter, self.examples)
        super().format_epilog(ctx, formatter)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Gives its own parameters, then the global ones."""
        return [*super().get_params(ctx), *_OPTIONS]

    def invoke(self, ctx: click.Context) -> Any:
        """Configures logging, which only a command may do, and runs."""
        ctx.obj = settings_of(ctx)
        configure_logging(verbose=ctx.obj.verbose, quiet=ctx.obj.quiet)
        return super().invoke(ctx)


def examples(*lines: str) -> Callable[[CommandT], CommandT]:
    """Gives a command the command lines that its ``--help`` shows.

    Stands above ``@click.command``.
    """

    def mark(command: CommandT) -> CommandT:
        command.examples = lines
        return command

    return mark


def _write_examples(formatter: click.HelpFormatter, lines: Sequence[str]) -> None:
    if lines:
        with formatter.section("Examples"):
            for line in lines:
                # Written as it stands: a wrapped command cannot be copied.
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used, not to list it.

    Args:
        name: As it is typed.
        table: For each command its ``"module:function"`` and the line that ``--help`` shows.
        help: First line of ``--help``.
        examples: Command lines that ``--help`` shows.
        callback: Called before a command.
    """

    def __init__(
        self,
        name: str,
        table: Mapping[str, tuple[str, str]],
        *,
        help: str,
        examples: Sequence[str] = (),
        callback: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(name, help=help, callback=callback, no_args_is_help=False)
        self.table = table
        self.examples = tuple(examples)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Gives its own parameters, then the global ones."""
        return [*super().get_params(ctx), *_OPTIONS]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Gives the commands in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports one command."""
        if cmd_name not in self.table:
            return None
        module, _, function = self.table[cmd_name][0].partition(":")
        command = getattr(import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command; a misspelled one is a usage error that names the nearest."""
        name = args[0]
        if name not in self.table and ctx.resilient_parsing:
            return None, None, args  # being typed
        if name not in self.table:
            near = get_close_matches(name, self.table, n=1)
            meant = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(self.table)}."
            raise click.UsageError(f"no such command {name!r}. {meant}", ctx)
        return name, self.get_command(ctx, name), args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the table without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples."""
        _write_examples(formatter, self.examples)
        super().format_epilog(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes the names of commands from the table, and options as click does."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=text)
            for name, (_, text) in self.table.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]
