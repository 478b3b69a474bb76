"""How values of a task file become text, numbers and lists. Text stays as it was written."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from autometa.yamlfile import Plain


def meaning(value: Any) -> Any:
    """Gives what an unquoted scalar means; anything else as it is."""
    return value.value if isinstance(value, Plain) else value


def as_text(value: Any) -> Any:
    """Text keeps what was written: ``010`` and ``no`` are names; only a null is no text."""
    if isinstance(value, Plain):
        return None if value.value is None else str(value)
    return value


def as_whole(value: Any) -> Any:
    """Gives ``1e3`` as the whole number that it is."""
    value = meaning(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_list(value: Any) -> Any:
    """One text stands for a list of one."""
    value = as_text(value)
    return [value] if isinstance(value, str) else value


def check_unique(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Gives `items`.

    Raises:
        ValueError: If one stands there twice.
    """
    for index, item in enumerate(items):
        if item in items[:index]:
            raise ValueError(f"names {item!s} twice")
    return items


# The converter stands last because pydantic applies it first.
Text: TypeAlias = Annotated[str, Field(strict=True, min_length=1), BeforeValidator(as_text)]
Whole: TypeAlias = Annotated[int, Field(strict=True), BeforeValidator(as_whole)]
Number: TypeAlias = Annotated[
    float, Field(strict=True, allow_inf_nan=False), BeforeValidator(meaning)
]
Texts: TypeAlias = Annotated[
    tuple[Text, ...], BeforeValidator(as_list), AfterValidator(check_unique)
]
