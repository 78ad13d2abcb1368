"""Sums over periods at a path of prices: units, revenue and profit, and the gain of one path over another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policy.decision.joint import Luck, components, demand_paths, interval_of, mean_paths, sold_of
from policy.decision.margin import UnitEconomics
from policy.decision.outcomes import Totals
from policy.decision.recommendation import Interval
from policy.model.posterior import Posterior

DRAWS = 2000
"""Paths drawn of one product: an 80 % interval's ends are then off by about 2 % of its width."""

SEED = 60_109
"""The same question gets the same answer."""


@dataclass(frozen=True)
class PricePath:
    """Prices of H periods, and what is believed of demand along them."""

    prices: NDArray[np.float64]
    """Currency, shape (H,)."""
    posterior: Posterior
    """One product's, a row a period."""
    value: NDArray[np.float64]
    """What a unit sold in each period counts in the objective, currency, shape (H,)."""


def totals(
    posterior: Posterior, prices: NDArray, *, economics: UnitEconomics, stock: float | None, luck: Luck
) -> Totals:
    """Sums over H periods at a path of prices, limited by a stock that is not replenished.

    Parameters
    ----------
    posterior
        One product's, a row for each of H periods.
    prices
        Currency, shape (H,).
    """
    demand = demand_paths(posterior, prices[:, None], luck)[..., 0]
    sold = demand if stock is None else sold_of(demand, stock)
    mean = None if stock is not None else posterior.mean_units(prices[:, None])[:, 0]

    def total(per_unit: NDArray) -> Interval:
        return interval_of(sold @ per_unit, None if mean is None else float(mean @ per_unit))

    return Totals(
        units=total(np.ones_like(prices)),
        revenue=total(prices),
        profit=None if economics.unit_cost is None else total(economics.profit(prices)),
    )


def gain_over(paths: tuple[PricePath, PricePath], *, stock: float | None, luck: Luck) -> Interval:
    """Objective over H periods on one path of prices minus that on another.

    The interval is the calibrated 80 % one of what is not known of demand: as in every gain, the chance of
    the day is averaged out within each curve.
    """
    first = paths[0].posterior
    curve = components(first, luck.curve)[:, 0]
    values = []
    for path in paths:
        if stock is None:
            sold = mean_paths(path.posterior, path.prices[:, None], luck)[..., 0]
        else:
            sold = sold_of(demand_paths(path.posterior, path.prices[:, None], luck)[..., 0], stock)
        values.append(sold @ path.value)
    gain = values[0] - values[1]
    count = np.bincount(curve, minlength=first.weights.shape[1])
    by_curve = np.bincount(curve, gain, minlength=len(count)) / np.maximum(count, 1)
    mean = float(gain.mean())
    sd = float(np.sqrt(np.average((by_curve - mean) ** 2, weights=count)))
    reach = first.calibration.gain * sd
    return Interval(mean=mean, low=mean - reach, high=mean + reach)
