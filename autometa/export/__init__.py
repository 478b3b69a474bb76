"""One ONNX file of a whole model folder, checked against it and measured where it runs."""

from __future__ import annotations

from autometa.export.build import build, export_job, export_model
from autometa.export.file import write_onnx

__all__ = ["build", "export_job", "export_model", "write_onnx"]
