"""The learners of this plugin, as strings."""

from __future__ import annotations

from autometa import LearnerSpec

# Opt-in: importing torch takes 2 s of CPU, half of what a first saved model may take.
_TRAINED = frozenset({"sample_weight", "soft_labels", "export:onnx", "rungs", "checkpoint"})
_TABLES = _TRAINED | {"text", "opt_in"}


def _tabular(name: str, cls: str, cost: float, summary: str) -> LearnerSpec:
    module = f"autometa_torch.learners.{name}"
    return LearnerSpec(
        name=name,
        problems=frozenset({"classification", "regression"}),
        factory=f"{module}:{cls}",
        space=f"{module}:space",
        capabilities=_TABLES,
        cost=cost,
        preload=("torch",),
        format="torch",
        summary=summary,
    )


def _image(name: str, cls: str, cost: float, summary: str) -> LearnerSpec:
    module = f"autometa_torch.learners.{name}"
    return LearnerSpec(
        name=name,
        problems=frozenset({"classification", "regression"}),
        factory=f"{module}:{cls}",
        space=f"{module}:space",
        modalities=frozenset({"image"}),
        capabilities=_TRAINED,
        cost=cost,
        preload=("torch",),
        format="torch",
        summary=summary,
    )


LEARNERS = (
    _tabular("mlp", "MLP", 300.0, "a multilayer perceptron over periodic embeddings"),
    _tabular("resnet", "ResNet", 400.0, "residual blocks over encoded columns"),
    _image("cnn", "CNN", 500.0, "convolutions with pooling, for images"),
    _image("residual_cnn", "ResidualCNN", 800.0, "residual convolutions, for images"),
)
