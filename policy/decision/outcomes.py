"""Outcomes at a price: units, revenue and profit with their intervals, demand curves, and what-ifs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
class WhatIf:
    """One product at a price of the merchant's choosing, against keeping its price."""

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
    verdicts: tuple[Verdict, ...] = ()
    """What every rule that is set says of the price, in the order of application."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


def outcome_at(posterior: Posterior, situation: Situation, price: float) -> Outcome:
    """Units, revenue and profit of one product (single rows) at a price, limited by stock."""
    column = np.array([[price]])
    stock = situation.stock[0]
    limit = stock if np.isfinite(stock) else np.inf
    mean = float(posterior.weights[0] @ np.minimum(posterior.component_units(column)[0, :, 0], limit))
    low, high = np.minimum(posterior.quantiles(column, (0.1, 0.9))[0, 0], limit)
    units = Interval(mean=mean, low=float(low), high=float(high))
    cost = situation.unit_cost[0]
    return Outcome(
        price=price,
        units=units,
        revenue=_scaled(units, price),
        profit=_scaled(units, price - float(cost)) if np.isfinite(cost) else None,
    )


def _scaled(units: Interval, factor: float) -> Interval:
    ends = sorted((units.low * factor, units.high * factor))
    return Interval(mean=units.mean * factor, low=ends[0], high=ends[1])


def gain_between(values: NDArray, posterior: Posterior) -> Interval:
    """Posterior of a difference: values of the objective per curve at two prices, shape (K, 2)."""
    mean, low, high = posterior.gain_interval((values[:, 0] - values[:, 1])[None, :])
    return Interval(mean=float(mean[0]), low=float(low[0]), high=float(high[0]))
