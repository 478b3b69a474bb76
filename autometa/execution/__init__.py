"""The process boundary: jobs go out as JSON, reports come back, and nothing else crosses.

The parent asks, decides and tells; an `Executor` runs what may hang, crash, fill the memory or
leave processes behind. A `Job` names its function by a string and gives it a JSON object; tables
and predictions travel as files whose paths the JSON holds. A `JobReport` says how the job ended:
whatever foreign code does costs its own job only and is told with its reason.

`WorkerPool` runs jobs in processes that are killed and replaced alone; `InlineExecutor` runs
them in this process, for tests and debugging. What happens between the two ends:

::

    WorkerPool      queue; submit, wait, cancel, close
      Crew          workers: started, heard, stopped at their limits, replaced
        NurseryLink ~ ~ socket ~ ~ Nursery          imports once, forks, buries, ends what is left
        WorkerHandle ~ ~ socket, pipe ~ ~ worker    runs one job at a time, as good as new after it
                                            run_job the trial boundary, InlineExecutor shares it

Each name is imported when it is first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autometa.execution.inline import InlineExecutor
    from autometa.execution.job import Executor, Job, JobOutcome, JobReport
    from autometa.execution.pool import WorkerPool

_HOMES = {
    "Executor": "job",
    "InlineExecutor": "inline",
    "Job": "job",
    "JobOutcome": "job",
    "JobReport": "job",
    "WorkerPool": "pool",
}

__all__ = ["Executor", "InlineExecutor", "Job", "JobOutcome", "JobReport", "WorkerPool"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
