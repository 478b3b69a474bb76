"""What past tasks taught: a set of records, and where to keep the next one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from autometa.learner import Space
from autometa.meta.columns import FloatArray, SparseColumns
from autometa.meta.pack import pack, unpack
from autometa.meta.record import Fingerprint, TaskRecord
from autometa.meta.recordfile import write_atomically
from autometa.meta.sources import read_own, read_source
from autometa.meta.table import TrialTable
from autometa.trial import ParamValue

if TYPE_CHECKING:
    import optuna

    from autometa.meta.prior import Prior

DEFAULT = "default"
"""The source that means the user's own folder and the pack that the package ships."""

OWN = "own"
"""The source that means the user's own folder alone."""

SHIPPED_PACK = "default.pack"
"""Name of the shipped pack inside the package `autometa.meta`."""

StudySource: TypeAlias = "optuna.Study | tuple[str, str | None]"


class KnowledgeBase:
    """Records of past tasks, without doubles, in an order that depends on their content alone.

    Args:
        records: Of past tasks.
        own: Folder that `add` writes to; None = `add` keeps the record in memory only.

    Example:
        >>> values = [[0.3, 0.1], [0.4, 0.2]]  # two past tasks, two configurations
        >>> knowledge = KnowledgeBase.from_table([{"alpha": 0.1}, {"alpha": 1.0}], values)
        >>> len(knowledge)
        2
    """

    def __init__(self, records: Iterable[TaskRecord] = (), *, own: Path | None = None) -> None:
        self.own = own
        self._records = {record.digest: record for record in records}

    @classmethod
    def open(cls, *sources: str | Path, own: Path | None = None) -> KnowledgeBase:
        """Reads every source; damaged and newer records are skipped with a warning.

        Args:
            sources: Folders, record files, packs, fsspec URLs, ``own``, or ``default`` (the
                user's own and the shipped pack); none = ``default``.
            own: The user's own folder, which need not exist yet: `add` writes there, and
                ``own`` and ``default`` read it. None: there is no such folder.

        Raises:
            StorageError: If a local source does not exist, or a URL needs a missing package.
        """
        records: list[TaskRecord] = []
        for source in sources or (DEFAULT,):
            if source in (DEFAULT, OWN):
                records += [] if own is None else read_own(own)
                records += read_shipped() if source == DEFAULT else []
            else:
                records += read_source(source)
        return cls(records, own=own)

    @classmethod
    def from_studies(cls, studies: Iterable[StudySource]) -> KnowledgeBase:
        """Takes Optuna studies as past tasks.

        Args:
            studies: Studies, or ``(storage URL or journal file, pattern of names or None)``.

        Raises:
            StorageError: If a storage cannot be read.
        """
        from autometa.meta.studies import import_storage, record_of_study

        records: list[TaskRecord] = []
        for study in studies:
            if isinstance(study, tuple):
                records += import_storage(*study)
            else:
                records.append(record_of_study(study))
        return cls(records)

    @classmethod
    def from_table(
        cls,
        configs: Sequence[Mapping[str, ParamValue]],
        values: Sequence[Sequence[float]] | FloatArray,
        direction: str = "minimize",
    ) -> KnowledgeBase:
        """Takes a table of what many configurations gave on many past tasks.

        Args:
            configs: (m,) configurations.
            values: (tasks, m), NaN = missing; such a cell is no trial.
            direction: ``minimize`` or ``maximize``, of all values.

        Raises:
            ValueError: If the shapes do not fit or the direction is unknown.
        """
        matrix = np.asarray(values, np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != len(configs):
            raise ValueError(
                f"values must be (tasks, {len(configs)}), a column per configuration, "
                f"got {matrix.shape}"
            )
        return cls(_table_records(SparseColumns.of(configs), matrix, direction))

    @property
    def records(self) -> tuple[TaskRecord, ...]:
        """All records, by creation, then name, then digest."""
        return self._ordered

    @cached_property
    def _ordered(self) -> tuple[TaskRecord, ...]:
        key = [(r.created, r.name, digest, r) for digest, r in self._records.items()]
        return tuple(item[-1] for item in sorted(key, key=lambda item: item[:3]))

    @cached_property
    def digest(self) -> str:
        """Hash of all records, 16 hexadecimal digits; the order they came in does not count."""
        return hashlib.sha256("".join(sorted(self._records)).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[TaskRecord]:
        return iter(self.records)

    def add(self, record: TaskRecord) -> Path | None:
        """Keeps a record, in the user's own folder when there is one.

        Returns:
            The new file; None without such a folder, or when the record is known already.

        Raises:
            StorageError: If the folder cannot be written.
        """
        if record.digest in self._records:
            return None
        path = None if self.own is None else record.write(self.own)
        self._records[record.digest] = record
        vars(self).pop("_ordered", None)
        vars(self).pop("digest", None)
        return path

    def pack(self, path: Path) -> None:
        """Writes all records into one file, whole or not at all.

        Raises:
            StorageError: If the file cannot be written.
        """
        write_atomically(path, pack(self.records))

    def exclude(self, fingerprint: Fingerprint) -> KnowledgeBase:
        """Gives the knowledge without the records of the same data; nothing is deleted."""
        kept = (r for r in self.records if not r.fingerprint.matches(fingerprint))
        return KnowledgeBase(kept, own=self.own)

    def prior(
        self,
        space: Space | None = None,
        metafeatures: Mapping[str, float] | None = None,
        exclude: Fingerprint | None = None,
    ) -> Prior:
        """Answers what is known about a new task.

        Args:
            space: What will be searched; None = whatever the records searched.
            metafeatures: Of the new task's data, if known.
            exclude: Fingerprint of the new task's data, so that it does not learn from itself.
        """
        from autometa.meta.prior import Prior

        knowledge = self if exclude is None else self.exclude(exclude)
        return Prior.fit(knowledge.records, space, metafeatures)


def read_shipped() -> list[TaskRecord]:
    """Gives the records of the shipped pack; none if this build has none."""
    file = resources.files("autometa.meta") / SHIPPED_PACK
    if not file.is_file():
        return []
    return list(unpack(file.read_bytes(), SHIPPED_PACK))


def _table_records(
    configs: SparseColumns, matrix: FloatArray, direction: str
) -> Iterator[TaskRecord]:
    from autometa.meta.infer import space_of_configs

    space = space_of_configs(configs)
    for index, row in enumerate(matrix):
        known = ~np.isnan(row)
        shared = configs if known.all() else configs.take(known)
        yield TaskRecord(
            name=f"task-{index:05d}",
            objectives=(("value", direction),),
            space=space,
            trials=TrialTable.of_columns(shared, row[known], proposer="table"),
        )
