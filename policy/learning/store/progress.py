"""What a fine-tuning tells whoever waits for it, and how it is stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["read", "search", "fit", "reinforce", "test"]
"""Reading the history; searching learning rate and rank; likelihood; PPO in the store's markets; the gate."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a fine-tuning is."""

    stage: Stage
    done: float
    """Share of the whole run, from 0 to 1."""
    seconds_left: float | None
    """None while there is too little to go by."""


class FineTuningStopped(Exception):
    """The fine-tuning was asked to stop and wrote its checkpoint: the same call goes on from there."""
