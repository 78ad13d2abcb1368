"""A shop's price reports in the app: made by a process of their own, and kept in the shop's folder.

The process is `pricing-assistant report` on the shop itself. A stopped run goes on where it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.background import COMMAND, Background, Event
from assistant.report.progress import FORMATS, Format, Stage
from assistant.wording import LANGUAGES, Language

if TYPE_CHECKING:
    from assistant.store import Store

FOLDER = "reports"
"""In the shop's folder."""
SPAN: Mapping[Stage, tuple[float, float]] = {
    "plan": (0.0, 0.03),
    "price": (0.03, 0.75),
    "record": (0.75, 0.8),
    "write": (0.8, 1.0),
}
"""From where to where each stage fills the bar, of 1: about its share of the time."""
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:-(\d+))?")


@dataclass(frozen=True, kw_only=True)
class Filed:
    """A report that was made."""

    folder: Path
    date: str
    """First day of the period that it prices, ISO 8601."""
    files: Mapping[Format, Path]
    """What it was printed as, in one language; of CSV the table of actions."""


class Reporting(Background):
    """The reports of one shop: at most one is being made at a time."""

    NAME = "report"

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.folder = store.home / FOLDER
        self._store = store

    def latest(self, language: Language) -> Filed | None:
        """The report made last, in this language where it was made in it; None before the first."""
        if not self.folder.is_dir():
            return None
        found = [(match, it) for it in self.folder.iterdir() if (match := _NAME.fullmatch(it.name))]
        for match, folder in sorted(found, key=lambda it: (it[0][1], int(it[0][2] or 1)), reverse=True):
            # One that was made in several has a folder for each.
            for edition in (folder / language, folder, *(folder / it for it in LANGUAGES)):
                paths = {form: _file(edition, form) for form in FORMATS}
                files = {form: path for form, path in paths.items() if path.is_file()}
                if "json" in files:
                    return Filed(folder=folder, date=match[1], files=files)
        return None

    def _prepared(self, folder: Path, language: Language) -> list[str]:
        # A database elsewhere is named by the surroundings, which the process has too.
        here = Path(self._store.place).resolve().parent == self._store.home.resolve()
        place = ["--data-dir", str(self._store.home)] if here else []
        out = ["--out", str(self.folder), "--language", language, "--events"]
        return [*COMMAND, self.NAME, *place, *out]

    def _heard(self, event: Event) -> bool:
        return bool(event["event"] == "report")

    def _share(self, event: Event) -> float:
        begin, end = SPAN[event["stage"]]
        return begin + (end - begin) * (event["done"] / event["total"] if event["total"] else 1.0)


def _file(folder: Path, form: Format) -> Path:
    return folder / "csv" / "actions.csv" if form == "csv" else folder / f"report.{form}"
