"""The prior over markets: what a product's hidden demand process may look like."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from policy.market.demand import FAMILIES, Demand, DemandCurves
from policy.market.paths import (
    PERIODS_PER_YEAR,
    autoregressive,
    chosen,
    competitor_prices,
    holidays,
    log_uniform,
    regimes,
    seasons,
    steps,
)


@dataclass(frozen=True, kw_only=True)
class Markets:
    """B markets over T periods: hidden demand, and the paths that do not depend on our prices."""

    demand: Demand
    reference_price: NDArray[np.float64]
    """Usual price in currency, shape (B,). Trials start at it unless a history precedes them."""
    price_low: NDArray[np.float64]
    price_high: NDArray[np.float64]
    """Range of prices a policy may charge, shape (B,)."""
    log_level: NDArray[np.float64]
    """Log of mean units per period at the reference price without promotion, shape (B, T)."""
    shock: NDArray[np.float64]
    """The autocorrelated part of `log_level` that an endogenous seller can feel, shape (B, T)."""
    sensitivity: NDArray[np.float64]
    """Factor on the elasticity, 1 until a regime changes, shape (B, T)."""
    reference_effect: NDArray[np.float64]
    """Extra elasticity to the price over its remembered level: a price that has stood for long is taken for
    granted. 0 where buyers do not remember, shape (B,)."""
    reference_memory: NDArray[np.float64]
    """Decay per period of the remembered log price, in [0, 1), shape (B,)."""
    pantry_effect: NDArray[np.float64]
    """Fall of log units per unit of log lift that promotions and price cuts of the past have stored up at
    the buyers'. 0 where nobody stocks up, shape (B,)."""
    pantry_memory: NDArray[np.float64]
    """Decay per period of what is stored up, in [0, 1), shape (B,)."""
    unit_cost: NDArray[np.float64]
    """Currency per unit, shape (B, T)."""
    competitor: NDArray[np.float64]
    """Competitor's own price path over its usual price, before it follows us, shape (B, T)."""
    competitor_price: NDArray[np.float64]
    """Competitor's usual price in currency, NaN where there is none, shape (B,)."""
    following: NDArray[np.float64]
    """Weight with which the competitor copies our last relative price, in [0, 1], shape (B,)."""
    promo_lift: NDArray[np.float64]
    """Log lift of a promotion apart from its price cut, shape (B,)."""
    views: NDArray[np.float64]
    """Traffic, an index with noise, shape (B, T); moves with `log_level`."""
    dispersion: NDArray[np.float64]
    """Negative-binomial dispersion: variance = mean + dispersion * mean^2, shape (B,)."""
    zero_chance: NDArray[np.float64]
    """Chance that a period sells nothing whatever the price, shape (B,)."""
    order_up_to: NDArray[np.float64]
    """Stock after a replenishment in units, inf where stock never limits sales, shape (B,)."""
    replenish_chance: NDArray[np.float64]
    """Chance of a replenishment before each period, shape (B,)."""
    period: NDArray[np.int64]
    """0 day, 1 week, 2 month, shape (B,)."""
    start_day: NDArray[np.int64]
    """Day of the first period, days since 1970-01-01, shape (B,)."""

    def __len__(self) -> int:
        return len(self.reference_price)

    @property
    def horizon(self) -> int:
        """Number of periods T."""
        return self.log_level.shape[1]

    @property
    def has_competitor(self) -> NDArray[np.bool_]:
        return np.isfinite(self.competitor_price)

    def days(self) -> NDArray[np.int64]:
        """First day of each period, days since 1970-01-01, shape (B, T); a month counts 30.4375 days."""
        step = np.array([1.0, 7.0, 30.4375])[self.period]
        return self.start_day[:, None] + np.round(step[:, None] * np.arange(self.horizon)).astype(np.int64)

    def log_mean_units(self, t: int, prices: NDArray, competitor: NDArray, promo: NDArray) -> NDArray:
        """Log of mean demand in period t at each candidate price.

        Parameters
        ----------
        t
            Period, 0-based.
        prices
            Candidate prices in currency, shape (B, P).
        competitor
            Competitor's price over its usual price (1 where there is none), shape (B,).
        promo
            Promotion in [0, 1], shape (B,).

        Returns
        -------
        Log of mean units, before count noise, stock and what buyers remember, shape (B, P).
        """
        m = (prices / self.reference_price[:, None]) ** self.sensitivity[:, t, None]
        level = self.log_level[:, t] + self.promo_lift * promo + np.log1p(-self.zero_chance)
        return level[:, None] + self.demand.log_demand(m, competitor[:, None])

    def take(self, index: NDArray) -> Self:
        """The markets at `index`, in that order."""
        own = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name != "demand"}
        return replace(self, demand=self.demand.take(index), **own)


@dataclass(frozen=True, kw_only=True)
class Prior:
    """Ranges from which markets are drawn. Pairs are (low, high) of a uniform or log-uniform range,
    or (mean, standard deviation) of a normal where the docstring says so."""

    families: tuple[str, ...] = FAMILIES
    log_elasticity: tuple[float, float] = (0.75, 0.7)
    """Normal; the size of the elasticity is its exponential, clipped to [0.15, 9]. Median 2.1, mean 2.7, nine
    in ten from 0.7 to 6.7: published estimates average 2.62 (1,851 of them, Bijmolt, van Heerde and Pieters
    2005, Journal of Marketing Research 42(2))."""
    log_units: tuple[float, float] = (3.3, 1.7)
    """Normal; log of units per period at the reference price. One market in six is drawn from
    `large_log_units` instead, so that chain-level volumes are known too."""
    large_log_units: tuple[float, float] = (0.0, 13.5)
    cost_ratio: tuple[float, float] = (0.2, 0.9)
    """Unit cost over reference price, uniform."""
    price_range: tuple[float, float] = (0.5, 2.0)
    """Lowest and highest allowed price over the reference price."""
    steep_chance: float = 0.06
    """Share, among products with demand of a bounded family, whose elasticity is 9 to 30 in size:
    their usual price is close to the highest at which anything is sold."""
    shock_sd: tuple[float, float] = (0.02, 0.6)
    """Stationary standard deviation of the autocorrelated shock, log-uniform."""
    season_sd: tuple[float, float] = (0.0, 0.22)
    """Normal; amplitude of each annual harmonic."""
    peak_chance: float = 0.3
    """Share of products with a peak before the turn of the year."""
    holiday_chance: float = 0.25
    """Share of products with short yearly events."""
    regime_chance: float = 0.12
    """Share of products whose level changes for good at some period; as many see their elasticity change."""
    memory_chance: float = 0.12
    """Share of products whose buyers judge a price against those they remember (Mazumdar, Raj and Sinha
    2005); as many have buyers who stock up when it is cheap (van Heerde, Leeflang and Wittink 2000)."""
    trend: tuple[float, float] = (0.0, 0.25)
    """Normal; log change of the level per year."""
    walk_sd: tuple[float, float] = (0.002, 0.1)
    """Random walk of the log level per period, log-uniform."""
    promo_lift: tuple[float, float] = (0.35, 0.45)
    """Normal; log lift of a promotion apart from its price."""
    dispersion: tuple[float, float] = (0.003, 1.5)
    """Log-uniform."""
    competitor_chance: float = 0.4
    stock_chance: float = 0.25
    intermittent_chance: float = 0.1
    period_chances: tuple[float, float, float] = (0.15, 0.75, 0.1)
    """Chances of daily, weekly and monthly periods."""

    def sample(self, rng: np.random.Generator, n: int, horizon: int) -> Markets:
        """Draw n markets over `horizon` periods."""
        if n < 1 or horizon < 1:
            raise ValueError(f"`n` and `horizon` must be at least 1, got {n} and {horizon}.")
        period = rng.choice(3, size=n, p=self.period_chances)
        start_day = rng.integers(10_000, 22_000, size=n)
        has_competitor = rng.random(n) < self.competitor_chance
        demand = self._demand(rng, n, has_competitor)
        shock = autoregressive(
            rng, n, horizon, rho=rng.uniform(0.0, 0.97, n), sd=log_uniform(rng, self.shock_sd, n)
        )
        level = self._level(rng, n, horizon, period, start_day)
        reference_price = log_uniform(rng, (1.5, 400.0), n)
        mean_level = np.exp(level.mean(axis=1))
        limited = rng.random(n) < self.stock_chance
        intermittent = rng.random(n) < self.intermittent_chance
        competitor = competitor_prices(rng, n, horizon)
        traffic_share = rng.uniform(0.0, 1.0, (n, 1))
        log_level = level + shock
        return Markets(
            demand=demand,
            reference_price=reference_price,
            price_low=reference_price * self.price_range[0],
            price_high=reference_price * self.price_range[1],
            log_level=log_level,
            shock=shock,
            sensitivity=np.exp(regimes(rng, n, horizon, chance=self.regime_chance, sd=0.3)),
            reference_effect=chosen(rng, self.memory_chance, rng.uniform(0.2, 2.0, n)),
            reference_memory=rng.uniform(0.4, 0.95, n),
            pantry_effect=chosen(rng, self.memory_chance, rng.uniform(0.1, 0.6, n)),
            pantry_memory=rng.uniform(0.2, 0.8, n),
            unit_cost=reference_price[:, None]
            * rng.uniform(*self.cost_ratio, (n, 1))
            * steps(rng, n, horizon, chance=0.4, sd=0.08),
            competitor=np.where(has_competitor[:, None], competitor, 1.0),
            competitor_price=np.where(
                has_competitor, reference_price * np.exp(rng.normal(0.0, 0.15, n)), np.nan
            ),
            following=np.where(has_competitor & (rng.random(n) < 0.3), rng.uniform(0.3, 1.0, n), 0.0),
            promo_lift=np.maximum(rng.normal(*self.promo_lift, n), -0.1),
            views=np.exp(traffic_share * log_level + 0.1 * rng.normal(size=(n, horizon)) + 4.0),
            dispersion=log_uniform(rng, self.dispersion, n),
            zero_chance=np.where(intermittent, rng.uniform(0.05, 0.5, n), 0.0),
            order_up_to=np.where(limited, np.ceil(mean_level * rng.uniform(2.0, 15.0, n)), np.inf),
            replenish_chance=rng.uniform(0.08, 0.6, n),
            period=period,
            start_day=start_day,
        )

    def _demand(self, rng: np.random.Generator, n: int, has_competitor: NDArray) -> DemandCurves:
        allowed = np.array([FAMILIES.index(f) for f in self.families])
        usual = np.clip(np.exp(rng.normal(*self.log_elasticity, n)), 0.15, 9.0)
        family = rng.choice(allowed, n)
        bounded = np.isin(family, [FAMILIES.index(f) for f in ("linear", "logit", "segments")])
        steep = bounded & (rng.random(n) < self.steep_chance)
        elasticity = np.where(steep, log_uniform(rng, (9.0, 30.0), n), usual)
        share = rng.uniform(0.03, 0.6, n)
        return DemandCurves(
            family=family,
            elasticity=elasticity,
            cross_elasticity=np.where(has_competitor, usual * rng.uniform(0.0, 0.7, n), 0.0),
            share=share,
            competitor_share=np.where(has_competitor, (0.95 - share) * rng.uniform(0.1, 0.9, n), 1e-6),
            kink=rng.uniform(1.0, 2.5, n),
            second_share=rng.uniform(0.4, 0.98, n),
            first_weight=rng.uniform(0.1, 0.9, n),
        )

    def _level(
        self, rng: np.random.Generator, n: int, horizon: int, period: NDArray, start_day: NDArray
    ) -> NDArray:
        """Base, trend, random walk, regime, seasons, holidays and weekdays: log units, shape (n, horizon)."""
        large = rng.random(n) < 1 / 6
        base = np.where(large, rng.uniform(*self.large_log_units, n), rng.normal(*self.log_units, n))
        years = np.arange(horizon) / PERIODS_PER_YEAR[period][:, None]
        level = np.clip(base, -2.5, 13.5)[:, None] + rng.normal(*self.trend, (n, 1)) * years
        level += np.cumsum(log_uniform(rng, self.walk_sd, n)[:, None] * rng.normal(size=(n, horizon)), axis=1)
        level += regimes(rng, n, horizon, chance=self.regime_chance, sd=0.5)
        phase = start_day[:, None] / 365.25 + years
        level += seasons(rng, phase, harmonic_sd=self.season_sd, peak_chance=self.peak_chance)
        level += holidays(rng, phase, chance=self.holiday_chance)
        weekday = rng.normal(0.0, 1.0, (n, 7)) * rng.uniform(0.0, 0.5, (n, 1))
        day = (start_day[:, None] + np.arange(horizon)) % 7
        return level + np.where((period == 0)[:, None], np.take_along_axis(weekday, day, axis=1), 0.0)
