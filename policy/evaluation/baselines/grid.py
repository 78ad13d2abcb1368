"""Bandits on a price grid: each of K prices is an arm, with no shape of demand behind it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from policy.market.setting import Setting
from policy.market.simulator import Observation, Outcome

TUNED_EXPLORATION = 0.1
"""Width of UCB1's confidence bound: results/tuning.csv."""


def grid_size(horizon: int) -> int:
    """Number of prices ceil((T / log T)^(1/4)) that balances the grid's error against the price of trying
    each arm (Kleinberg and Leighton 2003), at least 2."""
    return max(math.ceil((horizon / math.log(max(horizon, 2))) ** 0.25), 2)


class GridBandit:
    """K evenly spaced prices, each in the middle of its share of the allowed range. Every price is tried
    once; then the one with the highest index is charged. Logged prices count for the nearest arm.

    Parameters
    ----------
    prices
        Number of prices K; None for `grid_size` of the horizon.
    """

    def __init__(self, *, prices: int | None = None):
        self._prices = prices

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        k = self._prices or grid_size(markets.horizon)
        share = (np.arange(k) + 0.5) / k
        self.grid = markets.price_low[:, None] + share * (markets.price_high - markets.price_low)[:, None]
        self._count, self._total = np.zeros(self.grid.shape), np.zeros(self.grid.shape)
        self._squares = np.zeros(len(markets))
        self._largest = np.zeros(len(markets))

    def act(self, observation: Observation) -> NDArray:
        index = np.where(self._count > 0, self._index(), np.inf)
        return self.grid[np.arange(len(index)), index.argmax(axis=1)]

    def _index(self) -> NDArray:
        """Index of each price, currency, shape (B, K); untried prices may have any."""
        raise NotImplementedError

    def _mean(self) -> NDArray:
        """Mean profit of each price, currency, shape (B, K)."""
        return self._total / np.maximum(self._count, 1)

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        rows = np.arange(len(self.grid))
        arm = np.abs(self.grid - outcome.price[:, None]).argmin(axis=1)
        self._count[rows, arm] += 1
        self._total[rows, arm] += outcome.profit
        self._squares += outcome.profit**2
        self._largest = np.maximum(self._largest, np.abs(outcome.profit))


class UCB1(GridBandit):
    """UCB1 (Auer, Cesa-Bianchi and Fischer 2002) on profit over the largest profit seen: mean +
    exploration sqrt(2 log t / n). The theory's `exploration` is 1."""

    def __init__(self, exploration: float = TUNED_EXPLORATION, *, prices: int | None = None):
        super().__init__(prices=prices)
        self._exploration = exploration

    def _index(self) -> NDArray:
        count = np.maximum(self._count, 1)
        width = np.sqrt(2 * np.log(np.maximum(self._count.sum(axis=1, keepdims=True), 1)) / count)
        return self._mean() + self._exploration * self._largest[:, None] * width


class BayesUCB(GridBandit):
    """Bayes-UCB (Kaufmann, Cappé and Garivier 2012): the 1 - 1/t quantile of each price's posterior mean
    profit, normal with flat prior and the variance pooled over prices."""

    def _index(self) -> NDArray:
        count, mean = np.maximum(self._count, 1), self._mean()
        t = self._count.sum(axis=1, keepdims=True)
        within = self._squares[:, None] - (self._count * mean**2).sum(axis=1, keepdims=True)
        variance = np.maximum(within, 0.0) / np.maximum(t - self.grid.shape[1], 1)
        return mean + np.sqrt(variance / count) * ndtri(1 - 1 / np.maximum(t + 1, 2))
