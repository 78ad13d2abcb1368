"""Rules that learn nothing: what most shops do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy.market.setting import Setting
from policy.market.simulator import Observation, Outcome


class KeepPrice:
    """Charges the last price for ever."""

    def reset(self, markets: Setting, rng: np.random.Generator) -> None: ...

    def act(self, observation: Observation) -> NDArray:
        return np.clip(observation.last_price, observation.price_low, observation.price_high)

    def observe(self, observation: Observation, outcome: Outcome) -> None: ...


class CostPlus:
    """Charges cost times the mark-up at which the trial began: the mark-up of the product's category."""

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._markup: NDArray | None = None

    def act(self, observation: Observation) -> NDArray:
        if self._markup is None:
            self._markup = observation.last_price / observation.unit_cost
        return np.clip(self._markup * observation.unit_cost, observation.price_low, observation.price_high)

    def observe(self, observation: Observation, outcome: Outcome) -> None: ...


class MatchCompetitor:
    """Charges the competitor's price, never below cost; keeps the last price where there is none."""

    def reset(self, markets: Setting, rng: np.random.Generator) -> None: ...

    def act(self, observation: Observation) -> NDArray:
        rival = np.maximum(observation.competitor_price, observation.unit_cost)
        price = np.where(np.isnan(observation.competitor_price), observation.last_price, rival)
        return np.clip(price, observation.price_low, observation.price_high)

    def observe(self, observation: Observation, outcome: Outcome) -> None: ...
