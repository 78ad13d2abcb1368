"""Linear-demand baselines that force themselves to vary the price, so that learning cannot stop.

A greedy policy may stop learning when its estimate and its price confirm each other (incomplete learning).
These three cure it by rule.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy.evaluation.baselines.linear import LinearDemand, LinearModel
from policy.market.setting import Setting
from policy.market.simulator import Observation, Outcome

TUNED_KAPPA = 0.3
"""Distance of CILS in relative prices: results/tuning.csv."""
TUNED_SHARE = 0.9
"""CVP's c as a share of its upper bound: results/tuning.csv."""
TUNED_CYCLE = (0.9, 1.1, 1.3)
"""Exploration prices of MLE-CYCLE in relative prices: results/tuning.csv."""


class CILS(LinearDemand):
    """Constrained iterated least squares (Keskin and Zeevi 2014).

    The certainty-equivalent price, unless it lies within kappa t^(-1/4) of the mean of past prices: then
    the price at just that distance, on the same side.
    """

    tuned = LinearModel(slope_limit=-0.05, first_prices=(1.3, 0.7))

    def __init__(self, kappa: float = TUNED_KAPPA, model: LinearModel | None = None):
        if not kappa > 0:
            raise ValueError(f"`kappa` must be above 0, got {kappa!r}.")
        super().__init__(model)
        self._kappa = kappa

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        super().reset(markets, rng)
        self._total = np.zeros(len(markets))

    def _choose(self, observation: Observation) -> NDArray:
        greedy = self._best(*self._line(self._fit(observation)[0], observation), observation)
        if not self._periods:
            return greedy
        mean = self._total / self._periods
        distance = self._kappa * (self._periods + 1) ** -0.25
        side = np.where(greedy >= mean, 1.0, -1.0)
        return np.where(np.abs(greedy - mean) < distance, mean + side * distance, greedy)

    def _learn(self, observation: Observation, outcome: Outcome) -> None:
        super()._learn(observation, outcome)
        self._total += outcome.price / self._reference


class CVP(LinearDemand):
    """Controlled variance pricing (den Boer and Zwart 2014).

    The certainty-equivalent price, if it keeps the variance of all prices at or above c t^(alpha - 1) with
    alpha = 0.55; else the best price outside the taboo interval around their mean. Where the estimate has
    the wrong sign, the farther of the two first prices is charged again.

    Parameters
    ----------
    share
        c over its upper bound 2^(-alpha) (p1 - p2)^2 min(1/2, 1 / (3 alpha)), in (0, 1). With 1/2 in place
        of 1 the two first prices themselves, whose variance is (p1 - p2)^2 / 4, keep to the rule.
    """

    alpha = 0.55
    tuned = LinearModel(first_prices=(1.3, 0.7))

    def __init__(self, share: float = TUNED_SHARE, model: LinearModel | None = None):
        if not 0 < share < 1:
            raise ValueError(f"`share` must be in (0, 1), got {share!r}.")
        super().__init__(model)
        if len(self.model.first_prices) != 2:
            raise ValueError(f"CVP needs two first prices, got {self.model.first_prices!r}.")
        low, high = sorted(self.model.first_prices)
        self.c = share * 2**-self.alpha * (high - low) ** 2 * min(0.5, 1 / (3 * self.alpha))

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        super().reset(markets, rng)
        # Sums of (price - reference price) and its square: prices near 1, so no cancellation.
        self._total, self._total_squares = np.zeros(len(markets)), np.zeros(len(markets))

    def _choose(self, observation: Observation) -> NDArray:
        intercept, slope = self._line(self._fit(observation)[0], observation)
        greedy = self._best(intercept, slope, observation)
        t = self._periods
        offset = self._total / t
        mean = 1 + offset
        spread = np.maximum(self._total_squares - t * offset**2, 0.0)  # t Var(p)_t
        after = (spread + t / (t + 1) * (greedy - mean) ** 2) / (t + 1)  # Var(p)_{t+1}
        radius = np.sqrt(self.c * ((t + 1) ** self.alpha - t**self.alpha) * (t + 1) / t)
        # Estimated profit is a parabola around the greedy price: the nearer end of the interval is the
        # better one, if it may be charged.
        side = np.where(greedy >= mean, 1.0, -1.0)
        reachable = np.abs(np.clip(mean + side * radius, self._low, self._high) - mean) > 0.999 * radius
        outside = mean + np.where(reachable, side, -side) * radius
        price = np.where(after >= self.c * (t + 1) ** (self.alpha - 1), greedy, outside)
        first, second = self.model.first_prices
        replay = np.where(np.abs(first - mean) >= np.abs(second - mean), first, second)
        return np.where((intercept > 0) & (slope < 0), price, replay)

    def _learn(self, observation: Observation, outcome: Outcome) -> None:
        super()._learn(observation, outcome)
        offset = outcome.price / self._reference - 1
        self._total += offset
        self._total_squares += offset**2


class MLECycle(LinearDemand):
    """MLE-CYCLE (Broder and Rusmevichientong 2012).

    Cycle c charges each exploration price once, then for c periods the best price for the estimate from
    exploration alone. A history that precedes the trial counts as exploration.

    Parameters
    ----------
    exploration
        The k exploration prices, in reference prices.
    """

    def __init__(self, exploration: tuple[float, ...] = TUNED_CYCLE, model: LinearModel | None = None):
        if len(exploration) < 2:
            raise ValueError(f"`exploration` must hold at least two prices, got {exploration!r}.")
        super().__init__(model)
        self._exploration = exploration

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        super().reset(markets, rng)
        self._cycle, self._position = 1, 0
        self._exploiting = False

    def act(self, observation: Observation) -> NDArray:
        k = len(self._exploration)
        self._exploiting = self._position >= k
        if self._exploiting:
            price = self._best(*self._line(self._fit(observation)[0], observation), observation)
        else:
            price = np.full(len(self._low), self._exploration[self._position])
        self._position += 1
        if self._position == k + self._cycle:
            self._cycle, self._position = self._cycle + 1, 0
        return np.clip(price * self._reference, observation.price_low, observation.price_high)

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        if not self._exploiting:
            super().observe(observation, outcome)
