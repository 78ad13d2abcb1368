"""The batched simulator: B markets step together, one price each per period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtri, pdtrik

from policy.market.prior import Markets


@dataclass(frozen=True)
class Observation:
    """What a seller knows before pricing period t. Currency and units as in `Markets`; shapes (B,)."""

    t: int
    day: NDArray[np.int64]
    """First day of the period, days since 1970-01-01."""
    period: NDArray[np.int64]
    """0 day, 1 week, 2 month."""
    last_price: NDArray[np.float64]
    """Price charged in the period before; the reference price at the start, where nothing else is known."""
    unit_cost: NDArray[np.float64]
    competitor_price: NDArray[np.float64]
    """NaN where there is no competitor."""
    promo: NDArray[np.float64]
    stock: NDArray[np.float64]
    """Units on hand, NaN where stock is not tracked (it then never limits sales)."""
    price_low: NDArray[np.float64]
    price_high: NDArray[np.float64]
    covariates: NDArray[np.float64] | None = None
    """Features of the coming period on which demand depends, shape (B, d); None where there are none."""


@dataclass(frozen=True)
class Outcome:
    """What happened in a period. Shapes (B,)."""

    price: NDArray[np.float64]
    units: NDArray[np.float64]
    """Units sold: demand limited by stock."""
    demand: NDArray[np.float64]
    """Units asked for; hidden from sellers, used by training and by tests."""
    views: NDArray[np.float64]
    profit: NDArray[np.float64]
    expected_profit: NDArray[np.float64]
    """Profit at mean demand, limited by stock: what regret is measured in."""


class Simulator:
    """Runs markets forward. Noise is drawn per market and period before play, so that every policy
    run on the same markets and seed meets the same luck (common random numbers)."""

    def __init__(
        self,
        markets: Markets,
        rng: np.random.Generator,
        *,
        promo: NDArray | None = None,
        last_price: NDArray | None = None,
    ):
        """
        Parameters
        ----------
        markets
            B markets over T periods.
        rng
            Source of count noise and replenishments.
        promo
            Promotion path in [0, 1], shape (B, T); none where omitted. Paths set by a logging policy
            are written period by period through `set_promo`. NaN where a seller keeps no record of
            promotions: then there are none.
        last_price
            Price charged before the first period, currency, shape (B,); the reference price where omitted.
        """
        b, horizon = markets.log_level.shape
        self.markets = markets
        self.t = 0
        self._promo = np.zeros((b, horizon)) if promo is None else promo.copy()
        # Negative-binomial counts by inversion, so that they rise with the mean for given luck: a gamma
        # rate with mean 1 and shape 1 / dispersion, then a Poisson count.
        shape = 1 / markets.dispersion[:, None]
        self._rate = gammaincinv(shape, rng.uniform(1e-9, 1 - 1e-9, (b, horizon))) / shape
        self._poisson_u = rng.uniform(1e-9, 1 - 1e-9, (b, horizon))
        self._zero = rng.random((b, horizon)) < markets.zero_chance[:, None]
        self._replenish = rng.random((b, horizon)) < markets.replenish_chance[:, None]
        self._days = markets.days()
        self._stock = markets.order_up_to.copy()
        self._last_price = (markets.reference_price if last_price is None else last_price).copy()
        self._remembered = np.zeros(b)  # log price over reference price that buyers have in mind
        self._pantry = np.zeros(b)  # log lift that buyers have stored up

    def set_promo(self, promo: NDArray) -> None:
        """Set the promotion of the coming period, shape (B,)."""
        self._promo[:, self.t] = promo

    @property
    def competitor(self) -> NDArray:
        """Competitor's price in the coming period over its usual price, 1 where there is none, shape (B,)."""
        m = self.markets
        followed = self._last_price / m.reference_price
        return np.where(
            m.has_competitor, m.competitor[:, self.t] ** (1 - m.following) * followed**m.following, 1.0
        )

    def observation(self) -> Observation:
        """What is known before pricing the coming period."""
        m, t = self.markets, self.t
        return Observation(
            t=t,
            day=self._days[:, t],
            period=m.period,
            last_price=self._last_price,
            unit_cost=m.unit_cost[:, t],
            competitor_price=m.competitor_price * self.competitor,
            promo=self._promo[:, t],
            stock=np.where(np.isinf(self._stock), np.nan, self._stock),
            price_low=m.price_low,
            price_high=m.price_high,
        )

    def log_mean_units(self, prices: NDArray) -> NDArray:
        """Log of mean demand in the coming period at candidate prices (B, P), shape (B, P)."""
        m = self.markets
        promo = np.nan_to_num(self._promo[:, self.t])
        now = m.log_mean_units(self.t, prices, self.competitor, promo)
        surprise = np.log(prices / m.reference_price[:, None]) - self._remembered[:, None]
        return now - m.reference_effect[:, None] * surprise - (m.pantry_effect * self._pantry)[:, None]

    def expected_profit(self, prices: NDArray) -> NDArray:
        """Expected profit of the coming period at candidate prices (B, P): currency, shape (B, P)."""
        units = np.minimum(np.exp(self.log_mean_units(prices)), self._stock[:, None])
        return (prices - self.markets.unit_cost[:, self.t, None]) * units

    def draw_demand(self, log_mean: NDArray, rng: np.random.Generator) -> NDArray:
        """Independent demand draws for the coming period at mean exp(log_mean) (B, P), shape (B, P)."""
        zero = rng.random(log_mean.shape) < self.markets.zero_chance[:, None]
        mean = np.exp(log_mean) / (1 - self.markets.zero_chance[:, None])
        shape = 1 / self.markets.dispersion[:, None]
        return np.where(zero, 0.0, rng.poisson(rng.gamma(shape, np.minimum(mean, 1e7) / shape)))

    def step(self, prices: NDArray) -> Outcome:
        """Charge `prices` (B,) in the coming period and move on."""
        m, t = self.markets, self.t
        if prices.shape != (len(m),) or not np.all(prices > 0):
            raise ValueError(f"`prices` must be {len(m)} positive numbers, got shape {prices.shape}.")
        expected = self.expected_profit(prices[:, None])[:, 0]
        log_mean = self.log_mean_units(prices[:, None])[:, 0]
        mean = np.exp(log_mean) / (1 - m.zero_chance)
        count = poisson_count(self._poisson_u[:, t], mean * self._rate[:, t])
        demand = np.where(self._zero[:, t], 0.0, count)
        units = np.minimum(demand, self._stock)
        self._stock = self._stock - units
        lift = (
            log_mean - m.log_level[:, t] - np.log1p(-m.zero_chance)
        )  # over the usual, of price and promotion
        self._pantry = m.pantry_memory * (self._pantry + np.clip(lift, 0.0, 2.0))
        relative = np.log(prices / m.reference_price)
        self._remembered = relative + m.reference_memory * (self._remembered - relative)
        self._last_price = prices
        self.t += 1
        if self.t < m.horizon:
            self._stock = np.where(self._replenish[:, self.t], m.order_up_to, self._stock)
        return Outcome(
            price=prices,
            units=units,
            demand=demand,
            views=m.views[:, t],
            profit=(prices - m.unit_cost[:, t]) * units,
            expected_profit=expected,
        )


def poisson_count(u: NDArray, mean: NDArray) -> NDArray:
    """Quantile of the Poisson distribution at `u`, shape as given. From 10,000 on by its normal limit with
    one Cornish-Fisher term, where SciPy's root search may fail."""
    many = mean > 1e4
    z = ndtri(u)
    limit = np.round(mean + z * np.sqrt(mean) + (z**2 - 1.0) / 6.0)
    return np.where(many, limit, np.maximum(np.ceil(pdtrik(u, np.where(many, 1.0, mean))), 0.0))
