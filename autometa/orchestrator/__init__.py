"""From a task to a model folder. `optimize` is the data flow; the other modules are its steps."""

from autometa.orchestrator.flow import optimize
from autometa.orchestrator.result import Result

__all__ = ["Result", "optimize"]
