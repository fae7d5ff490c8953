"""JSON objects -> columns of strings: dotted paths, exploded lists, and which names were ever seen."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etl.errors import InputError
from etl.model.rejects import RejectCode
from etl.source.discover import SourceFile
from etl.source.nested import cuts
from etl.source.sheet import Reject
from etl.source.strict import MISSING, find, kind_of

"""Rows of a batch at most: an exploded list may be long and its parent large."""
_NAMES: Final = 1_000

Batch = tuple[list[pa.StringArray], pa.Int64Array, list[Reject]]


class Objects:
    """The mapped names of one file's objects.

    Attributes:
        explode: the list whose elements are the rows, when a mapped name is one of theirs.
        parents: objects whose list was exploded.
        columns: the names taken from the objects; the others are taken from the path.
    """

    def __init__(self, file: SourceFile, columns: tuple[str, ...], explode: str | None) -> None:
        self._label = file.label
        self._path = {key for key, _ in file.partitions}
        self._prefix = f"{explode}." if explode else ""
        inner = bool(explode) and any(name.startswith(self._prefix) for name in columns)
        self.explode = explode if inner else None
        self.parents = 0
        self.columns = columns
        self._unseen = dict.fromkeys(columns)
        self._constants: set[str] = set()
        self._found: dict[str, None] = {}
        self._listed: dict[str, None] = {}
        self._lists = self._elements = 0

    def batches(self, records: list[dict[str, Any]], lines: list[int]) -> Iterator[Batch]:
        """Yield columns of at most so many rows, their lines, and the rows that can't be text.

        Raises:
            InputError: a mapped value is nested, or what is to be exploded is no list of objects.
        """
        if not records:
            return
        elements = records
        first = not self._found
        if self._unseen:
            pairs = [pair for record in records[:_NAMES] for pair in record.items()]
            self._found.update(dict.fromkeys(name for name, _ in pairs))
            lists = [
                name for name, value in pairs if type(value) is list and value and type(value[0]) is dict
            ]
            self._listed.update(dict.fromkeys(lists))
        if self.explode:
            self.parents += len(records)
            records, elements, lines = self._exploded(self.explode, records, lines)
            if self._unseen:
                names = (f"{self._prefix}{name}" for element in elements[:_NAMES] for name in element)
                self._found.update(dict.fromkeys(names))
        self._look(records, elements)
        if first:
            self._constants = self._path & self._unseen.keys()
            self._unseen = {name: None for name in self._unseen if name not in self._constants}
            self.columns = tuple(name for name in self.columns if name not in self._constants)
        for start, end in cuts(self._widths(records)):
            part = slice(start, end)
            yield self._columns(records[part], elements[part], lines[part])

    def unseen(self) -> list[str]:
        """Return the mapped names that no object had; of elements only when there were any."""
        if not self._found:
            return []
        if self.explode and not self._lists:
            return [self.explode]
        return [name for name in self._unseen if self._elements or not self._of_element(name)]

    def seen(self) -> list[str]:
        """Return names that the objects have, as far as they were collected."""
        return list(self._found)

    def lists(self) -> list[str]:
        """Return names that hold lists of objects, as far as they were collected."""
        return list(self._listed)

    def _of_element(self, name: str) -> bool:
        return self.explode is not None and name.startswith(self._prefix)

    def _exploded(
        self, name: str, records: list[dict[str, Any]], lines: list[int]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[int]]:
        """Return for each element its parent, itself and its line."""
        parents: list[dict[str, Any]] = []
        elements: list[dict[str, Any]] = []
        places: list[int] = []
        for record, line in zip(records, lines, strict=True):
            value = find(record, name)
            self._lists += value is not MISSING
            if value is None or value is MISSING:
                continue
            if type(value) is not list:
                raise self._nested(name, line, value, "a list of objects")
            for element in value:
                if element is not None and type(element) is not dict:
                    raise self._nested(name, line, element, "lists of objects only")
                elements.append(element or {})
            parents += [record] * len(value)
            places += [line] * len(value)
        self._elements += len(elements)
        return parents, elements, places

    def _widths(self, records: list[dict[str, Any]]) -> NDArray[np.int64]:
        """Return how many characters of its parent's texts each exploded row repeats."""
        widths = np.zeros(len(records), np.int64)
        if self.explode:
            names = [name for name in self.columns if not self._of_element(name)]
            known: dict[int, int] = {}
            for place, record in enumerate(records):
                if id(record) not in known:
                    values = (find(record, name) for name in names)
                    known[id(record)] = sum(len(value) for value in values if isinstance(value, str))
                widths[place] = known[id(record)]
        return widths

    def _look(self, records: list[dict[str, Any]], elements: list[dict[str, Any]]) -> None:
        """Note which of the names that were not seen yet are there."""
        for name in [*self._unseen, *self._constants]:
            inner = self._of_element(name)
            key = name[len(self._prefix) :] if inner else name
            if not any(find(record, key) is not MISSING for record in (elements if inner else records)):
                continue
            if name in self._constants:
                raise InputError(
                    f"{self._label}: column {name!r} stands in the path and, only later, in the file too",
                    hint="write it into every line of the file, or into none",
                )
            del self._unseen[name]

    def _columns(
        self, records: list[dict[str, Any]], elements: list[dict[str, Any]], lines: list[int]
    ) -> Batch:
        values = [self._texts(name, records, elements, lines) for name in self.columns]
        try:
            return [pa.array(column, pa.string()) for column in values], pa.array(lines, pa.int64()), []
        except UnicodeEncodeError:
            bad = {row for column in values for row, value in enumerate(column) if _is_broken(value)}
        good = [row for row in range(len(lines)) if row not in bad]
        rejects: list[Reject] = [
            (lines[row], RejectCode.BAD_RECORD, "half a character: a lone surrogate escape")
            for row in sorted(bad)
        ]
        columns = [pa.array([column[row] for row in good], pa.string()) for column in values]
        return columns, pa.array([lines[row] for row in good], pa.int64()), rejects

    def _texts(
        self, name: str, records: list[dict[str, Any]], elements: list[dict[str, Any]], lines: list[int]
    ) -> list[str | None]:
        """Return a column's values as their exact text.

        Raises:
            InputError: one of them is nested.
        """
        if self._of_element(name):
            records, name = elements, name[len(self._prefix) :]
        if "." in name:
            found = [find(record, name) for record in records]
            values = [None if value is MISSING else value for value in found]
        else:
            values = [record.get(name) for record in records]
        if set(map(type, values)) <= {str, type(None)}:
            return values
        for row, value in enumerate(values):
            if type(value) is bool:
                values[row] = "true" if value else "false"
            elif value is not None and type(value) is not str:
                raise self._nested(name, lines[row], value, "an id or a text")
        return values

    def _nested(self, name: str, line: int, value: Any, wanted: str) -> InputError:  # noqa: ANN401  whatever JSON has
        return InputError(
            f"{self._label}: line {line}: column {name!r} holds {kind_of(value)}, not {wanted}",
            hint=f'map a value inside an object by its path, as "{name}.field"; make rows of the elements of '
            f'an array with `[input] explode = "{name}"`',
        )


def _is_broken(value: str | None) -> bool:
    return value is not None and any("\ud800" <= character <= "\udfff" for character in value)
