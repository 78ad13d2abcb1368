"""Baselines that learn a linear demand curve by ridge least squares, one fit a market.

Units are regressed on z = (x, x p), x the covariates of the period (1 without them) and p its price, so
that demand is a + b p with a = alpha . x and b = beta . x, and the best price at unit cost c is
(c - a / b) / 2. Penalty 0.1, as in the code of Wang et al. 2024 (arXiv 2405.14219).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policy.market.setting import Setting
from policy.market.simulator import Observation, Outcome

TUNED_SLOPE = -0.5
"""Slope guard in relative units: results/tuning.csv."""


@dataclass(frozen=True, kw_only=True)
class LinearModel:
    """How a linear baseline sees its market."""

    ridge: float = 0.1
    """Penalty on each coefficient, above 0."""
    slope_limit: float | None = TUNED_SLOPE
    """The slope b is taken as at most this, below 0; None leaves its sign free."""
    normalise: bool = True
    """Divide units by their running mean, so that one penalty fits all markets. Prices are always in
    reference prices."""
    first_prices: tuple[float, ...] = (1.0, 0.9)
    """Test prices that open a trial without history, in reference prices. Without them the first price is
    the best one for `START`."""

    def __post_init__(self) -> None:
        if not self.ridge > 0:
            raise ValueError(f"`ridge` must be above 0, got {self.ridge!r}.")
        if self.slope_limit is not None and not self.slope_limit < 0:
            raise ValueError(f"`slope_limit` must be below 0, got {self.slope_limit!r}.")


PUBLISHED = LinearModel(slope_limit=None, normalise=False, first_prices=())
"""As in the code of arXiv 2405.14219: no scaling, no guard, no test prices."""

START = (0.1, -0.1)
"""Coefficients of every intercept and every slope before any data, there."""


class LinearDemand:
    """B ridge regressions from sufficient statistics; subclasses say how to price on them."""

    tuned = LinearModel()
    """The model where none is given, the best for this policy in results/tuning.csv."""

    def __init__(self, model: LinearModel | None = None):
        self.model = model or self.tuned

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._rng = rng
        self._reference = markets.reference_price
        self._horizon = markets.horizon
        self._low = markets.price_low / markets.reference_price
        self._high = markets.price_high / markets.reference_price
        self._periods = 0
        b = len(markets)
        self._gram = np.zeros((b, 0, 0))
        self._moment = np.zeros((b, 0))
        self._squares, self._units = np.zeros(b), np.zeros(b)

    def act(self, observation: Observation) -> NDArray:
        if self._periods < len(self.model.first_prices):
            price = np.full(len(self._low), self.model.first_prices[self._periods])
        else:
            price = self._choose(observation)
        return np.clip(price * self._reference, observation.price_low, observation.price_high)

    def _choose(self, observation: Observation) -> NDArray:
        """Prices in reference prices, shape (B,), before the allowed range."""
        raise NotImplementedError

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        self._learn(observation, outcome)
        self._periods += 1

    def _learn(self, observation: Observation, outcome: Outcome) -> None:
        """Add one period to the regressions."""
        x = covariates_of(observation)
        z = np.concatenate([x, x * (outcome.price / self._reference)[:, None]], axis=1)  # (B, 2d)
        if not self._gram.shape[1]:
            b, k = z.shape
            self._gram, self._moment = np.zeros((b, k, k)), np.zeros((b, k))
        self._gram += z[:, :, None] * z[:, None, :]
        self._moment += z * outcome.units[:, None]
        self._squares += outcome.units**2
        self._units += outcome.units

    def _scale(self) -> NDArray:
        """What units are divided by, shape (B,)."""
        if not self.model.normalise:
            return np.ones_like(self._units)
        return np.maximum(self._units / max(self._periods, 1), 0.1)

    def _fit(self, observation: Observation) -> tuple[NDArray, NDArray]:
        """Coefficients (B, 2d) and the inverse penalised Gram matrix (B, 2d, 2d)."""
        d = covariates_of(observation).shape[1]
        if not self._gram.shape[1]:
            theta = np.tile(np.repeat(START, d), (len(self._low), 1))
            return theta, np.broadcast_to(np.eye(2 * d) / self.model.ridge, (len(theta), 2 * d, 2 * d))
        inverse = np.linalg.inv(self._gram + self.model.ridge * np.eye(2 * d))
        return np.einsum("bij,bj->bi", inverse, self._moment) / self._scale()[:, None], inverse

    def _noise_variance(self, theta: NDArray) -> NDArray:
        """Residual variance of scaled units, shape (B,)."""
        scale = self._scale()
        squares = (
            self._squares / scale**2
            - 2 * (theta * self._moment).sum(axis=1) / scale
            + np.einsum("bi,bij,bj->b", theta, self._gram, theta)
        )
        freedom = max(self._periods - theta.shape[1], 1)
        return np.maximum(squares / freedom, 1e-4)

    def _line(self, theta: NDArray, observation: Observation) -> tuple[NDArray, NDArray]:
        """Intercept and slope of demand in the coming period, each of shape (B,)."""
        x = covariates_of(observation)
        d = x.shape[1]
        return (theta[:, :d] * x).sum(axis=1), (theta[:, d:] * x).sum(axis=1)

    def _best(self, intercept: NDArray, slope: NDArray, observation: Observation) -> NDArray:
        """Best price for demand a + b p, in reference prices, within the allowed range, shape (B,)."""
        if self.model.slope_limit is not None:
            slope = np.minimum(slope, self.model.slope_limit)
        price = (observation.unit_cost / self._reference - intercept / slope) / 2
        if self.model.normalise:
            # No demand at any price is no estimate: wait for a better one where we are.
            price = np.where(intercept > 0, price, observation.last_price / self._reference)
        return np.clip(price, self._low, self._high)


class ILSE(LinearDemand):
    """Iterated least squares, or certainty equivalence: always the best price for the estimate, the greedy
    benchmark of Keskin and Zeevi 2014. Guarded by default; `ILSE(PUBLISHED)` is not."""

    tuned = LinearModel(slope_limit=-0.05, first_prices=(1.3, 0.7))

    def _choose(self, observation: Observation) -> NDArray:
        return self._best(*self._line(self._fit(observation)[0], observation), observation)


TUNED_SCALE = 0.3
"""Exploration scale of Thompson sampling: results/tuning.csv."""


class LinearThompson(LinearDemand):
    """Thompson sampling: the best price for a draw from the posterior of the linear model, whose covariance
    is the residual variance times the inverse Gram matrix, times `scale` squared."""

    tuned = LinearModel(first_prices=(1.3, 0.7))

    def __init__(self, scale: float = TUNED_SCALE, model: LinearModel | None = None):
        super().__init__(model)
        self._exploration = scale

    def _choose(self, observation: Observation) -> NDArray:
        theta, inverse = self._fit(observation)
        x = covariates_of(observation)
        b, d = x.shape
        rows = np.zeros((b, 2, 2 * d))
        rows[:, 0, :d] = rows[:, 1, d:] = x
        # Only the line at this period's covariates matters: its covariance is 2 by 2.
        root = np.linalg.cholesky(rows @ inverse @ rows.transpose(0, 2, 1))
        noise = np.einsum("bij,bj->bi", root, self._rng.normal(size=(b, 2)))
        noise *= (self._exploration * self._spread(theta, d))[:, None]
        intercept, slope = self._line(theta, observation)
        return self._best(intercept + noise[:, 0], slope + noise[:, 1], observation)

    def _spread(self, theta: NDArray, d: int) -> NDArray:
        """Standard deviation of the noise in units that the posterior assumes, shape (B,)."""
        return np.sqrt(self._noise_variance(theta))


class InflatedThompson(LinearThompson):
    """Thompson sampling as published with arXiv 2405.14219: not the residual variance but
    sqrt(d log T) scales the posterior."""

    def _spread(self, theta: NDArray, d: int) -> NDArray:
        return np.full(len(theta), np.sqrt(d * np.log(self._horizon)))


def covariates_of(observation: Observation) -> NDArray:
    """Covariates of the period, shape (B, d); ones where it has none."""
    if observation.covariates is None:
        return np.ones((len(observation.last_price), 1))
    return observation.covariates
