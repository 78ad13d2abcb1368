"""Pricing policies in simulation: ours and the baselines, behind one interface, vectorised over markets."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policy.decision.choice import best_price
from policy.market import Markets, Observation, Simulator
from policy.market.logged import trajectory_of
from policy.market.simulator import Outcome
from policy.market.trajectory import Trajectory
from policy.model.inference import infer
from policy.model.posterior import Posterior
from policy.model.transformer import GRID, PolicyModel


class PricingPolicy(Protocol):
    """What every policy and baseline offers. B markets are priced together, one period at a time."""

    def reset(self, markets: Markets, rng: np.random.Generator) -> None:
        """Begin a trial on B markets. Hidden demand may be read by oracles only."""

    def act(self, observation: Observation) -> NDArray:
        """Prices for the coming period, currency, shape (B,), within the allowed range."""

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        """Take in what came of them (also called with the logged history that precedes a trial)."""


class InContextPolicy:
    """Our policy: the transformer reads the history so far; the best price under its posterior is charged."""

    def __init__(self, model: PolicyModel):
        self._model = model

    def reset(self, markets: Markets, rng: np.random.Generator) -> None:
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


class KeepPrice:
    """Charges the last price for ever."""

    def reset(self, markets: Markets, rng: np.random.Generator) -> None: ...

    def act(self, observation: Observation) -> NDArray:
        return np.clip(observation.last_price, observation.price_low, observation.price_high)

    def observe(self, observation: Observation, outcome: Outcome) -> None: ...


class CostPlus:
    """Charges cost times the mark-up at which the trial began."""

    def reset(self, markets: Markets, rng: np.random.Generator) -> None:
        self._ratio: NDArray | None = None

    def act(self, observation: Observation) -> NDArray:
        if self._ratio is None:
            self._ratio = observation.last_price / observation.unit_cost
        return np.clip(self._ratio * observation.unit_cost, observation.price_low, observation.price_high)

    def observe(self, observation: Observation, outcome: Outcome) -> None: ...


class Oracle:
    """Knows the market: charges the price with the highest expected profit of the period."""

    def __init__(self, simulator: Simulator):
        self._simulator = simulator

    def reset(self, markets: Markets, rng: np.random.Generator) -> None: ...

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


TUNED_SLOPE, TUNED_SCALE = -0.5, 0.3
"""Slope guard of the linear baselines and exploration scale of Thompson sampling: the best of {-0.05, -0.2,
-0.5, -1, -2} and {0.05, 0.1, 0.3, 1} on 1,000 markets from the training prior, both settings together."""


class _LinearDemand:
    """Ridge least squares of units on (1, x) with x = price / reference price, in units of the running mean
    of units, so that one penalty fits all markets."""

    ridge = 0.1

    def reset(self, markets: Markets, rng: np.random.Generator) -> None:
        b = len(markets)
        self._rng = rng
        self._reference = markets.reference_price
        self._x: list[NDArray] = []
        self._units: list[NDArray] = []
        self._count = 0
        self._b = b

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        self._x.append(outcome.price / self._reference)
        self._units.append(outcome.units)

    def _fit(self) -> tuple[NDArray, NDArray, NDArray]:
        """Estimate (B, 2), its unscaled covariance (B, 2, 2) and the residual variance (B,), with units
        divided by their mean."""
        x, units = np.stack(self._x, axis=1), np.stack(self._units, axis=1)  # (B, t)
        y = units / np.maximum(units.mean(axis=1, keepdims=True), 0.1)
        z = np.stack([np.ones_like(x), x], axis=2)  # (B, t, 2)
        gram = np.einsum("bti,btj->bij", z, z) + self.ridge * np.eye(2)
        inverse = np.linalg.inv(gram)
        theta = np.einsum("bij,btj,bt->bi", inverse, z, y)
        residual = y - np.einsum("bti,bi->bt", z, theta)
        freedom = np.maximum(x.shape[1] - 2, 1)
        return theta, inverse, np.maximum((residual**2).sum(axis=1) / freedom, 1e-4)

    def _price(self, theta: NDArray, observation: Observation, slope_limit: float) -> NDArray:
        """Best price (cost + choke) / 2 for demand a + b x, b at most `slope_limit`, shape (B,)."""
        slope = np.minimum(theta[:, 1], slope_limit)
        cost = observation.unit_cost / self._reference
        x = np.where(
            theta[:, 0] > 0, (cost - theta[:, 0] / slope) / 2, observation.last_price / self._reference
        )
        return np.clip(x * self._reference, observation.price_low, observation.price_high)


class GuardedILSE(_LinearDemand):
    """Iterated least squares (certainty equivalence) with the slope kept negative, after two test prices
    where there is no history (Keskin and Zeevi 2014, the greedy benchmark)."""

    def __init__(self, slope_limit: float = TUNED_SLOPE):
        self._slope_limit = slope_limit

    def act(self, observation: Observation) -> NDArray:
        if len(self._x) < 2:
            step = 1.0 if not self._x else 0.9
            price = self._reference * step
            return np.clip(price, observation.price_low, observation.price_high)
        theta, _, _ = self._fit()
        return self._price(theta, observation, self._slope_limit)


class LinearThompson(_LinearDemand):
    """Thompson sampling on linear demand: prices optimally for a draw from the variance-scaled posterior."""

    def __init__(self, scale: float = TUNED_SCALE, slope_limit: float = TUNED_SLOPE):
        self._scale = scale
        self._slope_limit = slope_limit

    def act(self, observation: Observation) -> NDArray:
        if len(self._x) < 2:
            step = 1.0 if not self._x else 0.9
            return np.clip(self._reference * step, observation.price_low, observation.price_high)
        theta, inverse, variance = self._fit()
        root = np.linalg.cholesky(inverse)
        noise = np.einsum("bij,bj->bi", root, self._rng.normal(size=theta.shape))
        return self._price(
            theta + self._scale * np.sqrt(variance)[:, None] * noise, observation, self._slope_limit
        )
