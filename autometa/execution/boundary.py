"""The trial boundary: calls a job's function and turns whatever happens into a report.

Workers and the inline executor share it. Whatever foreign code raises ends here and costs its
job only, with the full traceback kept.
"""

from __future__ import annotations

import errno
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from autometa.errors import AutometaError, NotApplicable
from autometa.execution.blame import blame, one_line, out_of_memory
from autometa.execution.job import JobOutcome
from autometa.resolve import resolve

_TRACEBACK_LENGTH = 65_536


def run_job(
    job_id: str,
    function: str,
    payload: Mapping[str, Any],
    deadline: float,
    *,
    relieve: Callable[[], None] = lambda: None,
) -> tuple[JobOutcome, str]:
    """Calls the function that a job names.

    Args:
        job_id: `Job.id`.
        function: `Job.function`.
        payload: `Job.payload`.
        deadline: Moment of `time.monotonic`; inf = never.
        relieve: Called first thing when memory ran out; the report needs some.

    Returns:
        The outcome, and the fields of a `JobReport` as the text of a JSON object: all but
        ``cpu_seconds`` and ``wall_seconds``.
    """
    try:
        value = resolve(function)(payload, deadline)
        return _success(job_id, function, value)
    # This is the trial boundary: sys.exit and KeyboardInterrupt of foreign code end here too.
    except BaseException as exc:
        if isinstance(exc, MemoryError):
            relieve()
        outcome = _classify(exc)
        return outcome, _failure(job_id, outcome, exc)


def _success(job_id: str, function: str, value: Any) -> tuple[JobOutcome, str]:
    if not isinstance(value, dict):
        return _broken_return(job_id, function, f"got {type(value).__qualname__}")
    try:
        return JobOutcome.OK, _encode(job_id, JobOutcome.OK, value=value)
    except (TypeError, ValueError, RecursionError):
        return _broken_return(job_id, function, f"got {_what_json_refuses(value)}")


def _broken_return(job_id: str, function: str, got: str) -> tuple[JobOutcome, str]:
    reason = one_line(f"{function} must return a JSON object, {got}")
    text = _encode(job_id, JobOutcome.ERROR, reason=reason, error_type="TypeError")
    return JobOutcome.ERROR, text


def _what_json_refuses(value: Mapping[Any, Any]) -> str:
    for key, item in value.items():
        try:
            json.dumps({key: item})
        except (TypeError, ValueError, RecursionError) as exc:
            return f"{key!r}: {type(item).__qualname__} ({exc})"
    return "an object that changes while it is read"


def _failure(job_id: str, outcome: JobOutcome, exc: BaseException) -> str:
    return _encode(
        job_id,
        outcome,
        reason=_explain(exc, outcome),
        error_type=_qualified_name(type(exc)),
        error_data=_public_data(exc),
        traceback="".join(traceback.format_exception(exc))[-_TRACEBACK_LENGTH:],
    )


def _encode(job_id: str, outcome: JobOutcome, **fields: Any) -> str:
    return json.dumps({"id": job_id, "outcome": outcome, **fields})


def _classify(exc: BaseException) -> JobOutcome:
    if isinstance(exc, NotApplicable):
        return JobOutcome.NOT_APPLICABLE
    if any(_is_memory_error(link) for link in _causes(exc)):
        return JobOutcome.MEMORY
    return JobOutcome.ERROR


def _is_memory_error(exc: BaseException) -> bool:
    if isinstance(exc, OSError):
        return exc.errno == errno.ENOMEM
    return isinstance(exc, MemoryError) or out_of_memory(_summary(exc))


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Gives the exception and what it was explicitly raised from, each once."""
    seen: set[int] = set()
    link: BaseException | None = exc
    while link is not None and id(link) not in seen:
        yield link
        seen.add(id(link))
        link = link.__cause__


def _explain(exc: BaseException, outcome: JobOutcome) -> str:
    if isinstance(exc, NotApplicable):
        return one_line(str(exc.reason))
    text = _summary(exc)
    if outcome is JobOutcome.MEMORY:
        text = f"out of memory: {text}"
    elif isinstance(exc, SystemExit):
        text = f"sys.exit was called ({text.strip()})"
    elif isinstance(exc, AutometaError):
        text = str(exc)
    place = next(filter(None, map(_place, _causes(exc))), "")
    # The place goes last and must survive the cut.
    return f"{one_line(text)} ({place})" if place else one_line(text)


def _summary(exc: BaseException) -> str:
    # Of the traceback module, since str() of a foreign exception may raise by itself.
    return "".join(traceback.format_exception_only(exc))


def _place(exc: BaseException) -> str:
    walk = traceback.walk_tb(exc.__traceback__)
    return blame((f.f_code.co_filename, line, f.f_code.co_qualname) for f, line in walk)


def _qualified_name(kind: type[BaseException]) -> str:
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _public_data(exc: BaseException) -> dict[str, Any]:
    if not isinstance(exc, AutometaError):
        return {}
    plain = {key: item for key, item in vars(exc).items() if _is_plain(key, item)}
    return {**plain, "exit_code": exc.exit_code}


def _is_plain(key: str, item: Any) -> bool:
    return not key.startswith("_") and isinstance(item, str | int | float | bool | None)
