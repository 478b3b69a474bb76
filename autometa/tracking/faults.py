"""Why a replay stops: now, or for one event for ever."""

from __future__ import annotations

from autometa.errors import StorageError


class StoreAwayError(StorageError):
    """The store cannot be reached or cannot answer just now; the event is kept for later."""


class EventRefusedError(StorageError):
    """The store will never take this event; the reason goes to the log, the event is skipped."""


class RunMissingError(EventRefusedError):
    """The run, or what it belongs to, is not in the store."""
