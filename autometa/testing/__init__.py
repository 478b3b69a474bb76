"""The plugin contracts as tests: inherit one, name your plugin's part, run pytest.

::

    from autometa.testing import LearnerContract

    class TestMine(LearnerContract):
        spec = "mine"

Needs pytest. Every failure says what the contract is and what to do.
"""

from __future__ import annotations

from autometa.testing.adapter import DataAdapterContract
from autometa.testing.compressor import CompressorContract
from autometa.testing.data import Table, make_table
from autometa.testing.learner import LearnerContract

__all__ = [
    "CompressorContract",
    "DataAdapterContract",
    "LearnerContract",
    "Table",
    "make_table",
]
