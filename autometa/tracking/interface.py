"""What a study tells about itself, and what it can ask about its view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from autometa.tracking.events import ModelInfo, StudyInfo, Told
from autometa.trial import TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingStatus:
    """Where a study can be seen, and how much of it.

    Args:
        tracking_uri: Of the store; "" without tracking.
        experiment_id: None until the store answered once.
        run_id: Of the parent run; None until it exists.
        url: Opens the run: the server's own page, or what `autometa ui` shows.
        pending: Events that are not in the store yet.
        refused: Events that the store will never take.
        last_error: Why the replay does not go on, "" when it does.
        is_running: Whether a tracker process is at work.
    """

    tracking_uri: str = ""
    experiment_id: str | None = None
    run_id: str | None = None
    url: str = ""
    pending: int = 0
    refused: int = 0
    last_error: str = ""
    is_running: bool = False

    def to_json(self) -> dict[str, Any]:
        """Gives what ``optimize --json`` prints as ``mlflow``."""
        return {
            "tracking_uri": self.tracking_uri,
            "experiment_id": self.experiment_id,
            "run_id": self.run_id,
            "url": self.url,
        }


class StudyTracker(Protocol):
    """What a study tells about itself; `Tracker` and `NullTracker` are the two kinds."""

    def start(self, info: StudyInfo) -> None:
        """Tells that the study begins or goes on."""

    def trial(self, result: TrialResult, told: Told) -> None:
        """Tells of a finished trial; interrupted ones and ones told before are left out."""

    def artifact(self, path: Path, folder: str = "") -> None:
        """Tells of a file that the run's page shall show."""

    def model(self, info: ModelInfo) -> None:
        """Tells of the winner."""

    def finish(
        self,
        status: str,
        metrics: Mapping[str, float | None] | None = None,
        tags: Mapping[str, object] | None = None,
        *,
        summary: str = "",
    ) -> None:
        """Tells that the study ends: FINISHED, KILLED or FAILED.

        Args:
            status: One of these.
            metrics: Of the study's own run.
            tags: Likewise.
            summary: What a registered version of the winner says about itself, Markdown.
        """

    def ensure_running(self) -> None:
        """Sees to it that a tracker process runs while there is something to replay."""

    def status(self) -> TrackingStatus:
        """Gives how far the replay is."""
        ...

    def drain(self, timeout: float) -> TrackingStatus:
        """Waits at most `timeout` seconds until everything is in the store."""
        ...

    def reset(self) -> None:
        """Forgets all that was told, to tell it anew into a fresh run."""

    def close(self) -> None:
        """Closes the spool; the tracker process goes on alone."""


class NullTracker:
    """Is what ``tracking: none`` asks for."""

    def start(self, info: StudyInfo) -> None:
        """Does nothing."""

    def trial(self, result: TrialResult, told: Told) -> None:
        """Does nothing."""

    def artifact(self, path: Path, folder: str = "") -> None:
        """Does nothing."""

    def model(self, info: ModelInfo) -> None:
        """Does nothing."""

    def finish(
        self,
        status: str,
        metrics: Mapping[str, float | None] | None = None,
        tags: Mapping[str, object] | None = None,
        *,
        summary: str = "",
    ) -> None:
        """Does nothing."""

    def ensure_running(self) -> None:
        """Does nothing."""

    def status(self) -> TrackingStatus:
        """Gives an empty status."""
        return TrackingStatus()

    def drain(self, timeout: float) -> TrackingStatus:
        """Gives an empty status at once."""
        return self.status()

    def reset(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""
