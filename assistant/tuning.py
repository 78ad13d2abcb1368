"""A shop's fine-tuning as a process of its own, so that answers go on meanwhile; nothing here loads torch.

The process is `pricing-assistant fine-tune` on a copy of the shop's sales, read line by line. It can be
stopped and goes on from its checkpoint, and it ends with the app.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from assistant.store.database import StoreError
from assistant.wording import Language
from policy.model.shelf import Shelf, Version

if TYPE_CHECKING:
    from assistant.store import Store

COMMAND = (sys.executable, "-m", "assistant.cli")
"""What is started; the arguments of `fine-tune` follow."""
ACTOR = "merchant"
"""Who changes the shelf, in the store's records."""
STOPPED = (130, -signal.SIGINT)
"""Exit statuses of a process that stopped when asked: with a checkpoint, or before there was one."""
PROGRAM = "pricing-assistant: "
"""What an error on stderr begins with."""
PATIENCE = 5.0
"""Seconds in which a process may write its checkpoint when the app ends."""

Status = Literal["running", "stopping", "stopped", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a run is doing."""

    status: Status
    stage: str | None = None
    """As `policy.learning.store.progress.Stage`; None before the first."""
    done: float = 0.0
    """Share of the whole, from 0 to 1."""
    seconds_left: float | None = None
    error: str = ""
    """What to tell the merchant where it failed."""

    @property
    def going(self) -> bool:
        return self.status in ("running", "stopping")


class Tuning:
    """The fine-tuning of one shop: at most one run at a time, and the versions on its shelf.

    Safe to use from several threads; every page that looks at the shop sees the same run.
    """

    def __init__(self, store: Store) -> None:
        self.shelf = Shelf(store.adapters)
        self._store = store
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._closed = False

    @property
    def run(self) -> Run | None:
        """The run that goes on or was the last; None where the app has seen none."""
        with self._lock:
            return self._run

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

    def start(self, language: Language) -> bool:
        """Start learning, or go on where a run was stopped; False where one goes on already.

        `language` is of the error's words, should there be one.
        """
        with self._lock:
            if self._closed or (self._run is not None and self._run.going):
                return False
            self._run = Run(status="running")
        folder = Path(tempfile.mkdtemp(prefix="pricing-assistant-"))
        try:
            sales = folder / "sales.parquet"
            self._store.history().to_parquet(sales, index=False)
            self._begin(sales, language)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            with self._lock:
                self._run = Run(status="failed", error=str(error))
            if not isinstance(error, OSError | StoreError):
                raise
        return True

    def _begin(self, sales: Path, language: Language) -> None:
        """Start the process on a copy of the sales, and a thread that reads what it says."""
        out = ["--out", str(self.shelf.root), "--language", language, "--json"]
        errors = (sales.parent / "errors.txt").open("w+", encoding="utf-8")
        with self._lock:
            if self._closed:  # while the sales were being written
                errors.close()
                raise StoreError("The app has ended.")
            self._process = subprocess.Popen(
                [*COMMAND, "fine-tune", str(sales), *out],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                errors="replace",  # a library may print anything
                start_new_session=True,  # Ctrl+C in the app's terminal reaches it once, through `close`
            )
            self._reader = threading.Thread(
                target=self._follow, args=(self._process, errors, sales.parent), name="fine-tune", daemon=True
            )
            self._reader.start()

    def stop(self) -> None:
        """Ask the run to write its checkpoint and end; without effect where none goes on."""
        with self._lock:
            if self._process is not None and self._run is not None and self._run.status == "running":
                self._run = replace(self._run, status="stopping")
                self._process.send_signal(signal.SIGINT)

    def close(self, *, keep: bool = True) -> None:
        """End the run for good; with `keep` it may write its checkpoint first, if that does not take long."""
        if keep:
            self.stop()
        with self._lock:
            self._closed = True
            process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        try:
            process.wait(PATIENCE if keep else 0.0)
        except subprocess.TimeoutExpired:
            process.kill()
        reader.join()

    def _follow(self, process: subprocess.Popen[str], errors: IO[str], folder: Path) -> None:
        """Read the process's lines until it ends, then what became of it."""
        reported = False
        lines = process.stdout
        assert lines is not None
        try:
            for line in lines:
                event = _event(line)
                if event.get("event") == "report":
                    reported = True
                    if event["promoted"]:
                        self._note("promoted", self.shelf.version(event["version"]))
                if event.get("event") == "progress":
                    with self._lock:
                        assert self._run is not None
                        self._run = replace(
                            self._run,
                            stage=event["stage"],
                            done=event["done"],
                            seconds_left=event["seconds_left"],
                        )
        finally:
            code = process.wait()
            lines.close()
            errors.seek(0)
            said = errors.read()
            errors.close()
            shutil.rmtree(folder, ignore_errors=True)
            with self._lock:
                assert self._run is not None
                if code == 0 and reported:
                    self._run = replace(self._run, status="done", done=1.0, seconds_left=0.0)
                elif code in STOPPED:
                    self._run = replace(self._run, status="stopped", seconds_left=None)
                else:
                    self._run = replace(self._run, status="failed", error=_complaint(said, code))


def _event(line: str) -> dict[str, Any]:
    """What a line of the process tells; nothing where a library printed it."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _complaint(said: str, code: int) -> str:
    """The error that a process ended with, from what it wrote to stderr."""
    place = said.rfind(PROGRAM)
    if place >= 0:
        return said[place + len(PROGRAM) :].strip()
    return f"fine-tune: exit {code}\n{said.strip()[-500:]}"
