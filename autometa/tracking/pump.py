"""Moves events from the spool to the store and keeps account of what is done."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from autometa.tracking import spool
from autometa.tracking import state as progress
from autometa.tracking.faults import EventRefusedError, RunMissingError, StoreAwayError
from autometa.tracking.spool import Event
from autometa.tracking.uris import sqlite_path

if TYPE_CHECKING:
    from autometa.tracking.replay import Replayer
    from autometa.tracking.store import MlflowStore

_log = logging.getLogger("autometa.tracking")

BATCH = 25
ATTEMPTS = 5
CRASHES = 3


class Pump:
    """One replay of one spool.

    `position` is how far it is in memory; ``state.offset`` follows once the curves of the trials
    before it are written too.

    Args:
        path: The spool; it has a start event.
        state_path: Where the progress is kept.
        user: Shown as the runs' user.
        on_ready: Called when the store is open.
    """

    def __init__(
        self,
        path: Path,
        state_path: Path,
        *,
        user: str,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._state_path = state_path
        self._user = user
        self._on_ready = on_ready
        self._inode = _inode(path)
        self._size = path.stat().st_size
        start = _last_start(path)
        self._artifacts = str(start.get("artifacts") or "")
        self._is_outdated = False
        self.parent = (int(start["pid"]), str(start["pid_start"]))
        self.state, self._unsure_until = self._resume(start)
        self.position = self.state.offset
        self._queue: deque[tuple[Event | None, int]] = deque()
        self._trials: list[tuple[Event, bool]] = []
        self._taken = 0
        self._attempts = 0
        self._replayer: Replayer | None = None
        self._database = sqlite_path(self.state.tracking_uri)
        self._database_inode = -1

    def _resume(self, start: Event) -> tuple[progress.ReplayState, int]:
        state = progress.load(self._state_path)
        same = state and (state.tracking_uri, state.uid) == (start["tracking_uri"], start["uid"])
        if state is None or not same or state.offset > self._size:
            fresh = progress.ReplayState(tracking_uri=start["tracking_uri"], uid=start["uid"])
            return fresh, self._size
        return state, state.until

    def is_current(self) -> bool:
        """Whether spool and store are still the files that were opened."""
        if self._is_outdated or _inode(self._path) != self._inode:
            return False
        if self._database is None or self._replayer is None:
            return True
        return _inode(self._database) == self._database_inode

    def is_done(self) -> bool:
        """Whether every event of the spool was taken."""
        return not self._queue and not spool.read(self._path, self.position, limit=1)

    def run(self) -> bool:
        """Replays what there is.

        Returns:
            False when the store is away; ``state.last_error`` then says why.
        """
        try:
            with self._crashes_noted():
                replayer = self._connect()
                while self._fill():
                    self._drain(replayer)
        except StoreAwayError as exc:
            self._note(str(exc))
            return False
        if self.state.last_error:
            self._note("")
        return True

    def finish(self) -> None:
        """Takes care, after the end of the study, of what did not go through at first."""
        replayer = self._connect()
        for offset in self.state.deferred:
            (event, _), *_ = spool.read(self._path, offset, limit=1)
            try:
                if event is not None:
                    replayer.apply(event, is_certain=False)
            except (StoreAwayError, EventRefusedError) as exc:
                self._refuse(event, exc)
            self.state.replayed += 1
        self.state.deferred = []
        try:
            if self.state.is_unsure:
                replayer.settle()
                self.state.is_unsure = False
        except (StoreAwayError, EventRefusedError) as exc:
            _log.warning("could not look for doubled runs: %s", exc)
        self._save()

    def abandon(self) -> None:
        """Closes the parent run of a study whose process died, unless it is closed."""
        if self.state.closed or self.state.run_id is None:
            return
        event = spool.last(self._path) or {}
        try:
            time_ms = event.get("end_ms") or event.get("time_ms") or 0
            self._connect().close("KILLED", int(time_ms))
            self.state.closed = "KILLED"
            self.finish()
        except (StoreAwayError, EventRefusedError) as exc:
            self._note(str(exc))

    def close(self) -> None:
        """Closes the store, if it was opened."""
        if self._replayer is not None:
            self._replayer.store.close()

    def _connect(self) -> Replayer:
        """Opens the store. MLflow is imported here, after the spool was read."""
        if self._replayer is None:
            from autometa.tracking.replay import Replayer
            from autometa.tracking.store import MlflowStore

            store = MlflowStore(self.state.tracking_uri, self._artifacts)
            if self._database is not None:
                self._database_inode = _inode(self._database)
            self._start_over_if_gone(store)
            self._replayer = Replayer(
                store,
                experiment_id=self.state.experiment_id,
                run_id=self.state.run_id,
                user=self._user,
                log_model=_log_model,
            )
            self._on_ready()
        return self._replayer

    def _start_over_if_gone(self, store: MlflowStore) -> None:
        """Replays everything when the store has lost the run, as after a deleted database."""
        if self.state.run_id is None or store.exists(self.state.run_id):
            return
        _log.warning("run %s is gone: the study is replayed as a whole", self.state.run_id)
        self.state = progress.ReplayState(tracking_uri=self.state.tracking_uri, uid=self.state.uid)
        self.position = self._taken = 0
        self._queue.clear()

    def _fill(self) -> bool:
        """Reads the next events; what is about to be done is noted before it is done."""
        if not self._queue:
            self._queue.extend(spool.read(self._path, self.position, limit=1 << 16)[:BATCH])
            if self._queue and self._queue[-1][1] > self.state.until:
                self.state.until = self._queue[-1][1]
                self._save()
        return bool(self._queue) or bool(self._trials)

    def _drain(self, replayer: Replayer) -> None:
        while self._queue:
            event, behind = self._queue[0]
            if event is None:
                _log.warning("bytes %d to %d of the spool are no event", self.position, behind)
            else:
                self._apply(replayer, event)
            self._queue.popleft()
            self.position = behind
            self._attempts = 0
            self._taken += 1
        self._flush(replayer)

    def _apply(self, replayer: Replayer, event: Event) -> None:
        is_certain = self.position >= self._unsure_until and self._attempts == 0
        if event["type"] != "trial":
            self._flush(replayer)
        if self._is_for_another_store(event):
            self._is_outdated = True
            raise StoreAwayError("the study goes on in another store.")
        try:
            if self.state.crashed_at == self.position and self.state.crashes >= CRASHES:
                raise EventRefusedError(f"it crashed the tracker {CRASHES} times")
            replayer.apply(event, is_certain=is_certain)
        except RunMissingError as exc:
            self._look_again(event, exc)
        except EventRefusedError as exc:
            if event["type"] == "start":  # without a run nothing else could be shown
                raise StoreAwayError(str(exc)) from exc
            self._refuse(event, exc)
        except StoreAwayError:
            self._attempts += 1
            self.state.is_unsure = True
            if not self._defer(replayer, event):
                raise
            self._take(replayer, event, is_certain=False)
        else:
            self._take(replayer, event, is_certain)

    def _is_for_another_store(self, event: Event) -> bool:
        if event["type"] != "start" or self.position < self._size:
            return False
        return bool(
            (event["tracking_uri"], event["uid"]) != (self.state.tracking_uri, self.state.uid)
        )

    def _look_again(self, event: Event, exc: RunMissingError) -> None:
        """Opens the store anew, which starts over when the whole study is gone from it."""
        self._attempts += 1
        if self._attempts >= ATTEMPTS and event["type"] != "start":
            self._refuse(event, exc)
            return
        self._replayer = None
        raise StoreAwayError(str(exc)) from exc

    def _take(self, replayer: Replayer, event: Event, is_certain: bool) -> None:
        match event["type"]:
            case "trial" if event["curves"]:
                self._trials.append((event, is_certain))
            case "start":
                self.parent = (int(event["pid"]), str(event["pid_start"]))
                self.state.closed = ""
                self.state.experiment_id = replayer.experiment_id
                self.state.run_id = replayer.run_id
                if replayer.is_new:
                    self._unsure_until = 0
                self._save()
            case "end":
                self.state.closed = event["status"]

    def _defer(self, replayer: Replayer, event: Event) -> bool:
        """Puts off an event that fails again and again while the store answers otherwise."""
        if event["type"] in {"start", "end"} or self._attempts < ATTEMPTS:
            return False
        if not replayer.store.is_answering():
            return False
        _log.warning("%s event at byte %d is put off", event["type"], self.position)
        self.state.deferred.append(self.position)
        self.state.replayed -= 1
        return True

    def _flush(self, replayer: Replayer) -> None:
        """Writes the curves of the trials taken, then the progress."""
        if self._trials:
            is_certain = all(certain for _, certain in self._trials) and self._attempts == 0
            try:
                replayer.curves([trial for trial, _ in self._trials], is_certain=is_certain)
            except EventRefusedError as exc:
                _log.warning("the curves of %d trials are refused: %s", len(self._trials), exc)
            except StoreAwayError:
                self._trials = [(trial, False) for trial, _ in self._trials]
                raise
            self._trials = []
        if self._taken:
            self.state.replayed += self._taken
            self._taken = 0
            self.state.offset = self.position
            self._save()

    def _refuse(self, event: Event | None, exc: Exception) -> None:
        name = event["type"] if event else "broken"
        _log.warning("the %s event at byte %d is skipped: %s", name, self.position, exc)
        self.state.refused += 1

    def _note(self, error: str) -> None:
        if error and error != self.state.last_error:
            _log.warning("waiting: %s", error)
        self.state.last_error = error
        try:
            self._save()
        except StoreAwayError as exc:
            _log.warning("%s", exc)

    def _save(self) -> None:
        try:
            progress.save(self._state_path, self.state)
        except OSError as exc:
            raise StoreAwayError(f"cannot write {self._state_path}: {exc.strerror}.") from exc

    @contextmanager
    def _crashes_noted(self) -> Iterator[None]:
        """Notes where an unforeseen error happened, so that one event cannot block all others."""
        try:
            yield
        finally:
            error = sys.exc_info()[1]
            if isinstance(error, Exception) and not isinstance(error, StoreAwayError):
                again = self.state.crashed_at == self.position
                self.state.crashes = self.state.crashes + 1 if again else 1
                self.state.crashed_at = self.position
                self._save()


def _last_start(path: Path) -> Event:
    starts = [event for event in spool.read_all(path) if event["type"] == "start"]
    if not starts:
        raise StoreAwayError(f"{path} has no start event.")
    return starts[-1]


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return -1


def _log_model(*args: object, **kwargs: object) -> str:
    from autometa.tracking import winner

    return winner.log_model(*args, **kwargs)  # type: ignore[arg-type]
