"""Policies and oracles for the limited stock of `policy.market.inventory`, and what plays them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policy.market.inventory import InventoryProblem, fluid_prices, optimal_values

REPLICATIONS, SEED = 4000, 20_053
"""Size and seed of the suite."""


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
