"""What a policy and a simulated trial owe each other: one interface for ours and for every baseline."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policy.market.setting import Setting
from policy.market.simulator import Observation, Outcome


class PricingPolicy(Protocol):
    """What every policy and baseline offers. B markets are priced together, one period at a time."""

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        """Begin a trial on B markets."""

    def act(self, observation: Observation) -> NDArray:
        """Prices for the coming period, currency, shape (B,), within the allowed range."""

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        """Take in what came of them (also called with the logged history that precedes a trial)."""
