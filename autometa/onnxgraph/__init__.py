"""Writes fitted models as one ONNX graph, from raw columns to the answer.

A model's `Model.to_onnx` calls the methods of an `OnnxGraph`. Parts that many models have in
common are collected and written once: numbers that are read alike, level tables of categories,
all linear models as one product, all trees as one node. So the file of an ensemble of many
fold models has about as many nodes as that of one, and a single row costs microseconds.
"""

from __future__ import annotations

from autometa.onnxgraph.graph import OnnxGraph
from autometa.onnxgraph.output import OnnxOutput, OnnxScores

__all__ = ["OnnxGraph", "OnnxOutput", "OnnxScores"]
