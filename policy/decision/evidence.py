"""What a product's history can support: how much was sold, how often the price moved, what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policy.decision.recommendation import AbstentionCode
from policy.model.panel import Panel

MIN_PERIODS = 8
"""Fewer periods of known sales than this do not support a recommendation."""

MIN_UNITS = 10.0
"""Nor do fewer units sold over the whole history."""

MIN_PRICE_SPREAD = 0.02
"""Where highest and lowest price differ by less than this share, the price never really varied."""

FEW_MOVES = 4
"""With fewer price moves of 2 % or more than this, the response to price is known badly."""

STALE_DAYS = {"day": 28, "week": 91, "month": 153}
"""A product whose last period lies this many days before the newest of the table is no longer sold."""

STEP_BEYOND = 0.10
"""How far beyond the prices charged so far a recommendation may go, a share."""

REMEDY: dict[AbstentionCode, str] = {
    "too_little_history": "collect_more_sales",
    "price_never_varied": "run_price_test",
    "cost_missing": "add_cost",
    "out_of_stock": "restock",
    "stale_data": "refresh_data",
    "outside_known_range": "run_price_test",
    "rules_infeasible": "relax_rules",
}


@dataclass(frozen=True)
class Evidence:
    """Per product, shape (B,) each."""

    periods: NDArray[np.int64]
    """Periods with known sales."""
    moves: NDArray[np.int64]
    """Price changes of 2 % or more."""
    known_low: NDArray[np.float64]
    known_high: NDArray[np.float64]
    """Lowest and highest price charged, currency."""
    abstain: list[AbstentionCode | None]
    """Why no price is recommended, or None."""

    def take(self, index: NDArray) -> Evidence:
        """The products at `index`."""
        return Evidence(
            self.periods[index],
            self.moves[index],
            self.known_low[index],
            self.known_high[index],
            [self.abstain[i] for i in index],
        )


def weigh(panel: Panel) -> Evidence:
    """Weigh the histories of a panel."""
    price, units = panel.history.price, panel.history.units
    present = np.isfinite(price)
    known = np.isfinite(units) & present
    periods, sold = known.sum(axis=1), np.where(known, units, 0.0).sum(axis=1)
    low = np.where(known, price, np.inf).min(axis=1)
    high = np.where(known, price, -np.inf).max(axis=1)
    current = panel.last_known("price")
    low, high = np.minimum(low, current), np.maximum(high, current)
    with np.errstate(invalid="ignore"):
        moved = np.abs(np.diff(np.log(price), axis=1)) >= MIN_PRICE_SPREAD
    last_day = panel.history.day[:, -1]
    stale = last_day.max() - last_day > STALE_DAYS[panel.period]
    out_of_stock = panel.last_known("stock") == 0
    abstain: list[AbstentionCode | None] = []
    for i in range(len(panel)):
        if stale[i]:
            abstain.append("stale_data")
        elif out_of_stock[i]:
            abstain.append("out_of_stock")
        elif periods[i] < MIN_PERIODS or sold[i] < MIN_UNITS:
            abstain.append("too_little_history")
        elif high[i] / low[i] - 1 < MIN_PRICE_SPREAD:
            abstain.append("price_never_varied")
        else:
            abstain.append(None)
    return Evidence(periods, moved.sum(axis=1), low, high, abstain)
