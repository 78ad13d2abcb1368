"""A report while it is being made: what is priced lies on disk, so that a run that was killed goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from assistant.report.entry import Entry, Unpriced
from assistant.report.progress import ReportError
from assistant.report.whole_file import whole_file

PLAN, ENTRIES, UNPRICED, PRINTED = "plan.json", "entries.jsonl", "unpriced.jsonl", "printed"
PLACE = "place.json"


class Work:
    """The folder of one unfinished report: its plan, and a file for each batch that is priced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, basis: str, plan: Mapping[str, Any]) -> dict[str, Any]:
        """The plan of the report that lies here, if it rests on the same; else `plan`, in a fresh folder."""
        file = self.folder / PLAN
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            kept = None
        if kept is not None and kept["basis"] == basis:
            return dict(kept["plan"])
        self.remove()
        self.folder.mkdir(parents=True)
        _write_whole(file, json.dumps({"basis": basis, "plan": plan}, ensure_ascii=False))
        return dict(plan)

    def priced(self) -> set[int]:
        """Numbers of the batches that are priced."""
        return {int(file.stem.removeprefix("batch-")) for file in self._batches()}

    def put(self, number: int, lines: str) -> None:
        """Keep a priced batch, whole or not at all."""
        _write_whole(self.folder / f"batch-{number:06d}.jsonl", lines)

    def products(self, total: int) -> Iterator[dict[str, Any]]:
        """What every batch says of every product, in order of (outlet, SKU): `{"entry": ...}` or
        `{"unpriced": ...}`. A product's key and place stay in memory, and one product.

        Raises ReportError, before the first, where they are not as many as the shop has.
        """
        files = self._batches()
        places: list[tuple[str, str, int, int]] = []
        for number, path in enumerate(files):
            with path.open("rb") as file:
                place = 0
                for line in file:
                    store, sku = json.loads(line[: line.index(b"\t")])
                    places.append((store, sku, number, place))
                    place += len(line)
        places.sort()
        _require_each_once(places)
        if len(places) != total:
            raise ReportError(
                f"{total - len(places)} of {total} products are missing in {self.folder}, which keeps the "
                "prices. Delete it, and run the same command again."
            )
        open_number, opened = -1, None
        try:
            for _, _, number, place in places:
                if number != open_number:
                    if opened is not None:
                        opened.close()
                    open_number, opened = number, files[number].open("rb")
                assert opened is not None
                opened.seek(place)
                line = opened.readline()
                yield json.loads(line[line.index(b"\t") + 1 :])
        finally:
            if opened is not None:
                opened.close()

    def printing(self) -> Path:
        """The folder to print into, with nothing in it of a run that was killed."""
        (self.folder / PLACE).unlink(missing_ok=True)
        shutil.rmtree(self.folder / PRINTED, ignore_errors=True)
        (self.folder / PRINTED).mkdir()
        return self.folder / PRINTED

    def move(self, place: Path, files: Sequence[str], asked: Mapping[str, Any]) -> None:
        """Put what is printed in its place. `asked` tells it from what another command would print."""
        said = {"folder": place.name, "files": files, "asked": asked}
        _write_whole(self.folder / PLACE, json.dumps(said))
        (self.folder / PRINTED).replace(place)

    def moved(self, out: Path, asked: Mapping[str, Any]) -> tuple[Path, tuple[str, ...]] | None:
        """The folder in `out` that a run moved before it was killed, and its files; None where none did."""
        try:
            said = json.loads((self.folder / PLACE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        place = out / str(said["folder"])
        if said["asked"] != asked or (self.folder / PRINTED).exists() or not place.is_dir():
            return None
        return place, tuple(said["files"])

    def remove(self) -> None:
        """Leave nothing of it, nor of the folder around it where no other shop's is there."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        with suppress(OSError):
            self.folder.parent.rmdir()

    def _batches(self) -> list[Path]:
        return sorted(self.folder.glob("batch-*.jsonl"))


class Entries:
    """The entries of a report, read anew from disk by whoever goes through them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Entry]:
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                yield Entry.from_dict(json.loads(line))


class Left:
    """The products that could not be priced, read anew from disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Unpriced]:
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                yield Unpriced(**json.loads(line))


def _write_whole(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def _require_each_once(places: list[tuple[str, str, int, int]]) -> None:
    for one, other in pairwise(places):
        if one[:2] == other[:2]:
            raise AssertionError(f"Two batches priced {one[:2]}: {one[2]} and {other[2]}.")
