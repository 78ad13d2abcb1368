"""What a run of the report tells whoever waits for it: how far it is, what came of it, why it cannot be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from assistant.store import Store

Stage = Literal["plan", "price", "record", "write"]
Format = Literal["html", "xlsx", "csv", "pdf", "json"]
FORMATS: tuple[Format, ...] = ("html", "xlsx", "csv", "pdf", "json")


class ReportError(ValueError):
    """No report can be made; the message says why and what to do."""


class AlreadyRunning(ReportError):
    """Another run makes a report of this shop."""


class Stopped(Exception):
    """Whoever waits said stop. What is priced is kept, and the same call goes on from there."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a report is."""

    stage: Stage
    done: int
    total: int
    """Products, or files in the stage `write`."""
    seconds_left: float | None
    """Of this stage; None while there is too little to go by."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What came of a run."""

    folder: Path | None
    """None where nothing has changed since the last report, and only changes were asked for."""
    files: tuple[str, ...]
    """Names in the folder."""
    products: int
    abstained: int
    """Those that were looked at, and no price can be suggested for; the report says why."""
    unpriced: int
    """Those that could not even be looked at."""
    unchanged: int
    """Those of which the last report said the same."""
    silent: int
    """Of these, those without sales on record of the shop's newest periods: nothing new is known of them."""
    gone: int
    """Those of the last report that this one cannot speak of: not readable any more, or not in the shop."""
    set_aside: int
    """Rows of the files imported since the last report that could not be read."""
    made_at: str
    last_report: str | None
    resumed: int
    """Products that an earlier, unfinished run had priced."""
    seconds: Mapping[str, float]
    """Spent in each stage."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self) | {
            "folder": self.folder and str(self.folder),
            "files": list(self.files),
            "seconds": {stage: round(spent, 2) for stage, spent in self.seconds.items()},
        }


@dataclass(kw_only=True)
class Clock:
    """Tells how far a stage is, and how long each took."""

    told: Callable[[Progress], None] | None
    stop: Callable[[], bool] | None
    seconds: dict[str, float] = field(default_factory=dict)

    def spent(self, part: str, began: float) -> None:
        """A part of a stage took from `began` (`time.monotonic`) until now; parts of one name add up."""
        self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - began

    @contextmanager
    def stage(self, stage: Stage, total: int, *, before: int = 0) -> Iterator[Callable[[int], None]]:
        """Yields what is to be called with the count done so far; it raises `Stopped` where that was said."""
        began = time.monotonic()

        def reached(done: int) -> None:
            if self.stop is not None and self.stop():
                raise Stopped
            if self.told is not None:
                fresh, spent = done - before, time.monotonic() - began
                left = spent / fresh * (total - done) if fresh > 0 else None
                self.told(Progress(stage=stage, done=done, total=total, seconds_left=left))

        reached(before)
        try:
            yield reached
        finally:
            self.seconds[stage] = time.monotonic() - began


@contextmanager
def only_run(store: Store) -> Iterator[None]:
    """Keep every other report of this shop waiting, on this machine.

    Raises
    ------
    AlreadyRunning
        Another run makes one.
    ReportError
        The shop's folder cannot be written to.
    """
    lock = FileLock(store.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise AlreadyRunning(
            f"Another run makes a report of the shop in {store.place}. Wait for it, or stop it first."
        ) from None
    except OSError as error:
        raise ReportError(
            f"The shop's folder {store.lock.parent} cannot be written to ({error.strerror}). "
            "Check its permissions, or name another folder with --data-dir."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def written_to(out: Path) -> Iterator[None]:
    """Turns a folder that cannot be written to, or is full, into one clear line."""
    try:
        yield
    except OSError as error:
        raise ReportError(
            f"The report cannot be written to {out} ({error.strerror or error}). Free some space, check the "
            "folder's permissions, or name another with --out; what is priced is kept where it could be."
        ) from error
