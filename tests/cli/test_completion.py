from __future__ import annotations

import os
import subprocess
import sys

import pytest

from autometa.cli.boundary import run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_asks_the_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_AUTOMETA_COMPLETE={shell}_complete" in script
    assert "autometa" in script


def test_unknown_shell_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err


def completions(words: str, position: int) -> list[str]:
    variables = {
        "_AUTOMETA_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(position),
    }
    done = subprocess.run(
        [sys.executable, "-m", "autometa"],
        capture_output=True,
        check=True,
        env={**os.environ, **variables},
        text=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [
        ("autometa pl", 1, ["plain,plugins"]),
        ("autometa plugins ", 2, ["plain,list", "plain,check", "plain,new"]),
        ("autometa optimize --fr", 2, ["plain,--fresh"]),
        ("autometa optimize ta", 2, ["file,ta"]),
        ("autometa plugins new mine --kind a", 5, ["plain,adapter"]),
        ("autometa nonsense x", 2, [""]),
    ],
)
def test_shell_gets_names_options_and_files(words: str, position: int, expected: list[str]) -> None:
    assert completions(words, position) == expected


def test_script_works_in_bash() -> None:
    script = f"""
    autometa() {{ {sys.executable} -m autometa "$@"; }}
    export -f autometa
    eval "$({sys.executable} -m autometa completion bash)"
    complete -p autometa
    """
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, check=True, text=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "complete -o nosort -F _autometa_completion autometa"
