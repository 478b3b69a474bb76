"""Names of registered models, as people write them. Imports no MLflow."""

from __future__ import annotations

import re
from dataclasses import dataclass

from autometa.errors import TaskError

SCHEME = "models:/"

_NAME = re.compile(r"[^/:@%'\"\x00-\x1f]{1,200}")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,100}")
_VERSION = re.compile(r"v?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A registered model, and which of its versions.

    Args:
        name: Of the registered model.
        version: Its number; "" when an alias says it, or the newest is meant.
        alias: Such as ``champion``, or "".

    Example:
        >>> ModelReference.parse("models:/churn@champion")
        ModelReference(name='churn', version='', alias='champion')
        >>> ModelReference.parse("models:/churn/3").version
        '3'
    """

    name: str
    version: str = ""
    alias: str = ""

    @classmethod
    def parse(cls, text: str) -> ModelReference:
        """Reads ``models:/name/version``, ``models:/name@alias`` or ``models:/name/latest``.

        Raises:
            TaskError: If it is none of them.
        """
        rest = text.removeprefix(SCHEME)
        name, _, alias = rest.partition("@")
        name, slash, version = name.partition("/")
        is_one = bool(slash) != bool(alias)
        is_version = version == "latest" or re.fullmatch("[0-9]{1,9}", version)
        if is_one and _NAME.fullmatch(name) and (is_version or _ALIAS.fullmatch(alias)):
            return cls(name, "" if version == "latest" else version, alias)
        raise TaskError(
            f"{text!r} names no registered model.",
            hint="Write models:/NAME/VERSION, models:/NAME@ALIAS or models:/NAME/latest.",
        )


@dataclass(frozen=True, slots=True)
class Registration:
    """Under which name a winner shall be registered.

    Args:
        name: Of the registered model; made when it is new.
        alias: That shall point to the new version, or "".

    Example:
        >>> Registration.parse("churn@champion")
        Registration(name='churn', alias='champion')
    """

    name: str
    alias: str = ""

    @classmethod
    def parse(cls, text: str) -> Registration:
        """Reads ``NAME`` or ``NAME@ALIAS``.

        Raises:
            TaskError: If MLflow takes no such name or alias.
        """
        name, at, alias = text.partition("@")
        is_alias = _ALIAS.fullmatch(alias) and not _VERSION.fullmatch(alias) and alias != "latest"
        if _NAME.fullmatch(name) and name.strip() == name and (is_alias if at else True):
            return cls(name, alias)
        raise TaskError(
            f"--register takes NAME or NAME@ALIAS, got {text!r}.",
            hint="A name has no / : @, an alias is letters, digits, _ and -, such as champion.",
        )
