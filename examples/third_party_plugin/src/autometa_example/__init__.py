"""An autometa plugin to copy from. This module is imported to list plugins, so it stays light."""

from __future__ import annotations

from collections.abc import Sequence

from autometa import CompressorSpec, LearnerSpec, hookimpl


@hookimpl
def autometa_learners() -> Sequence[LearnerSpec]:
    """Gives the one learner."""
    return [
        LearnerSpec(
            name="nearest_centroid",
            problems=frozenset({"classification"}),
            factory="autometa_example.centroid:NearestCentroid",
            space="autometa_example.centroid:space",
            capabilities=frozenset({"sample_weight"}),
            cost=0.5,
            format="centroid",
            summary="The class whose mean row is nearest.",
        )
    ]


@hookimpl
def autometa_compressors() -> Sequence[CompressorSpec]:
    """Gives the one compressor."""
    return [
        CompressorSpec(
            name="round_centroids",
            stage="quantize",
            consumes=frozenset({"centroid"}),
            produces="centroid",
            factory="autometa_example.rounding:RoundCentroids",
            space="autometa_example.rounding:space",
            summary="Keeps fewer bits of the class means.",
        )
    ]
