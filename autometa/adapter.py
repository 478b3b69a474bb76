"""What a data adapter plugin provides: a source string in, a `Dataset` out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autometa.learner import API_VERSION

if TYPE_CHECKING:
    from autometa.dataset import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAdapterSpec:
    """What `autometa_data_adapters` returns for each adapter.

    Args:
        name: Lower-case identifier, unique among all plugins: ``csv``.
        factory: ``"package.module:Class"`` of a `DataAdapter`.
        schemes: Prefixes of a source such as ``sklearn`` in ``sklearn:iris``.
        suffixes: File name endings with their dot, lower case: ``.csv``, ``.csv.gz``.
        folders: Whether it takes a folder as it is; else a folder stands for the files in it.
        summary: One line for ``autometa plugins list``.
        api: The protocol version it was written for.
    """

    name: str
    factory: str
    schemes: frozenset[str] = frozenset()
    suffixes: frozenset[str] = frozenset()
    folders: bool = False
    summary: str = ""
    api: int = API_VERSION


class DataAdapter(ABC):
    """Reads one kind of source. Runs in a worker process."""

    @abstractmethod
    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """Reads the whole source.

        Args:
            source: An absolute path, or ``scheme:rest`` for an adapter with schemes.
            options: ``data.options`` of the task file, as they stand.

        Raises:
            DataError: If the source cannot be read; names the line where there is one.
            TaskError: If an option is unknown or has the wrong type.
        """
