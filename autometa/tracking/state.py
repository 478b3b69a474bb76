"""How far the replay of a spool has come: written by the tracker process, read by the parent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

FILE = "tracker.json"


@dataclass(slots=True, kw_only=True)
class ReplayState:
    """The progress of one replay.

    Args:
        tracking_uri: Where it replays to.
        uid: Of the study, as in its start event.
        experiment_id: None until it is known.
        run_id: Of the parent run; None until it exists.
        offset: Bytes of the spool that are done for good.
        until: Bytes of the spool of which some may be done; at least `offset`.
        replayed: Events that are done for good, the refused ones included.
        refused: Events that the store refused for ever; their reasons are in the log.
        deferred: Offsets of events that failed while all others go through.
        last_error: Why it does not go on, "" when it does.
        crashed_at: Offset at which the process failed in an unforeseen way, -1 if none.
        crashes: How often it failed there.
        closed: Status the parent run was closed with, "" while the study runs.
        is_unsure: Whether a request may have taken effect although no answer came.
    """

    tracking_uri: str = ""
    uid: str = ""
    experiment_id: str | None = None
    run_id: str | None = None
    offset: int = 0
    until: int = 0
    replayed: int = 0
    refused: int = 0
    deferred: list[int] = field(default_factory=list)
    last_error: str = ""
    crashed_at: int = -1
    crashes: int = 0
    closed: str = ""
    is_unsure: bool = False


def load(path: Path) -> ReplayState | None:
    """Reads a state; None when there is none, or none that can be read."""
    try:
        data = json.loads(path.read_bytes())
        known = {f.name for f in fields(ReplayState)}
        return ReplayState(**{name: data[name] for name in known if name in data})
    except (OSError, ValueError, TypeError):
        return None


def save(path: Path, state: ReplayState) -> None:
    """Writes a state in one step.

    Raises:
        OSError: If it cannot be written; the one before is then untouched.
    """
    # Not synced: after a power cut the replay starts over and finds what it did.
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(state)), encoding="utf-8")
    new.replace(path)
