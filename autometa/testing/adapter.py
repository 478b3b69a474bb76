"""The contract of a data adapter, as tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from autometa.adapter import DataAdapter, DataAdapterSpec
from autometa.dataset import Dataset
from autometa.errors import DataError, TaskError
from autometa.resolve import resolve
from autometa.testing import subject
from autometa.testing.subject import require


class DataAdapterContract:
    r"""Inherit, name your adapter, say how a source is made, and run pytest.

    Attributes:
        spec: Its name, when its plugin is installed; or its `DataAdapterSpec`.
        options: What ``data.options`` would hold.
        columns: Names of the columns of the source, in order; () = not checked.
        files: One-file plugins to look for the name in.

    Example:
        >>> from autometa.testing import DataAdapterContract
        >>> class TestCsv(DataAdapterContract):
        ...     spec = "csv"
        ...     columns = ("size", "colour")
        ...     def source(self, folder):
        ...         (folder / "some.csv").write_text("size,colour\n1,red\n2,blue\n")
        ...         return str(folder / "some.csv")
    """

    spec: ClassVar[str | DataAdapterSpec]
    options: ClassVar[Mapping[str, Any]] = {}
    columns: ClassVar[Sequence[str]] = ()
    files: ClassVar[Sequence[str]] = ()

    def source(self, folder: Path) -> str:
        """Writes a small source, or names one.

        Args:
            folder: Empty, to write into.

        Returns:
            An absolute path, or ``scheme:rest``.
        """
        raise NotImplementedError(f"{type(self).__name__} must say how a source is made")

    @classmethod
    def _spec(cls) -> DataAdapterSpec:
        if isinstance(cls.spec, DataAdapterSpec):
            return cls.spec
        return subject.registry(tuple(cls.files)).adapter(cls.spec).spec

    def _adapter(self) -> DataAdapter:
        adapter = resolve(self._spec().factory)()
        require(
            isinstance(adapter, DataAdapter),
            "the factory of an adapter is a subclass of autometa.DataAdapter, built without "
            "arguments",
            f"derive {self._spec().factory} from it",
        )
        return adapter  # type: ignore[no-any-return]

    def _load(self, folder: Path) -> Dataset:
        dataset = self._adapter().load(self.source(folder), dict(self.options))
        require(
            isinstance(dataset, Dataset),
            "load gives an autometa.Dataset",
            f"end with Dataset.from_frame(frame); got {type(dataset).__name__}",
        )
        return dataset

    def _missing_source(self, folder: Path) -> str:
        spec = self._spec()
        if not spec.suffixes:
            return f"{min(spec.schemes)}:there-is-no-such-source"
        return str(folder / f"missing{min(spec.suffixes)}")

    def test_spec_is_valid(self) -> None:
        """Checks the record, that it says what it reads, and its factory."""
        spec = self._spec()
        subject.check_record(spec)
        require(
            spec.schemes or spec.suffixes,
            "an adapter says by schemes or suffixes what it reads",
            "give it at least one",
        )
        self._adapter()

    def test_source_becomes_a_dataset(self, tmp_path: Path) -> None:
        """Checks rows, columns and schema."""
        dataset = self._load(tmp_path)
        require(len(dataset) > 0, "load reads the whole source", "look where its rows are lost")
        names = dataset.schema.all_names
        require(
            not self.columns or names == tuple(self.columns),
            f"the columns are those of the source, in order: {tuple(self.columns)}",
            f"keep their names and order; got {names}",
        )
        require(
            tuple(str(name) for name in dataset.frame.columns) == dataset.schema.names,
            "frame and schema speak of the same columns",
            "build the dataset with Dataset.from_frame",
        )

    def test_same_source_gives_the_same_dataset(self, tmp_path: Path) -> None:
        """Checks that a resumed search finds the data it was started with."""
        first, second = self._load(tmp_path), self._load(tmp_path)
        require(
            first.digest() == second.digest() and first.frame.equals(second.frame),
            "load gives the same rows in the same order every time",
            "order what the source leaves unordered, keep randomness out",
        )

    def test_source_stays_as_it_was(self, tmp_path: Path) -> None:
        """Checks that reading does not write."""
        self.source(tmp_path)
        before = _contents(tmp_path)
        self._load(tmp_path)
        changed = {name for name, data in _contents(tmp_path).items() if before.get(name) != data}
        require(
            not changed,
            "load leaves the source as it was, and no files beside it",
            f"do not write {', '.join(sorted(changed))}",
        )

    def test_missing_source_is_a_data_error(self, tmp_path: Path) -> None:
        """Checks a source that is not there."""
        source = self._missing_source(tmp_path)
        message = self._refusal(source, dict(self.options), DataError)
        require(
            source.rpartition("/")[2].rpartition(":")[2] in message,
            "the message names the source that cannot be read",
            f"name it; got {message!r}",
        )

    def test_directory_is_a_data_error(self, tmp_path: Path) -> None:
        """Checks a folder where a file is expected."""
        if not self._spec().suffixes:
            pytest.skip("reads no files")
        folder = tmp_path / f"folder{min(self._spec().suffixes)}"
        folder.mkdir()
        self._refusal(str(folder), dict(self.options), DataError)

    def test_unknown_option_is_a_task_error(self, tmp_path: Path) -> None:
        """Checks that a misspelled option is not ignored."""
        options = {**self.options, "no_such_option": 1}
        message = self._refusal(self.source(tmp_path), options, TaskError)
        require(
            "no_such_option" in message,
            "the message names the unknown option",
            f"name it; got {message!r}",
        )

    def _refusal(self, source: str, options: Mapping[str, Any], kind: type[Exception]) -> str:
        """Gives the message with which a load is refused, and checks that it is one line."""
        try:
            self._adapter().load(source, options)
        except kind as refused:
            message = str(refused)
            require("\n" not in message, "a message is one line", f"shorten {message!r}")
            return message
        return pytest.fail(
            f"The contract: load({source!r}, {dict(options)}) raises {kind.__name__}.\n"
            "What to do: check the source and the options first.",
            pytrace=False,
        )


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
