"""``autometa plugins new``: a complete plugin package, whose tests pass as it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

import click

from autometa import __version__
from autometa.cli import output
from autometa.cli.options import Command, Settings, examples
from autometa.errors import StorageError, TaskError

KINDS = ("learner", "compressor", "adapter")

_COMMON = {
    "pyproject.toml": "common/pyproject.toml",
    "README.md": "common/README.md",
    "tests/conftest.py": "common/tests/conftest.py",
}
_PARTS: Mapping[str, Mapping[str, str]] = {
    "learner": {"learner.py": "learner/learner.py"},
    "compressor": {
        "learner.py": "learner/learner.py",
        "compressor.py": "compressor/compressor.py",
    },
    "adapter": {"adapter.py": "adapter/adapter.py"},
}
"""Modules of the package and their templates."""

_USAGE = {
    "learner": "To search it: `search: {learners: [$name]}` in a task file.\n",
    "compressor": (
        "To search it: `search: {learners: [$base_name], compressors: [$name]}` in a task file.\n"
    ),
    "adapter": "To use it: `data: {source: table$suffix, target: ...}` in a task file.\n",
}


@examples(
    "autometa plugins new mine",
    "autometa plugins new shrink --kind compressor",
    "autometa plugins new logs --kind adapter --folder plugins/logs",
)
@click.command("new", cls=Command)
@click.argument("name", metavar="NAME")
@click.option("--kind", type=click.Choice(KINDS), default="learner", show_default=True)
@click.option(
    "--folder", type=click.Path(), metavar="DIR", help="Where to write it; default autometa-NAME."
)
@click.pass_obj
def new(settings: Settings, name: str, *, kind: str, folder: str | None) -> None:
    """Write a plugin package to start from: it works, and its contract tests pass."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise TaskError(
            f"NAME must be lower-case letters, digits and _, got {name!r}.", hint="Such as: mine."
        )
    place = Path(folder or f"autometa-{name.replace('_', '-')}").absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise TaskError(f"{place} exists already.", hint="Choose another --folder.")
    written = write(place, kind, words_for(name, kind))
    data = {"folder": str(place), "kind": kind, "name": name, "files": written}
    output.print_result(settings, data, _to_text(place, written))


def words_for(name: str, kind: str) -> dict[str, str]:
    """Gives what stands for each word of the templates."""
    title = name.title().replace("_", "")
    # A compressor comes with a learner of its own, since it must understand the models.
    base = f"{name}_base" if kind == "compressor" else name
    base_title = base.title().replace("_", "")
    package = f"autometa_{name}"
    major, minor, *_ = __version__.split(".")
    words = {
        "name": base if kind == "learner" else name,
        "base_name": base,
        "package": package,
        "distribution": package.replace("_", "-"),
        "class_name": f"{base_title}Learner",
        "model_name": f"{base_title}Model",
        "compressor_name": f"{title}Compressor",
        "adapter_name": f"{title}Adapter",
        "suffix": f".{name}",
        "core": f"{major}.{minor}",
        "next_core": f"{major}.{int(minor) + 1}",
        "modules": ", ".join(_PARTS[kind]),
    }
    return {**words, "usage": Template(_USAGE[kind]).substitute(words)}


def write(place: Path, kind: str, words: Mapping[str, str]) -> list[str]:
    """Writes a package; gives its files, relative to `place`.

    Raises:
        StorageError: If it cannot be written.
    """
    source = f"src/{words['package']}"
    targets = {
        **_COMMON,
        f"{source}/__init__.py": f"{kind}/__init__.py",
        **{f"{source}/{module}": template for module, template in _PARTS[kind].items()},
        f"tests/test_{words['name']}.py": f"{kind}/test.py",
    }
    texts = {target: _text(template, words) for target, template in targets.items()}
    texts[f"{source}/py.typed"] = ""
    try:
        for target, text in texts.items():
            path = place / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise StorageError(
            f"cannot write {place}: {exc.strerror}.", hint="Choose another --folder."
        ) from exc
    return sorted(texts)


def _text(template: str, words: Mapping[str, str]) -> str:
    text = (files("autometa.cli") / "templates" / f"{template}.tmpl").read_text(encoding="utf-8")
    if template == "learner/learner.py":
        # The format of a model carries the learner's name, also beside a compressor.
        words = {**words, "name": words["base_name"]}
    return Template(text).substitute(words)


def _to_text(place: Path, written: list[str]) -> str:
    shown = output.printable(str(place))
    return "\n".join(
        [
            f"{shown}:",
            *(f"  {name}" for name in written),
            f'next  cd {output.argument(str(place))} && pip install -e ".[test]" && pytest',
        ]
    )
