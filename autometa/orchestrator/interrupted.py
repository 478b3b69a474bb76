"""Trials that were interrupted but left a checkpoint: they are tried again as they were.

With one worker the sampler proposes the same again. With more it knows by then what others found,
and would propose something else, for which the checkpoint is of no use.
"""

from __future__ import annotations

import json
from pathlib import Path

from autometa.search.study import Proposal
from autometa.workspace import writing

PROPOSAL = "proposal.json"
CHECKPOINTS = "checkpoint-*"


def note(folder: Path, proposal: Proposal) -> None:
    """Writes into a trial's folder what is tried there.

    Raises:
        StorageError: If the disk refuses.
    """
    names = ("params", "seed", "proposer", "explanation")
    with writing(folder):
        text = json.dumps({name: getattr(proposal, name) for name in names}, default=dict)
        (folder / PROPOSAL).write_text(text, encoding="utf-8")


def interrupted(folder: Path) -> dict[int, Proposal]:
    """Gives by number the proposals of trials that left a checkpoint.

    Args:
        folder: Of all trials; need not exist. What cannot be read is passed by.
    """
    found = {}
    for place in {path.parent for path in folder.glob(f"*/{CHECKPOINTS}")}:
        try:
            number = int(place.name)
            data = json.loads((place / PROPOSAL).read_text(encoding="utf-8"))
            found[number] = Proposal(
                number=number,
                params=dict(data["params"]),
                seed=int(data["seed"]),
                proposer=str(data["proposer"]),
                handle=-1,
                explanation=dict(data["explanation"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
