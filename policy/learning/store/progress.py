"""What a fine-tuning tells whoever waits for it, and how it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["teach", "read", "search", "fit", "reinforce", "test"]
"""Teaching a backbone on simulated markets, where one is given; reading the history; searching learning rate
and rank; the likelihood of the store's sales; PPO in its markets; the test."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a fine-tuning is."""

    stage: Stage
    done: float
    """Share of the whole run, from 0 to 1."""
    seconds_left: float | None
    """None while there is too little to go by."""
    resumed: bool = False
    """Whether it went on from a checkpoint."""


ITERATION, TEST = 3.0, 90.0
"""Work of an iteration of reinforcement and of the test, in steps of fitting: about what they take."""

SOON = 0.02
"""Share of the work before which no time is foretold."""


class Clock:
    """How much of a run is done, and how long the rest will take."""

    def __init__(self, notify: Callable[[Progress], None], *, total: float):
        self._notify, self._total = notify, total
        self._began, self._before = time.monotonic(), 0.0
        self._stage: Stage = "read"
        self.work = 0.0
        """Done so far, in steps of fitting."""
        self._given = 0.0
        """Work that took this process no time: a checkpoint's, and what was not needed."""
        self._resumed = False

    @property
    def spent(self) -> float:
        """Seconds that the run has taken, stops not counted."""
        return self._before + time.monotonic() - self._began

    def resume(self, seconds: float, work: float) -> None:
        """Go on from a checkpoint."""
        self._before, self.work, self._given = seconds, work, work
        self._resumed = True

    def enter(self, stage: Stage) -> None:
        """A stage begins."""
        self._stage = stage
        self._tell()

    def advance(self, work: float) -> None:
        """Some work is done."""
        self.work += work
        self._tell()

    def move_to(self, work: float) -> None:
        """What lay in between was not needed; a run that is further already stays where it is."""
        work = max(work, self.work)
        self._given += work - self.work  # it took no time, so it says nothing of the pace
        self.work = work
        self._tell()

    def _tell(self) -> None:
        done = min(self.work / self._total, 1.0)
        here = self.work - self._given
        left = None
        if here > SOON * self._total:
            left = (time.monotonic() - self._began) / here * max(self._total - self.work, 0.0)
        told = Progress(stage=self._stage, done=done, seconds_left=left, resumed=self._resumed)
        self._notify(told)


class FineTuningStopped(Exception):
    """The fine-tuning was asked to stop and wrote its checkpoint: the same call goes on from there."""
