"""Gymnasium environments over the simulator, for anyone's agent.

`import policy` registers them as `policy/PricingMarket-v0` and `policy/SeedShop-v0`.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from policy.market.prior import Prior
from policy.market.simulator import Simulator

Array = NDArray[np.float32]


class PricingMarket(gymnasium.Env[Array, Array]):
    """One product for a season: each reset draws a fresh market from the prior.

    Action: price over the market's reference price, shape (1,). Reward: profit of the period in units of
    the reference price. Observation, shape (10,): last price over reference, log(1 + units sold last),
    cost over reference, competitor's price over reference (0 without one), whether there is one,
    promotion, log(1 + stock) (0 where stock never limits sales), whether it may, sine and cosine of the
    season. `info` gives `units`, `expected_profit` and `best_expected_profit` in the same unit, so that
    regret can be computed.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own pattern

    def __init__(self, *, horizon: int = 100, prior: Prior | None = None):
        self._horizon = horizon
        self._prior = prior or Prior()
        low, high = self._prior.price_range
        self.action_space = spaces.Box(low, high, shape=(1,), dtype=np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, shape=(10,), dtype=np.float32)
        self._simulator: Simulator | None = None
        self._units = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        market = self._prior.sample(self.np_random, 1, self._horizon)
        self._simulator = Simulator(market, self.np_random)
        self._units = 0.0
        return self._observe(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        simulator = self._simulator
        if simulator is None or simulator.t >= self._horizon:
            raise RuntimeError("The season is over or has not begun; call `reset` first.")
        market = simulator.markets
        scale = float(market.reference_price[0])
        span = np.linspace(np.log(market.price_low), np.log(market.price_high), 161).T
        best = float(simulator.expected_profit(np.exp(span)).max())
        price = np.clip(np.asarray(action, dtype=float) * scale, market.price_low, market.price_high)
        outcome = simulator.step(price)
        self._units = float(outcome.units[0])
        info = {
            "units": self._units,
            "expected_profit": float(outcome.expected_profit[0]) / scale,
            "best_expected_profit": best / scale,
        }
        done = simulator.t >= self._horizon
        observation = np.zeros(10, dtype=np.float32) if done else self._observe()
        return observation, float(outcome.profit[0]) / scale, False, done, info

    def _observe(self) -> Array:
        assert self._simulator is not None
        seen = self._simulator.observation()
        scale = float(self._simulator.markets.reference_price[0])
        rival, stock = float(seen.competitor_price[0]), float(seen.stock[0])
        angle = 2 * np.pi * float(seen.day[0]) / 365.25
        return np.array(
            [
                float(seen.last_price[0]) / scale,
                np.log1p(self._units),
                float(seen.unit_cost[0]) / scale,
                0.0 if np.isnan(rival) else rival / scale,
                float(not np.isnan(rival)),
                float(seen.promo[0]),
                0.0 if np.isnan(stock) else np.log1p(stock),
                float(not np.isnan(stock)),
                np.sin(angle),
                np.cos(angle),
            ],
            dtype=np.float32,
        )


class SeedShop(gymnasium.Env[Array, Array]):
    """The shop this project began with: demand max(0, 100 - price), at most 100 sold, 100 days.

    Action: price in [0, 100], shape (1,). Observation: last price, units sold last, day, shape (3,).
    Reward: revenue; the best is 2,500 a day at a price of 50. The first price is 100.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own pattern
    horizon = 100

    def __init__(self) -> None:
        self.action_space = spaces.Box(0.0, 100.0, shape=(1,), dtype=np.float32)
        self.observation_space = spaces.Box(0.0, 100.0, shape=(3,), dtype=np.float32)
        self._day = self.horizon

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self._day = 0
        return np.array([100.0, 0.0, 0.0], dtype=np.float32), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        if self._day >= self.horizon:
            raise RuntimeError("The season is over or has not begun; call `reset` first.")
        price = float(np.clip(np.asarray(action, dtype=float)[0], 0.0, 100.0))
        units = min(max(0.0, 100.0 - price), 100.0)
        self._day += 1
        observation = np.array([price, units, self._day], dtype=np.float32)
        return observation, price * units, False, self._day >= self.horizon, {"units": units}
