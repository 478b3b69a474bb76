"""Adapters of the tests."""

import pandas as pd

from autometa.adapter import DataAdapter
from autometa.dataset import Dataset


class TextAdapter(DataAdapter):
    """Reads a file that pandas wrote, every value as text."""

    def load(self, source, options):
        raw = pd.read_csv(source, dtype="string", **options)
        return Dataset.from_frame(raw, notes=["read as text"])


class FrameAdapter(DataAdapter):
    def load(self, source, options):
        return Dataset.from_frame(pd.read_parquet(source))


class WrongAdapter(DataAdapter):
    def load(self, source, options):
        return {"not": "a dataset"}
