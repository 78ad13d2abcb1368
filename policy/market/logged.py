"""How past prices were set: the logging policies behind a simulated sales history."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy.market.prior import Markets
from policy.market.simulator import Observation, Outcome, Simulator
from policy.market.trajectory import Trajectory

LOGGING_POLICIES = (
    "constant",
    "cost_plus",
    "calendar",
    "high_low",
    "competitor",
    "random_test",
    "endogenous",
    "markdown",
    "settling",
)
"""Names of the logging policies; `LoggingPolicies.kind` holds indices into this tuple."""

_CHANCES = (0.05, 0.09, 0.14, 0.18, 0.08, 0.14, 0.14, 0.07, 0.11)


class LoggingPolicies:
    """Each of B sellers sets prices in its own habit, with small noise as averaged prices have it.

    - constant: never changes
    - cost_plus: a mark-up on cost, reviewed now and then
    - calendar: a promotion every so many periods, with a flag and a price cut
    - high_low: promotions at random, with or without a price cut
    - competitor: a fixed position against the competitor (cost-plus without one)
    - random_test: a new level every few periods, independent of demand
    - endogenous: raises the price when demand is high, so that a naive regression sees too little response
    - markdown: cuts step by step and returns to full price
    - settling: tests widely at first, then less and less around a level, as a learning policy does
    """

    def __init__(self, markets: Markets, rng: np.random.Generator, *, chances: tuple[float, ...] = _CHANCES):
        n = len(markets)
        self.kind = rng.choice(len(LOGGING_POLICIES), n, p=np.array(chances) / sum(chances))
        self._markets = markets
        self._rng = rng
        # Some sellers are far from where the market's usual price is.
        off = np.where(rng.random(n) < 0.08, rng.uniform(-0.6, 0.6, n), rng.normal(0.0, 0.08, n))
        self._base = markets.reference_price * np.exp(off)
        self._price = self._base.copy()
        self._margin = self._base / markets.unit_cost[:, 0]
        self._depth = rng.uniform(0.05, 0.5, n)
        self._cut_with_promo = rng.random(n) < 0.8
        self._flagged = rng.random(n) < 0.8
        self._every = rng.integers(3, 16, n)
        self._hold = rng.integers(1, 10, n)
        # Some panels give the share of shelves or days on promotion instead of a flag.
        self._intensity = np.where(rng.random(n) < 0.25, rng.uniform(0.2, 1.0, n), 1.0)
        self._promo_chance = rng.uniform(0.05, 0.5, n)
        self._spread = rng.uniform(0.05, 0.35, n)
        self._response = rng.uniform(0.1, 1.2, n)
        self._position = np.exp(rng.normal(0.0, 0.08, n))
        self._noise = np.where(rng.random(n) < 0.5, 0.0, np.exp(rng.uniform(-6.0, -3.0, n)))
        self._noise[self.kind == 0] = 0.0
        self._was_promo = np.zeros(n, dtype=bool)

    def promo(self, t: int) -> NDArray:
        """Promotion of period t, in [0, 1], shape (B,)."""
        rng, n = self._rng, len(self._markets)
        calendar = (self.kind == 2) & (t % self._every == 0)
        start = rng.random(n) < self._promo_chance
        # A promotion lasts: once on, it goes on for another period in one of three cases.
        high_low = (self.kind == 3) & (start | (self._was_promo & (rng.random(n) < 0.33)))
        rare = (self.kind > 3) & (rng.random(n) < 0.04)
        self._was_promo = calendar | high_low | rare
        return (self._was_promo & self._flagged) * self._intensity

    def act(self, observation: Observation) -> NDArray:
        """Price of the coming period, shape (B,)."""
        rng, t, m = self._rng, observation.t, self._markets
        n = len(m)
        cost_plus = observation.unit_cost * self._margin
        review = rng.random(n) < 1.0 / (4.0 * self._hold)
        base = np.where(review, self._base * np.exp(rng.normal(0.0, 0.06, n)), self._base)
        self._base = np.where(self.kind == 0, self._base, np.clip(base, m.price_low, m.price_high))

        price = self._base.copy()
        price = np.where(self.kind == 1, np.where(review | (t == 0), cost_plus, self._price), price)
        cut = self._was_promo & (self._cut_with_promo | (self.kind == 2))
        price = np.where(cut & (self.kind > 1), price * (1 - self._depth), price)
        rival = np.where(np.isnan(observation.competitor_price), cost_plus, observation.competitor_price)
        price = np.where(self.kind == 4, rival * self._position, price)
        fresh = m.reference_price * np.exp(self._spread * rng.uniform(-1.7, 1.7, n))
        price = np.where(self.kind == 5, np.where(t % self._hold == 0, fresh, self._price), price)
        feeling = m.shock[:, t] + 0.5 * (m.log_level[:, t] - m.log_level.mean(axis=1))
        price = np.where(self.kind == 6, price * np.exp(self._response * feeling), price)
        step = (t // self._hold) % 5
        price = np.where(self.kind == 7, self._base * (1 - 0.5 * self._depth) ** step, price)
        target = m.reference_price * self._position**3
        test = target * np.exp(1.5 * rng.normal(size=n) * self._spread * np.exp(-t / (2.0 * self._hold)))
        price = np.where(self.kind == 8, test, price)
        price = np.clip(price, 0.35 * m.reference_price, 2.5 * m.reference_price)
        self._price = price
        return price * np.exp(self._noise * rng.normal(size=n))


def simulate_log(
    simulator: Simulator, policies: LoggingPolicies, periods: int
) -> tuple[Trajectory, list[Outcome]]:
    """Run the sellers' own habits for `periods` periods; returns their history and what lay behind it."""
    observations, outcomes = [], []
    for _ in range(periods):
        simulator.set_promo(policies.promo(simulator.t))
        observation = simulator.observation()
        observations.append(observation)
        outcomes.append(simulator.step(policies.act(observation)))
    return trajectory_of(observations, outcomes), outcomes


def trajectory_of(observations: list[Observation], outcomes: list[Outcome]) -> Trajectory:
    """The sales history that these observations and outcomes leave behind, shapes (B, T)."""

    def stack(rows: list[NDArray]) -> NDArray:
        return np.stack(rows, axis=1)

    return Trajectory(
        price=stack([o.price for o in outcomes]),
        units=stack([o.units for o in outcomes]),
        views=stack([o.views for o in outcomes]),
        cost=stack([o.unit_cost for o in observations]),
        competitor_price=stack([o.competitor_price for o in observations]),
        promo=stack([o.promo for o in observations]),
        stock=stack([o.stock for o in observations]),
        day=stack([o.day for o in observations]),
        period=observations[0].period,
    )
