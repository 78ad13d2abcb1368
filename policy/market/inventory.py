"""Pricing a limited stock with unknown demand: protocol of Ferreira, Simchi-Levi and Wang (2018).

One customer comes in each of T periods and buys with a chance that depends on the price; `stock_ratio` * T
units are on hand and none follow. Sellers know the prices, T and a uniform prior over each chance; the
chances themselves only the oracles. "Online network revenue management using Thompson sampling",
Operations Research 66(6), 1586-1602; its example of a single product.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class InventoryProblem:
    """One product, K prices, T customers, a stock that is not replenished."""

    prices: tuple[float, ...] = (29.9, 34.9, 39.9, 44.9)
    """Currency per unit, K of them."""
    chances: tuple[float, ...] = (0.8, 0.6, 0.3, 0.1)
    """Chance that a customer buys at each price; hidden from sellers, oracles apart."""
    stock_ratio: float = 0.25
    """Stock at the start over the number of customers."""
    horizon: int = 100
    """Number of customers T."""

    def __post_init__(self) -> None:
        if len(self.prices) != len(self.chances) or not self.prices:
            raise ValueError(
                f"`prices` and `chances` must pair up, got {len(self.prices)} and {len(self.chances)}."
            )
        if not all(p > 0 for p in self.prices) or not all(0 <= d <= 1 for d in self.chances):
            raise ValueError("`prices` must be positive and `chances` in [0, 1].")
        if self.horizon < 1 or self.stock_ratio <= 0:
            raise ValueError("`horizon` must be at least 1 and `stock_ratio` positive.")

    @property
    def stock(self) -> int:
        """Units on hand before the first customer."""
        return round(self.stock_ratio * self.horizon)


def fluid_prices(revenue: NDArray, demand: NDArray, supply: NDArray) -> NDArray:
    """The fluid linear program, solved exactly: max sum x_k r_k, sum x_k d_k <= c, sum x_k <= 1, x >= 0.

    With two constraints a best vertex has at most two positive entries: either one price, as often as
    stock or customers allow, or two prices that use up both. All of them are tried.

    Parameters
    ----------
    revenue
        Expected revenue per customer at each price, p_k d_k, shape (B, K).
    demand
        Chance that a customer buys at each price, d_k, shape (B, K).
    supply
        Units on hand per customer to come, c, shape (B,).

    Returns
    -------
    Chance x_k of offering each price; what is left of 1 is the chance of offering nothing, shape (B, K).
    """
    b, k = demand.shape
    row = np.arange(b)
    supply = np.maximum(supply, 0.0)
    share = np.where(demand > supply[:, None], supply[:, None] / np.where(demand > 0, demand, 1.0), 1.0)
    first = second = (share * revenue).argmax(axis=1)
    value = (share * revenue)[row, first]
    weight, rest = share[row, first], np.zeros(b)
    for i, j in combinations(range(k), 2):
        gap = demand[:, j] - demand[:, i]
        on_j = (supply - demand[:, i]) / np.where(gap == 0, np.inf, gap)
        mixed = (1 - on_j) * revenue[:, i] + on_j * revenue[:, j]
        better = (gap != 0) & (on_j >= 0) & (on_j <= 1) & (mixed > value)
        first, second = np.where(better, i, first), np.where(better, j, second)
        weight, rest = np.where(better, 1 - on_j, weight), np.where(better, on_j, rest)
        value = np.where(better, mixed, value)
    x = np.zeros((b, k))
    x[row, first] = weight
    x[row, second] += rest
    return x


def optimal_values(problem: InventoryProblem) -> NDArray:
    """Dynamic program of the seller who knows the chances: the most that can be earned, in expectation.

    Returns
    -------
    Value with n customers still to come and s units on hand, currency, shape (T + 1, stock + 1).
    """
    prices, chances = np.array(problem.prices), np.array(problem.chances)
    value = np.zeros((problem.horizon + 1, problem.stock + 1))
    for left in range(1, problem.horizon + 1):
        sold, kept = value[left - 1, :-1, None], value[left - 1, 1:, None]
        gain = chances * (prices + sold - kept)  # (stock, K)
        value[left, 1:] = value[left - 1, 1:] + np.maximum(gain.max(axis=1), 0.0)
    return value
