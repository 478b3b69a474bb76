"""The state of a training on disk."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

_log = logging.getLogger(__name__)

_NUMBERS, _TENSORS = "training.json", "training.safetensors"


def write(folder: Path, numbers: Mapping[str, float], tensors: Mapping[str, Tensor]) -> None:
    """Writes a state into two files; tensors may be views of each other and on any device."""
    # One storage must not be written twice.
    own = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    save_file(own, folder / _TENSORS)
    (folder / _NUMBERS).write_text(json.dumps(dict(numbers)), encoding="utf-8")


def read(
    folder: Path, numbers: Mapping[str, float], tensors: Mapping[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Gives what `write` wrote, or None with a line in the log when it is not such a state.

    Args:
        folder: See `write`.
        numbers: With the names that are expected.
        tensors: With the names and shapes that are expected.
    """
    try:
        found = json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))
        state = load_file(folder / _TENSORS)
    except (OSError, ValueError, SafetensorError) as exc:
        _log.warning("the checkpoint cannot be read, the training starts anew: %s", exc)
        return None
    shapes = [{name: t.shape for name, t in group.items()} for group in (state, tensors)]
    if set(found) != set(numbers) or shapes[0] != shapes[1]:
        _log.warning("the checkpoint is of another network, the training starts anew")
        return None
    return found, state
