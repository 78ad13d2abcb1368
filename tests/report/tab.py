"""What the tests of the app's report tab share: a page as far as the tab looks at it, a run waited for."""

from __future__ import annotations

import time
from collections.abc import Callable

from assistant.background import Run
from assistant.desk import Desk
from assistant.page import Changes
from assistant.reporting import Reporting
from assistant.session import Visit
from assistant.verdicts import Waiting
from assistant.wording import Language


class Guest:
    """A page about a shop, as far as the tab looks at it."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.store = desk, desk.store
        self.reporting = Reporting(desk.store)
        self.report: object = None
        self.waiting: Waiting | None = None

    def situation(self, language: Language) -> str:
        return "the small shop"


def wait(visit: Visit, until: Callable[[Run], bool]) -> Run:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run = visit.reporting.run
        if run is not None and until(run):
            return run
        time.sleep(0.01)
    raise AssertionError(f"waited in vain: {visit.reporting.run}")


def ended(run: Run) -> bool:
    return not run.going


def visible(changes: Changes) -> set[str]:
    return {name for name, properties in changes.items() if properties.get("visible")}
