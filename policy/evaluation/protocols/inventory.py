"""Pricing a limited stock with unknown demand: protocol of Ferreira, Simchi-Levi and Wang (2018).

One customer comes in each of T periods and buys with a chance that depends on the price; `stock_ratio` * T
units are on hand and none follow. Sellers know the prices, T and a uniform prior over each chance; the
chances themselves only the oracles. "Online network revenue management using Thompson sampling",
Operations Research 66(6), 1586-1602; its example of a single product.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

REPLICATIONS, SEED = 4000, 20_053
"""Size and seed of the suite."""


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


class InventoryPolicy(Protocol):
    """Prices for B replications of one problem, one customer at a time."""

    def reset(self, problem: InventoryProblem, replications: int, rng: np.random.Generator) -> None:
        """Begin B replications. The chances may be read by oracles only."""

    def act(self, t: int, stock: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the price for customer t, K to offer nothing, given units on hand; shape (B,)."""

    def observe(self, choice: NDArray[np.int64], sold: NDArray[np.bool_]) -> None:
        """Take in the price index offered (K: nothing) and whether the customer bought, shape (B,)."""


class _BetaPosterior:
    """Beta(1, 1) prior over each chance, updated by the customers who were offered that price."""

    def reset(self, problem: InventoryProblem, replications: int, rng: np.random.Generator) -> None:
        self._problem, self._rng = problem, rng
        self._prices = np.array(problem.prices)
        self._bought = np.ones((replications, len(problem.prices)))
        self._passed = np.ones((replications, len(problem.prices)))

    def observe(self, choice: NDArray[np.int64], sold: NDArray[np.bool_]) -> None:
        offered = choice[:, None] == np.arange(len(self._prices))
        self._bought += offered & sold[:, None]
        self._passed += offered & ~sold[:, None]

    def _draw(self) -> NDArray:
        """One draw of the chances for each replication, shape (B, K)."""
        return self._rng.beta(self._bought, self._passed)


class StockBlindThompson(_BetaPosterior):
    """Thompson sampling that forgets its stock: the price with the highest sampled revenue per customer."""

    def act(self, t: int, stock: NDArray[np.int64]) -> NDArray[np.int64]:
        return (self._draw() * self._prices).argmax(axis=1)


class ThompsonFixed(_BetaPosterior):
    """TS-fixed, algorithm 1 of the paper: the fluid program for sampled chances and the supply per customer
    that there was at the start."""

    def act(self, t: int, stock: NDArray[np.int64]) -> NDArray[np.int64]:
        demand = self._draw()
        supply = np.full(len(stock), self._problem.stock / self._problem.horizon)
        return _offer(fluid_prices(demand * self._prices, demand, supply), self._rng)


class ThompsonUpdate(_BetaPosterior):
    """TS-update, algorithm 2 of the paper: as TS-fixed, with the supply per customer that there still is."""

    def act(self, t: int, stock: NDArray[np.int64]) -> NDArray[np.int64]:
        demand = self._draw()
        supply = stock / (self._problem.horizon - t)
        return _offer(fluid_prices(demand * self._prices, demand, supply), self._rng)


class KnownDemandFluid:
    """Oracle: the fluid program for the true chances, solved again before each customer (Gallego and van
    Ryzin 1994, Management Science 40(8))."""

    def reset(self, problem: InventoryProblem, replications: int, rng: np.random.Generator) -> None:
        self._problem, self._rng = problem, rng

    def act(self, t: int, stock: NDArray[np.int64]) -> NDArray[np.int64]:
        demand = np.tile(self._problem.chances, (len(stock), 1))
        supply = stock / (self._problem.horizon - t)
        return _offer(fluid_prices(demand * np.array(self._problem.prices), demand, supply), self._rng)

    def observe(self, choice: NDArray[np.int64], sold: NDArray[np.bool_]) -> None: ...


class DynamicProgram:
    """Oracle: the best policy that there is when the chances are known."""

    def reset(self, problem: InventoryProblem, replications: int, rng: np.random.Generator) -> None:
        self._problem = problem
        self._value = optimal_values(problem)

    def act(self, t: int, stock: NDArray[np.int64]) -> NDArray[np.int64]:
        later = self._value[self._problem.horizon - t - 1]
        worth = later[stock] - later[np.maximum(stock - 1, 0)]  # of the unit that a sale would use up
        gain = np.array(self._problem.chances) * (np.array(self._problem.prices) - worth[:, None])
        return np.where(gain.max(axis=1) > 0, gain.argmax(axis=1), len(self._problem.prices))

    def observe(self, choice: NDArray[np.int64], sold: NDArray[np.bool_]) -> None: ...


def _offer(x: NDArray, rng: np.random.Generator) -> NDArray[np.int64]:
    """Price k with chance x_k (B, K), else K for none, shape (B,)."""
    # Rounding must not turn a mixture that adds up to 1 into a customer who is offered nothing.
    whole = x.sum(axis=1) > 1 - 1e-9
    total = x.cumsum(axis=1)
    total[whole, -1] = 1.0
    return (rng.random(len(x))[:, None] >= total).sum(axis=1)


BASELINES: dict[str, Callable[[], InventoryPolicy]] = {
    "stock-blind Thompson sampling": StockBlindThompson,
    "TS-fixed": ThompsonFixed,
    "TS-update": ThompsonUpdate,
    "known-demand fluid (oracle)": KnownDemandFluid,
    "dynamic program (oracle)": DynamicProgram,
}
"""Name and maker of every baseline and oracle."""


def play_inventory(
    problem: InventoryProblem, policy: InventoryPolicy, *, replications: int, seed: int
) -> NDArray[np.float64]:
    """Run a policy on B replications; customers depend on the seed alone, so that all policies meet the same.

    Returns
    -------
    Revenue of each replication over the whole horizon, currency, shape (B,).
    """
    return _play(problem, policy, replications=replications, seed=seed)[0]


def _play(
    problem: InventoryProblem, policy: InventoryPolicy, *, replications: int, seed: int
) -> tuple[NDArray[np.float64], float]:
    """Revenue of each replication, and mean time to price and to learn from one customer in seconds."""
    customers, own = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    prices, chances = np.append(problem.prices, 0.0), np.append(problem.chances, 0.0)
    policy.reset(problem, replications, own)
    stock = np.full(replications, problem.stock)
    revenue = np.zeros(replications)
    spent = 0.0
    for t in range(problem.horizon):
        began = time.perf_counter()
        wanted = policy.act(t, stock)
        spent += time.perf_counter() - began
        # A seller without stock offers nothing, whatever the policy says, and learns nothing.
        choice = np.where(stock > 0, wanted, len(problem.prices))
        sold = customers.random(replications) < chances[choice]
        revenue += prices[choice] * sold
        stock -= sold
        began = time.perf_counter()
        policy.observe(choice, sold)
        spent += time.perf_counter() - began
    return revenue, spent / (problem.horizon * replications)


def inventory_row(
    problem: InventoryProblem,
    name: str,
    policy: InventoryPolicy,
    *,
    replications: int,
    seed: int,
    model_hash: str,
    commit: str,
) -> dict[str, str]:
    """One line of the results file: revenue over the dynamic program's value, over replications."""
    revenue, seconds = _play(problem, policy, replications=replications, seed=seed)
    share = revenue / optimal_values(problem)[-1, -1]
    p5, median, p95 = np.percentile(share, [5, 50, 95])
    return {
        "protocol": f"inventory, T = {problem.horizon}",
        "policy": name,
        "replications": str(replications),
        "horizon": str(problem.horizon),
        "revenue": f"{revenue.mean():.2f}",
        "share_of_optimum": f"{share.mean():.4f}",
        "standard_error": f"{share.std(ddof=1) / np.sqrt(replications):.4f}",
        "median": f"{median:.4f}",
        "percentile_5": f"{p5:.4f}",
        "percentile_95": f"{p95:.4f}",
        "microseconds_per_decision": f"{1e6 * seconds:.1f}",
        "seed": str(seed),
        "model_hash": model_hash,
        "commit": commit,
    }
