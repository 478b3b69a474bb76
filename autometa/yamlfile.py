"""A careful YAML reader: the scalars of YAML 1.2, no objects, nothing lost, bounded work.

PyYAML reads YAML 1.1 and keeps the last of two equal keys. A task file must not mean something
else than it says, so only its scanner and parser are used here: scalars stay what was written
(`Plain`), and whoever knows the type of a key converts them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from autometa.errors import TaskError

MAX_BYTES = 1 << 20
MAX_DEPTH = 24
MAX_NODES = 20_000
MAX_ALIASES = 64

KeyPath: TypeAlias = tuple[str | int, ...]
Scalar: TypeAlias = bool | int | float | str | None

# Longer digit strings are identifiers, and int() refuses very long ones.
_MAX_NUMBER = 60

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)")
_TEXT_TAG = "tag:yaml.org,2002:str"
_PLAIN_TAG = "plain"


def resolve_scalar(text: str) -> Scalar:
    """Gives what an unquoted scalar means in YAML 1.2.

    Only ``true`` and ``false`` are booleans; ``010`` is ten; ``1e-3`` is a number; octal,
    hexadecimal, base 60 and timestamps are text.

    Example:
        >>> [resolve_scalar(text) for text in ("no", "1e-3", "010", "12:30", "~")]
        ['no', 0.001, 10, '12:30', None]
    """
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if len(text) > _MAX_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


class Plain(str):
    """An unquoted scalar: equal to its text as written, with its meaning in `value`."""

    __slots__ = ()

    @property
    def value(self) -> Scalar:
        """What it means in YAML 1.2."""
        return resolve_scalar(str(self))


def to_plain_data(node: Any) -> Any:
    """Replaces every `Plain` in nested dicts and lists by what it means."""
    if isinstance(node, dict):
        return {str(key): to_plain_data(value) for key, value in node.items()}
    if isinstance(node, list):
        return [to_plain_data(item) for item in node]
    return node.value if isinstance(node, Plain) else node


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document whose root is a mapping.

    Args:
        data: Nested dicts with text keys, lists, `Plain` for unquoted and str for quoted scalars.
        lines: One-based line of every key and item, by its path.
        file: What messages call the file, or None.
    """

    data: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    file: str | None = None

    def line(self, path: KeyPath) -> int | None:
        """Gives the line of the key at `path`, or of its nearest ancestor that has one."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None


def read_yaml(path: Path, *, file: str | None = None) -> Document:
    """Reads a file.

    Args:
        path: The file.
        file: What messages call it; default `path`.

    Raises:
        TaskError: If it cannot be read, or for any reason of `parse_yaml`.
    """
    name = file or str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise TaskError("there is no such file.", file=name, hint=_near_file(path)) from exc
    except IsADirectoryError as exc:
        raise TaskError("this is a folder; name the file in it.", file=name) from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise TaskError(f"cannot be read: {reason}.", file=name) from exc
    return parse_yaml(raw, file=name)


def _near_file(path: Path) -> str:
    """Names the YAML files beside a missing one."""
    try:
        found = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return f"The folder {path.parent} does not exist."
    names = [name for name in found if name.endswith((".yaml", ".yml"))]
    return f"The folder has {', '.join(names[:5])}." if names else ""


def parse_yaml(raw: bytes, *, file: str | None = None) -> Document:
    """Reads bytes.

    Args:
        raw: UTF-8, with or without a byte order mark.
        file: What messages call the source.

    Raises:
        TaskError: If it is too large, not UTF-8, not one YAML mapping, nested too deep, has too
            many aliases, a recursive alias, a tag or a duplicate key; with the line.
    """
    if len(raw) > MAX_BYTES:
        raise TaskError(f"must be at most {MAX_BYTES >> 10} KiB, this is larger.", file=file)
    root = _compose(_decode(raw, file), file)
    if root is None or _is_null(root):
        raise TaskError(
            "the file is empty.", file=file, line=1, hint="It needs at least name and data."
        )
    if not isinstance(root, yaml.MappingNode):
        got = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
        raise TaskError(f"must be a mapping of keys, got {got}.", file=file, line=_line(root))
    builder = _Builder(file)
    builder.lines[()] = _line(root)
    return Document(builder.mapping(root, ()), builder.lines, file)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _PLAIN_TAG and node.value in _NULL


def _decode(raw: bytes, file: str | None) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise TaskError(
            f"must be UTF-8, got the byte 0x{raw[exc.start]:02x}.",
            file=file,
            line=raw.count(b"\n", 0, exc.start) + 1,
            hint="Save the file as UTF-8.",
        ) from exc


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _compose(text: str, file: str | None) -> yaml.Node | None:
    """Gives the root node, or None for an empty stream."""
    try:
        loader = _Loader(text, file)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        message = f"contains the character 0x{ord(text[exc.position]):02x}, which YAML forbids."
        raise TaskError(message, file=file, line=line) from exc
    except yaml.MarkedYAMLError as exc:
        raise _syntax_error(exc, file) from exc
    return node


def _syntax_error(exc: yaml.MarkedYAMLError, file: str | None) -> TaskError:
    mark = exc.problem_mark or exc.context_mark
    line = None if mark is None else mark.line + 1
    problem = exc.problem or "cannot be understood"
    hint = ""
    if "found another document" in problem or "another document" in problem:
        problem, hint = "must hold one document, found a second", "Remove the line '---'."
    elif "\\t" in problem:
        problem, hint = "a tab cannot indent", "Use spaces."
    elif "mapping values are not allowed" in problem:
        problem = "unexpected ':'"
        hint = "Check the indentation, or quote the value."
    return TaskError(f"is not valid YAML: {problem}.", file=file, line=line, hint=hint)


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses tags, deep nesting and more aliases than a task needs."""

    def __init__(self, text: str, file: str | None) -> None:
        self.file = file
        self.depth = self.n_nodes = self.n_aliases = 0
        self.open: list[yaml.Node | None] = []
        super().__init__(text)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        is_plain = kind is yaml.ScalarNode and implicit[0]
        return _PLAIN_TAG if is_plain else _TEXT_TAG

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        self.n_nodes += 1
        if isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            self._check_alias(event.anchor, line)
        elif event.tag not in (None, _TEXT_TAG):
            raise TaskError(
                f"tags are not allowed, got {event.tag}.",
                file=self.file,
                line=line,
                hint="Write the plain value.",
            )
        if self.depth >= MAX_DEPTH or self.n_nodes > MAX_NODES:
            raise TaskError(_TOO_BIG, file=self.file, line=line)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def _check_alias(self, anchor: str, line: int) -> None:
        self.n_aliases += 1
        if self.n_aliases > MAX_ALIASES:
            message = f"must have at most {MAX_ALIASES} aliases, found more."
            raise TaskError(message, file=self.file, line=line)
        # A collection without its end is still being read: the alias stands inside it.
        node = self.anchors.get(anchor)
        if isinstance(node, yaml.CollectionNode) and node.end_mark is None:
            message = f"the alias *{anchor} contains itself."
            raise TaskError(message, file=self.file, line=line)


_TOO_BIG = f"must have at most {MAX_NODES} values in {MAX_DEPTH} levels, found more."


@dataclass
class _Builder:
    """Turns nodes into data; shared nodes are expanded, so the count is taken again."""

    file: str | None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    n_nodes: int = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.n_nodes += 1
        if self.n_nodes > MAX_NODES:
            raise TaskError(
                f"its aliases must stand for at most {MAX_NODES} values.",
                file=self.file,
                line=_line(node),
            )
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return self.sequence(node, path)
        return Plain(node.value) if node.tag == _PLAIN_TAG else _whole(str(node.value))

    def sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            self.lines[(*path, index)] = _line(item)
            items.append(self.value(item, (*path, index)))
        return items

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            here = (*path, key)
            if key in data:
                raise TaskError(
                    f"is given twice, first in line {self.lines[here]}.",
                    file=self.file,
                    line=_line(key_node),
                    key=dotted(here),
                    hint="Remove one.",
                )
            self.lines[here] = _line(key_node)
            data[key] = self.value(value_node, here)
        return data

    def _key(self, node: yaml.Node, path: KeyPath) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise TaskError(
                "a key must be a word, got a list or mapping.",
                file=self.file,
                line=_line(node),
                key=dotted(path),
            )
        return _whole(str(node.value))


def _whole(text: str) -> str:
    """Joins the halves in which JSON escapes characters beyond the first plane."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return text  # half a character


def dotted(path: KeyPath) -> str:
    """Writes a path as users do: ``objectives[0].metric``.

    Example:
        >>> dotted(("objectives", 0, "metric"))
        'objectives[0].metric'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
