"""The limited stock of `policy.market.inventory` as a task to learn, over the prior that its baselines get.

In every market the chance that a customer buys is drawn anew at each price, evenly from [0, 1] and
independently, as the Beta(1, 1) prior of Thompson sampling says; no single instance is ever trained on.
Tokens hold counts, stock, and what the fluid program makes of them: the textbook's answer to the posterior
mean, and to one price being a standard deviation better than it seems. No dynamic program is in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from policy.learning.protocols.play import ACTIONS
from policy.market.inventory import InventoryProblem, fluid_prices


class InventoryMemory:
    """What B sellers of K prices have offered and sold: Beta posteriors, stock and customers left."""

    def __init__(self, sellers: int, *, prices: tuple[float, ...], stock: int, horizon: int):
        self._prices = np.array(prices)
        self._bought, self._passed = np.ones((2, sellers, len(prices)))
        self._stock, self._left = np.full(sellers, stock), horizon

    @staticmethod
    def features(prices: int) -> int:
        """Width of a token for K prices."""
        return 7 * prices + 5

    @property
    def stock(self) -> NDArray[np.int64]:
        """Units on hand, shape (B,)."""
        return self._stock

    @property
    def left(self) -> int:
        """Customers to come, the next one among them."""
        return self._left

    def learn(self, choice: NDArray[np.int64], sold: NDArray[np.bool_]) -> None:
        """Take in the price index offered (K: nothing) and whether the customer bought, shape (B,)."""
        offered = choice[:, None] == np.arange(len(self._prices))
        self._bought = self._bought + (offered & sold[:, None])
        self._passed = self._passed + (offered & ~sold[:, None])
        self._stock = self._stock - sold
        self._left -= 1

    def tokens(self) -> NDArray[np.float32]:
        b, k = self._bought.shape
        count = self._bought + self._passed
        mean = self._bought / count
        sd = np.sqrt(mean * (1 - mean) / (count + 1))
        left = max(self._left, 1)
        supply = self._stock / left
        price = self._prices / self._prices.max()
        offer = fluid_prices(mean * price, mean, supply)
        # What one more unit is worth, the fluid program's dual price, from a supply a little larger.
        little = 1e-4
        more = fluid_prices(mean * price, mean, supply + little)
        unit = ((more - offer) * mean * price).sum(axis=1) / little
        hoped = np.empty((b, k))
        for j in range(k):
            bright = np.where(np.arange(k) == j, np.minimum(mean + sd, 1.0), mean)
            hoped[:, j] = fluid_prices(bright * price, bright, supply)[:, j]
        per_price = [
            2 * mean,
            4 * sd,
            np.log(count / 2) / 2,
            2 * mean * price,
            4 * mean * (price - unit[:, None]),
            2 * offer,
            2 * hoped,
        ]
        own = [
            2 * supply,
            np.log1p(self._stock) / 2,
            np.full(b, np.log1p(left) / 2),
            2 * unit,
            2 * (1 - offer.sum(axis=1)),
        ]
        return np.concatenate([*per_price, np.stack(own, axis=1)], axis=1, dtype=np.float32)

    def allowed(self) -> NDArray[np.bool_]:
        """Action k < K offers price k, action K nothing: all that a seller without stock can do."""
        action, k = np.arange(ACTIONS), len(self._prices)
        return (action == k) | ((action < k) & (self._stock > 0)[:, None])


def known_demand_values(
    prices: NDArray, chances: NDArray, *, stock: int, horizon: int
) -> NDArray[np.float64]:
    """The dynamic program of `optimal_values` for markets with different chances.

    Parameters
    ----------
    prices
        Currency, shape (K,).
    chances
        Chance of a purchase at each price, shape (B, K).

    Returns
    -------
    Value with n customers still to come and s units on hand, currency, shape (B, T + 1, stock + 1).
    """
    value = np.zeros((len(chances), horizon + 1, stock + 1))
    for left in range(1, horizon + 1):
        kept = value[:, left - 1]
        unit = kept[:, 1:] - kept[:, :-1]
        gain = chances[:, None] * (prices - unit[..., None])  # (B, stock, K)
        value[:, left, 1:] = kept[:, 1:] + np.maximum(gain.max(axis=2), 0.0)
    return value


class InventoryArena:
    """B sellers in play, with the chances of their customers."""

    def __init__(self, problem: InventoryProblem, chances: NDArray, rng: np.random.Generator):
        """The problem says all but the chances, which have shape (B, K)."""
        self.horizon = problem.horizon
        self.memory = InventoryMemory(
            len(chances), prices=problem.prices, stock=problem.stock, horizon=problem.horizon
        )
        self._rng = rng
        self._prices = np.array(problem.prices)
        self._chances = chances
        self._value = known_demand_values(self._prices, chances, stock=problem.stock, horizon=problem.horizon)

    def worth(self) -> NDArray[np.float64]:
        """What an action earns now and, with the chances known from then on, later, less the most that can
        be: minus its regret, which adds up over a trial. Over the average take of a customer, V(T, S) / T."""
        rows, stock = np.arange(len(self._chances)), self.memory.stock
        later = self._value[:, self.memory.left - 1]
        unit = later[rows, stock] - later[rows, np.maximum(stock - 1, 0)]
        gain = self._chances * (self._prices - unit[:, None])
        gain = np.pad(gain, ((0, 0), (0, ACTIONS - gain.shape[1])))
        best = np.where(self.memory.allowed(), gain, -np.inf).max(axis=1, keepdims=True)
        return (gain - best) * self.horizon / self._value[:, -1, -1:]

    def target(self) -> NDArray[np.float64]:
        worth = np.where(self.memory.allowed(), self.worth(), -np.inf)
        return np.eye(ACTIONS)[worth.argmax(axis=1)]

    def step(self, action: NDArray[np.int64]) -> None:
        chances = np.pad(self._chances, ((0, 0), (0, 1)))
        sold = self._rng.random(len(action)) < chances[np.arange(len(action)), action]
        self.memory.learn(action, sold)


@dataclass(frozen=True)
class InventoryTask:
    """Prices, stock and customers of the problem; chances from the prior."""

    problem: InventoryProblem = field(default_factory=InventoryProblem)
    name: str = "inventory"

    @property
    def features(self) -> int:
        return InventoryMemory.features(len(self.problem.prices))

    @property
    def longest(self) -> int:
        return self.problem.horizon

    def begin(self, markets: int, rng: np.random.Generator) -> InventoryArena:
        chances = rng.uniform(0.0, 1.0, (markets, len(self.problem.prices)))
        return InventoryArena(self.problem, chances, rng)
