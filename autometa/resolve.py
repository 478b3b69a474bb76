"""Finds an object by the string that names it: plugins, learners and jobs are named this way.

Two forms: ``"package.module:name"`` for anything importable, ``"/absolute/file.py:name"`` for a
plugin that is one file (which writes ``f"{__file__}:name"``). `name` may be dotted.
"""

from __future__ import annotations

import sys
import zlib
from difflib import get_close_matches
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from autometa.errors import AutometaError, NotApplicable, PluginError


def resolve(reference: str) -> Any:
    """Gives the object that a reference names.

    Args:
        reference: ``"package.module:name"`` or ``"/absolute/file.py:name"``.

    Raises:
        PluginError: If the reference is malformed, its module cannot be loaded (for whatever
            reason; the cause is chained), or has no such name.
        NotApplicable: If the module raises it while it is loaded.

    Example:
        >>> resolve("os.path:join")("a", "b")
        'a/b'
    """
    home, _, name = reference.rpartition(":")
    if not home or not name:
        raise PluginError(
            f"{reference!r} names no object.",
            hint='Write "package.module:name" or "/absolute/file.py:name".',
        )
    module = load_module(home)
    try:
        return attrgetter(name)(module)
    except AttributeError as exc:
        near = get_close_matches(name, dir(module), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        raise PluginError(f"Cannot find {reference!r}: {exc}.", hint=hint) from exc


def load_module(home: str) -> ModuleType:
    """Gives the module of that dotted name, or of that file when it ends in ``.py``.

    A module is loaded once per process, files too.

    Raises:
        PluginError: If loading fails for whatever reason; the cause is chained.
        NotApplicable: If the module raises it while it is loaded.
    """
    try:
        return _load_file(Path(home)) if home.endswith(".py") else import_module(home)
    except (AutometaError, NotApplicable):
        raise
    # This is the plugin loader: a module may raise anything, sys.exit included.
    except (Exception, SystemExit) as exc:
        raise PluginError(f"Cannot load {home!r}: {type(exc).__name__}: {exc}") from exc


def _load_file(path: Path) -> ModuleType:
    if not path.is_absolute():
        raise PluginError(f"Cannot load {str(path)!r}: a plugin file needs an absolute path.")
    # The name depends on the path alone, so that every process gives the module the same one.
    name = f"autometa_file_{zlib.crc32(bytes(path)):08x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"Cannot load {str(path)!r}: it is no Python file.")
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
