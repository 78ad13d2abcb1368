"""Our policies and the oracle in simulation, behind the interface that every baseline has."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from policy.decision.choice import best_price
from policy.learning.trials import allowed_prices, masked_log_softmax
from policy.market import Observation, Simulator
from policy.market.setting import Setting
from policy.market.simulator import Outcome
from policy.model.reader import HistoryReader
from policy.model.transformer import GRID, PolicyModel


class InContextPolicy:
    """Our policy: the transformer reads the history so far; the best price under its posterior is charged."""

    def __init__(self, model: PolicyModel):
        self._model = model

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._reader = HistoryReader(self._model, markets.reference_price)

    def act(self, observation: Observation) -> NDArray:
        return best_price(
            self._reader.read(observation).posterior,
            unit_cost=observation.unit_cost,
            stock=observation.stock,
            low=observation.price_low,
            high=observation.price_high,
        )

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        self._reader.observe(observation, outcome)


class PriceHeadPolicy(InContextPolicy):
    """The network by its price head alone: charges the mean, in logs, of the distribution over the prices
    allowed (Lee et al. 2023, arXiv 2306.14892). The reinforcement learners train this head."""

    def act(self, observation: Observation) -> NDArray:
        reading = self._reader.read(observation)
        allowed = allowed_prices(reading.log_price, observation.price_low, observation.price_high)
        chance = masked_log_softmax(reading.price_logits.float(), torch.from_numpy(allowed)).exp()
        price = np.exp(reading.log_price + chance.double().numpy() @ GRID.double().numpy())
        return np.clip(price, observation.price_low, observation.price_high)


class Oracle:
    """Knows the market: charges the price with the highest expected profit of the period."""

    def __init__(self, simulator: Simulator):
        self._simulator = simulator

    def reset(self, markets: Setting, rng: np.random.Generator) -> None: ...

    def act(self, observation: Observation) -> NDArray:
        return best_known_price(self._simulator)

    def observe(self, observation: Observation, outcome: Outcome) -> None: ...


def best_known_price(simulator: Simulator, *, candidates: int = 241) -> NDArray:
    """The allowed price with the highest expected profit in the coming period, shape (B,)."""
    m = simulator.markets
    fraction = np.linspace(0.0, 1.0, candidates)
    prices = np.exp(
        np.log(m.price_low)[:, None] + fraction * (np.log(m.price_high) - np.log(m.price_low))[:, None]
    )
    # The allowed price just above the stock limit may lie between two candidates; the grid's error in
    # profit is of second order everywhere else.
    best = simulator.expected_profit(prices).argmax(axis=1)
    return prices[np.arange(len(m)), best]
