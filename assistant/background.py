"""One of our commands as a process of its own, so that answers go on meanwhile; nothing here loads torch.

Its lines are JSON events. It can be stopped, and it ends with the app.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, ClassVar, Literal

from assistant.store.database import StoreError
from assistant.wording import Language

COMMAND = (sys.executable, "-m", "assistant.cli")
"""What is started; the name of a command and its arguments follow."""
STOPPED = (130, -signal.SIGINT)
"""Exit statuses of a process that stopped when asked: with a checkpoint, or before there was one."""
PROGRAM = "pricing-assistant: "
"""What an error on stderr begins with."""
PATIENCE = 5.0
"""Seconds in which a process may write its checkpoint when the app ends."""

Status = Literal["running", "stopping", "stopped", "done", "failed"]
Event = Mapping[str, Any]
"""What a process tells in a line; `event` is its kind."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a run is doing."""

    status: Status
    stage: str | None = None
    """As the command calls it; None before the first."""
    done: float = 0.0
    """Share of the whole, from 0 to 1."""
    seconds_left: float | None = None
    error: str = ""
    """What to tell the merchant where it failed."""

    @property
    def going(self) -> bool:
        return self.status in ("running", "stopping")


class Background(ABC):
    """A command about one shop: at most one run at a time, and what became of the last.

    Safe to use from several threads; every page that looks at the shop sees the same run.
    """

    NAME: ClassVar[str]
    """Of the command."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._closed = False

    @abstractmethod
    def _prepared(self, folder: Path, language: Language) -> Sequence[str]:
        """The command line. What the process reads is written into a folder that is deleted once it ends.

        Raises OSError or `StoreError` where that cannot be done: the run has failed then.
        """

    @abstractmethod
    def _heard(self, event: Event) -> bool:
        """Take what the process tells, progress aside; True where it says that it did what it was to do."""

    def _share(self, event: Event) -> float:
        """How much of the whole is done by a `progress`."""
        return float(event["done"])

    @property
    def run(self) -> Run | None:
        """The run that goes on or was the last; None where the app has seen none."""
        with self._lock:
            return self._run

    def start(self, language: Language) -> bool:
        """Start, or go on where a run was stopped; False where one goes on already.

        `language` is of the error's words, should there be one, and of what comes of the run.
        """
        with self._lock:
            if self._closed or (self._run is not None and self._run.going):
                return False
            self._run = Run(status="running")
            self._process = self._reader = None  # the last run's
        folder = Path(tempfile.mkdtemp(prefix="pricing-assistant-"))
        try:
            self._begin(self._prepared(folder, language), folder)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            with self._lock:
                self._run = Run(status="failed", error=str(error))
            if not isinstance(error, OSError | StoreError):
                raise
        return True

    def _begin(self, command: Sequence[str], folder: Path) -> None:
        """Start the process, and a thread that reads what it says."""
        errors = (folder / "errors.txt").open("w+", encoding="utf-8")
        with self._lock:
            if self._closed:  # while the command was being prepared
                errors.close()
                raise StoreError("The app has ended.")
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                errors="replace",  # a library may print anything
                start_new_session=True,  # Ctrl+C in the app's terminal reaches it once, through `close`
            )
            self._reader = threading.Thread(
                target=self._follow, args=(self._process, errors, folder), name=self.NAME, daemon=True
            )
            self._reader.start()
            if self._run is not None and self._run.status == "stopping":  # while it was being prepared
                self._ask_to_end(self._process)

    def stop(self) -> None:
        """Ask the run to write its checkpoint and end; without effect where none goes on."""
        with self._lock:
            if self._run is not None and self._run.status == "running":
                self._run = replace(self._run, status="stopping")
                if self._process is not None:
                    self._ask_to_end(self._process)

    def _ask_to_end(self, process: subprocess.Popen[str]) -> None:
        """With its work kept, once it has begun to tell of any.

        Until then there is nothing to keep, and SIGINT may be lost: a library that is being loaded swallows
        it, and a process whose app was started in the background (`nohup`, `&`) begins by ignoring it.
        """
        begun = self._run is not None and self._run.stage is not None
        process.send_signal(signal.SIGINT if begun else signal.SIGTERM)

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
        did = False
        lines = process.stdout
        assert lines is not None
        try:
            for line in lines:
                event = _event(line)
                if event.get("event") == "progress":
                    done = self._share(event)
                    with self._lock:
                        assert self._run is not None
                        self._run = replace(
                            self._run, stage=event["stage"], done=done, seconds_left=event["seconds_left"]
                        )
                elif "event" in event:
                    did = self._heard(event) or did
        finally:
            code = process.wait()
            lines.close()
            errors.seek(0)
            said = errors.read()
            errors.close()
            shutil.rmtree(folder, ignore_errors=True)
            with self._lock:
                assert self._run is not None
                if code == 0 and did:
                    self._run = replace(self._run, status="done", done=1.0, seconds_left=0.0)
                elif code in STOPPED or (code == -signal.SIGTERM and self._run.status == "stopping"):
                    self._run = replace(self._run, status="stopped", seconds_left=None)
                else:
                    self._run = replace(self._run, status="failed", error=_complaint(said, code, self.NAME))


def _event(line: str) -> Event:
    """What a line of the process tells; nothing where a library printed it."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _complaint(said: str, code: int, name: str) -> str:
    """The error that a process ended with, from what it wrote to stderr."""
    place = said.rfind(PROGRAM)
    if place >= 0:
        return said[place + len(PROGRAM) :].strip()
    return f"{name}: exit {code}\n{said.strip()[-500:]}"
