from __future__ import annotations

import errno
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from autometa.cli import output
from autometa.cli.boundary import run
from autometa.cli.commands import root
from autometa.cli.options import Command, Settings
from autometa.errors import DataError, StorageError, TaskError

AUTOMETA = [sys.executable, "-m", "autometa"]


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    script = command.replace("autometa", f"{sys.executable} -m autometa", 1)
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script}"],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def add_command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Makes a function the command ``probe``."""

    def add(function: Callable[..., Any]) -> None:
        command = click.command("probe", cls=Command)(click.pass_obj(function))
        monkeypatch.setitem(sys.modules, "probe_command", SimpleNamespace(probe=command))
        table = {**root.table, "probe": ("probe_command:probe", "Probes.")}
        monkeypatch.setattr(root, "table", table)

    return add


def raiser(error: BaseException) -> Callable[[Settings], None]:
    def command(settings: Settings) -> None:
        raise error

    return command


def test_help_lists_commands_and_global_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for word in ("plugins", "--verbose", "--quiet", "--json", "-p, --plugin FILE", "--version"):
        assert word in text


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == "autometa 0.1.0\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["plugns"], "no such command 'plugns'. Did you mean plugins? See 'autometa --help'."),
        (["zzzz"], "no such command 'zzzz'. Known: "),
        (["plugins", "lst"], "Did you mean list? See 'autometa plugins --help'."),
        (["plugins", "list", "--quite"], "--quiet"),
        (["plugins", "list", "extra"], "unexpected extra argument"),
        (["-p"], "requires an argument"),
        ([], "missing command. See 'autometa --help'."),
    ],
)
def test_usage_error_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TaskError("is wrong.", file="t.yaml", line=3, key="seed", hint="Do so."), 2),
        (DataError("the file is empty."), 3),
        (StorageError("no space."), 4),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_expected_error_is_one_line_with_its_exit_code(
    add_command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
) -> None:
    add_command(raiser(error))
    assert run(["probe"]) == code
    out, err = capsys.readouterr()
    text = str(error) or "interrupted."
    assert (out, err) == ("", f"error: {text}\n")


@pytest.mark.parametrize("args", [["probe", "--json"], ["--json", "probe"]])
def test_error_with_json_is_one_object_on_stdout(
    add_command: Callable[..., None], capsys: pytest.CaptureFixture[str], args: list[str]
) -> None:
    add_command(raiser(TaskError("is wrong.", file="t.yaml", line=3, key="seed", hint="Do so.")))
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert err == "error: t.yaml:3: seed: is wrong. Do so.\n"
    assert json.loads(out) == {
        "status": "error",
        "exit_code": 2,
        "error": {
            "type": "TaskError",
            "text": "t.yaml:3: seed: is wrong. Do so.",
            "message": "is wrong.",
            "hint": "Do so.",
            "file": "t.yaml",
            "line": 3,
            "key": "seed",
        },
    }


def test_error_after_the_result_prints_no_second_object(
    add_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def command(settings: Settings) -> None:
        output.print_result(settings, {"done": 1.5, "odd": float("nan")}, "done")
        raise StorageError("no space.")

    add_command(command)
    assert run(["probe", "--json"]) == 4
    assert json.loads(capsys.readouterr().out) == {"done": 1.5, "odd": None}


def test_verbose_adds_the_traceback(
    add_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    add_command(raiser(DataError("empty.")))
    run(["--verbose", "probe"])
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("error: empty.\n")


def test_command_chooses_its_exit_code(add_command: Callable[..., None]) -> None:
    add_command(lambda settings: click.get_current_context().exit(143))
    assert run(["probe"]) == 143


@pytest.mark.parametrize(
    ("args", "settings"),
    [
        ([], Settings()),
        (["--json"], Settings(json=True)),
        (["--quiet", "--verbose"], Settings(quiet=True, verbose=True)),
        (["-p", "a.py", "--plugin", "b.py"], Settings(plugins=("a.py", "b.py"))),
    ],
)
def test_global_options_hold_before_and_after_the_command(
    add_command: Callable[..., None], args: list[str], settings: Settings
) -> None:
    seen: list[Settings] = []
    add_command(seen.append)
    assert run([*args, "probe"]) == run(["probe", *args]) == 0
    assert seen == [settings, settings]


def test_global_options_before_and_after_add_up(add_command: Callable[..., None]) -> None:
    seen: list[Settings] = []
    add_command(seen.append)
    run(["-p", "a.py", "--json", "probe", "-p", "b.py"])
    assert seen == [Settings(json=True, plugins=("a.py", "b.py"))]


def test_unexpected_error_shows_its_traceback_at_once() -> None:
    code = (
        "import sys; from autometa.cli import commands, main\n"
        "commands.root.invoke = lambda context: 1 / 0\n"
        "sys.argv = ['autometa', '--json', 'plugins']; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero\nerror: this is a bug" in done.stderr
    assert json.loads(done.stdout)["error"]["type"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    "command", ["autometa --help", "autometa plugins list", "autometa plugins list --json"]
)
def test_fault_87_reader_that_goes_away_is_no_error(command: str) -> None:
    done = shell(f"{command} | true")
    assert (done.returncode, done.stderr) == (0, b"")


def test_fault_87_closed_streams_are_no_error() -> None:
    assert shell("autometa plugins list >&- 2>&-").returncode == 0
    assert shell("autometa plugns 2>&1 >&-; exit $?").stdout.startswith(b"error: no such command")


def test_fault_73_full_stdout_is_exit_4() -> None:
    done = shell("autometa plugins list > /dev/full")
    assert done.returncode == 4
    assert done.stderr.decode() == (
        f"error: the output cannot be written: {os.strerror(errno.ENOSPC)}.\n"
    )


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "C"}, {"LANG": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}],
    ids=["LC_ALL", "no UTF-8 mode", "ascii"],
)
def test_fault_88_any_locale_works(tmp_path: Path, environment: dict[str, str]) -> None:
    path = tmp_path / "größe.py"
    path.write_text(
        "from autometa import MetaFeatureSpec, hookimpl\n@hookimpl\n"
        "def autometa_metafeatures():\n"
        "    return [MetaFeatureSpec(name='size', factory='.:size', summary='Größe 目')]\n",
        encoding="utf-8",
    )
    done = shell(f"autometa plugins list -p '{path}'", **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"metafeature  size" in done.stdout


def in_terminal(args: list[str], **environment: str) -> str:
    """Runs a command whose stderr and stdout are a terminal; gives what the terminal got."""
    leader, follower = pty.openpty()
    subprocess.run(
        args, stdout=follower, stderr=follower, check=False, env={**os.environ, **environment}
    )
    os.close(follower)
    chunks = []
    # At the end of a terminal, Linux raises instead of giving nothing.
    try:
        while chunk := os.read(leader, 4096):
            chunks.append(chunk)
    except OSError:
        os.close(leader)
    return b"".join(chunks).decode()


SHOW = (
    "from autometa.cli.options import Settings\nfrom autometa.cli.output import console\n"
    "c = console(Settings()); print('none' if c is None else '') ; c and c.print('[red]x[/]')"
)


def test_fault_89_without_terminal_there_are_no_control_codes() -> None:
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("none\n", "")
    assert "\x1b" not in shell("autometa plugins list; autometa nope").stdout.decode()


def test_fault_90_no_color_is_obeyed() -> None:
    command = [sys.executable, "-c", SHOW]
    assert "\x1b[31m" in in_terminal(command, TERM="xterm", NO_COLOR="")
    assert "\x1b[" not in in_terminal(command, TERM="xterm", NO_COLOR="1")
    assert "\x1b" not in in_terminal([*AUTOMETA, "plugins", "list"], NO_COLOR="1")


def test_dumb_terminal_has_no_console() -> None:
    assert in_terminal([sys.executable, "-c", SHOW], TERM="dumb").strip() == "none"


def test_control_characters_of_others_are_shown_not_obeyed() -> None:
    assert output.printable("a\x1b[2Jb\nc\u202e") == "a\\x1b[2Jb\\nc\\u202e"
