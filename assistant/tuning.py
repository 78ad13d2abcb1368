"""A shop's fine-tuning as a process of its own, and the versions on its shelf; nothing here loads torch.

The process is `pricing-assistant fine-tune` on a copy of the shop's sales. It can be stopped and goes on from
its checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assistant.background import COMMAND, Background, Event
from assistant.wording import Language
from policy.model.shelf import Shelf, Version

if TYPE_CHECKING:
    from assistant.store import Store

ACTOR = "merchant"
"""Who changes the shelf, in the store's records."""


class Tuning(Background):
    """The fine-tuning of one shop: at most one run at a time, and the versions on its shelf."""

    NAME = "fine-tune"

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.shelf = Shelf(store.adapters)
        self._store = store

    @property
    def unfinished(self) -> bool:
        """Whether a stopped run can be taken up again."""
        return self.shelf.unfinished

    @property
    def versions(self) -> list[Version]:
        """What was learned so far, the newest first."""
        return self.shelf.versions()[::-1]

    def promote(self, name: str) -> None:
        """Let a version answer from now on. Raises `AdapterError`."""
        version = self.shelf.promote(name)
        self._note("promoted", version)

    def rollback(self) -> None:
        """Return to what answered before. Raises `AdapterError`."""
        self._note("rolled_back", self.shelf.rollback())

    def _note(self, action: str, version: Version | None) -> None:
        detail = {"version": version and version.name, "adapter": version and version.digest}
        self._store.note(f"adapter_{action}", detail, actor=ACTOR)

    def _prepared(self, folder: Path, language: Language) -> list[str]:
        sales = folder / "sales.parquet"
        self._store.history().to_parquet(sales, index=False)
        out = ["--out", str(self.shelf.root), "--language", language, "--json"]
        return [*COMMAND, self.NAME, str(sales), *out]

    def _heard(self, event: Event) -> bool:
        if event["event"] != "report":
            return False
        if event["promoted"]:
            self._note("promoted", self.shelf.version(event["version"]))
        return True
