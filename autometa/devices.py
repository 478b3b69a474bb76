"""Named devices: what the file of a target may take there, unless the task says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from autometa.tasktypes import Number, Whole, as_text, meaning

PROFILES: Mapping[str, Mapping[str, float]] = {
    "edge-cpu": {"size_kib": 4096.0, "latency_ms": 0.2, "memory_mib": 90.0},
    "server-cpu": {"size_kib": 65536.0, "latency_ms": 1.0, "memory_mib": 512.0},
}
"""Upper bounds by profile: KiB of the file, ms of a single row on one thread, MiB of a process."""

BOUNDS = ("size_kib", "latency_ms", "memory_mib")
OLDEST_OPSET, NEWEST_OPSET = 15, 21
"""Of ai.onnx. From 21 on trees take less than half the bytes; older ones run on older devices."""

_Bound: TypeAlias = Annotated[Annotated[Number, Field(gt=0)] | None, BeforeValidator(meaning)]


class Device(BaseModel):
    """Where the model must run. Its bounds hold for the delivered file, measured.

    Args:
        profile: ``edge-cpu`` or ``server-cpu``, see `PROFILES`; ``target: edge-cpu`` is enough.
        size_kib: Largest file, KiB; None = the profile's.
        latency_ms: Longest median of a single row on one thread, ms; None = the profile's.
        memory_mib: Largest peak of a process with numpy and onnxruntime, MiB; None = the profile's.
        opset: Version of the ONNX operators that the device knows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    profile: Annotated[Literal["edge-cpu", "server-cpu"], BeforeValidator(as_text)]
    size_kib: _Bound = None
    latency_ms: _Bound = None
    memory_mib: _Bound = None
    opset: Annotated[Whole, Field(ge=OLDEST_OPSET, le=NEWEST_OPSET)] = NEWEST_OPSET

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        name = as_text(value)
        return {"profile": name} if isinstance(name, str) else value

    @property
    def bounds(self) -> dict[str, float]:
        """Upper bounds by metric."""
        own = {name: getattr(self, name) for name in BOUNDS}
        return {k: PROFILES[self.profile][k] if v is None else v for k, v in own.items()}
