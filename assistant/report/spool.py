"""Rows and pages that were put in words once, kept on disk, and read again in the order that is wanted."""

from __future__ import annotations

import json
import tempfile
import threading
import zlib
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class Spool:
    """A nameless file of JSON values, gone once nothing refers to it. Raises `OSError` as it comes."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - open for as long as the report is
        self._end = 0
        self._lock = threading.Lock()

    def put(self, value: Any) -> int:
        """Where the value lies."""
        packed = zlib.compress(json.dumps(value, ensure_ascii=False).encode(), 1)
        with self._lock:
            place = self._file.seek(self._end)
            self._file.write(len(packed).to_bytes(4, "big") + packed)
            self._end = self._file.tell()
        return place

    def get(self, place: int) -> Any:
        """The value that lies there."""
        with self._lock:
            self._file.seek(place)
            packed = self._file.read(int.from_bytes(self._file.read(4), "big"))
        return json.loads(zlib.decompress(packed))


class Ordered(Generic[T]):
    """Values on a spool, gone through group by group, in each by falling weight, then as they were added.

    Twenty bytes a value stay in memory.
    """

    def __init__(self, spool: Spool, read: Callable[[Any], T]) -> None:
        self._spool, self._read = spool, read
        self._places, self._weights, self._groups = array("q"), array("d"), array("i")
        self._order: NDArray[np.intp] | None = None

    def add(self, value: Any, *, weight: float = 0.0, group: int = 0) -> None:
        """Keep a value of plain JSON types."""
        self._places.append(self._spool.put(value))
        self._weights.append(weight)
        self._groups.append(group)
        self._order = None

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[T]:
        if self._order is None:
            self._order = np.lexsort((-np.array(self._weights), np.array(self._groups)))
        for i in self._order:
            yield self._read(self._spool.get(self._places[i]))
