"""Outcomes at a price: units, revenue and profit with their intervals, demand curves, and what-ifs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from policy.decision.margin import UnitEconomics
from policy.decision.recommendation import Interval, Objective, Outcome, Verdict
from policy.decision.situation import Situation
from policy.model.posterior import Posterior

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Quantile levels of demand curves."""


@dataclass(frozen=True, kw_only=True)
class DemandCurve:
    """One product's expected demand against price. Axis: P prices, store currency."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    period: str
    prices: NDArray[np.float64]
    """Shape (P,), increasing."""
    mean: NDArray[np.float64]
    """Expected units per period, shape (P,), non-increasing."""
    quantiles: dict[str, NDArray[np.float64]]
    """Units per period at levels "0.1" to "0.9", count noise included, shape (P,) each."""
    elasticity: Interval
    """At the current price."""
    current_price: float
    unit_cost: float | None
    known_low: float
    known_high: float
    """Range of prices that were charged."""
    objective: Objective
    objective_mean: NDArray[np.float64]
    objective_low: NDArray[np.float64]
    objective_high: NDArray[np.float64]
    """Expected profit (revenue where the cost is unknown) per period with the 80 % interval of the
    expectation, shape (P,) each."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Sums over periods, each with its 80 % interval from joint draws (`policy.decision.joint`)."""

    units: Interval
    revenue: Interval
    profit: Interval | None
    """None where the unit cost is unknown."""


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """One product at a price of the merchant's choosing, against keeping its price. `at`, `keep` and `gain`
    are per period, the mean over those asked for."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    period: str
    objective: Objective
    unit_cost: float | None
    competitor_price: float | None
    at: Outcome
    keep: Outcome
    gain: Interval
    """Objective at the price minus objective at the current price, per period."""
    elasticity: Interval
    known_low: float
    known_high: float
    cautions: tuple[str, ...]
    """`outside_known_range`, `few_price_changes`, `price_below_cost`, `cost_missing`, ...; `breaks_` and a
    rule for every rule that the price would break."""
    verdicts: tuple[Verdict, ...]
    """What every rule that is set says of the price, in the order of application."""
    chance: float
    """Chance that the price earns more on average than the current one."""
    stock: float | None
    """Units on hand that the periods asked for share; None where they do not limit sales."""
    fee: float
    shipping: float
    """As in `policy.decision.margin.UnitEconomics`."""
    dates: tuple[str, ...]
    """First day of each period asked for, ISO 8601."""
    end: str
    """Last day of the last of them."""
    total_at: Totals
    total_keep: Totals
    total_gain: Interval
    """The same three over all periods asked for."""


def outcome_at(
    posterior: Posterior, situation: Situation, price: float, *, economics: UnitEconomics | None = None
) -> Outcome:
    """Units, revenue and profit of one product (single rows) at a price, limited by stock."""
    column = np.array([[price]])
    stock = situation.stock[0]
    limit = stock if np.isfinite(stock) else np.inf
    mean = float(posterior.weights[0] @ np.minimum(posterior.component_units(column)[0, :, 0], limit))
    low, high = np.minimum(posterior.quantiles(column, (0.1, 0.9))[0, 0], limit)
    units = Interval(mean=mean, low=float(low), high=float(high))
    if economics is None:
        cost = situation.unit_cost[0]
        economics = UnitEconomics(unit_cost=float(cost) if np.isfinite(cost) else None)
    return Outcome(
        price=price,
        units=units,
        revenue=units.times(price),
        profit=None if economics.unit_cost is None else units.times(float(economics.profit(column)[0, 0])),
    )


def gain_between(values: NDArray, posterior: Posterior) -> Interval:
    """Posterior of a difference: values per curve at two prices, such as the objective's, shape (K, 2)."""
    mean, low, high = posterior.gain_interval((values[:, 0] - values[:, 1])[None, :])
    return Interval(mean=float(mean[0]), low=float(low[0]), high=float(high[0]))


def chance_positive(gain: Interval) -> float:
    """Chance that a gain is above zero, taken as normal about its mean with its 80 % interval."""
    reach = max(gain.mean - gain.low, gain.high - gain.mean)
    if reach == 0:
        return 0.5 if gain.mean == 0 else float(gain.mean > 0)
    return float(ndtr(ndtri(0.9) * gain.mean / reach))


def interval_at(values: tuple[NDArray, NDArray, NDArray], row: int = 0) -> Interval:
    """Mean, low and high of one row, the mean inside."""
    mean, low, high = (float(v[row]) for v in values)
    return Interval(mean=mean, low=min(low, mean), high=max(high, mean))
