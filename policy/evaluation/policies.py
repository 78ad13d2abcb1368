"""Our policies and the oracle in simulation, behind the interface that every baseline has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy.decision.choice import best_price
from policy.evaluation.interface import Setting
from policy.market import Observation, Simulator
from policy.market.logged import trajectory_of
from policy.market.simulator import Outcome
from policy.market.trajectory import Trajectory
from policy.model.inference import infer
from policy.model.posterior import Posterior
from policy.model.transformer import GRID, PolicyModel


class InContextPolicy:
    """Our policy: the transformer reads the history so far; the best price under its posterior is charged."""

    def __init__(self, model: PolicyModel):
        self._model = model

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._observations: list[Observation] = []
        self._outcomes: list[Outcome] = []
        self._start = markets.reference_price

    def act(self, observation: Observation) -> NDArray:
        posterior, _ = self._read(observation)
        return best_price(
            posterior,
            unit_cost=observation.unit_cost,
            stock=observation.stock,
            low=observation.price_low,
            high=observation.price_high,
        )

    def _read(self, observation: Observation) -> tuple[Posterior, NDArray]:
        """Posterior and price head's probabilities (B, G) for the coming period."""
        unknown = np.full(len(observation.last_price), np.nan)
        ahead = Outcome(observation.last_price, *[unknown] * 5)
        history: Trajectory = trajectory_of([*self._observations, observation], [*self._outcomes, ahead])
        return infer(self._model, history, start_price=self._start)

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        self._observations.append(observation)
        self._outcomes.append(outcome)


class PriceHeadPolicy(InContextPolicy):
    """The same network by its price head alone: charges the mean, in logs, of the distribution over best
    prices (Lee et al. 2023, arXiv 2306.14892)."""

    def act(self, observation: Observation) -> NDArray:
        posterior, chance = self._read(observation)
        price = np.exp(posterior.log_price + chance @ GRID.double().numpy())
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
