"""Drivers: what moved the recommended price, found by neutralising one input and asking the policy again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy.decision.choice import best_price
from policy.decision.recommendation import Driver
from policy.decision.situation import Situation, posterior_of
from policy.model.transformer import PolicyModel

SMALLEST = 0.005
"""Contributions below this share of the current price are not worth a mention."""


def drivers(
    model: PolicyModel, situation: Situation, model_price: NDArray, low: NDArray, high: NDArray
) -> list[tuple[Driver, ...]]:
    """Signed contributions to the model's price, largest first, for every product.

    An input is neutralised by putting its usual value (the median of its history; no limit for stock) in
    place of its present one, everything else being equal. What remains between the price with all inputs
    neutral and the current price is the demand response itself, named `elasticity`.

    Parameters
    ----------
    model_price
        The policy's price with every input as it is, currency, shape (B,).
    low, high
        The range in which it was sought, currency, shape (B,).
    """
    unlimited = np.full_like(situation.stock, np.nan)
    neutral = {
        "unit_cost": _neutral_cost(situation),
        "competitor_price": _neutral_competitor(situation),
        "stock": situation.with_future(stock=unlimited),
    }
    all_neutral = _neutral_competitor(neutral["unit_cost"]).with_future(stock=unlimited)
    current = situation.current_price
    found: list[list[Driver]] = [[] for _ in current]
    base = model_price.copy()
    touched = np.zeros(len(current), dtype=bool)
    for name, other in neutral.items():
        rows = np.flatnonzero(situation.differs_from(other))
        if len(rows) == 0:
            continue
        touched[rows] = True
        without = _price(model, other.take(rows), low[rows], high[rows])
        for row, price in zip(rows, without, strict=True):
            found[row].append(Driver(name=name, contribution=float(model_price[row] - price)))
    rows = np.flatnonzero(touched)
    if len(rows):
        base[rows] = _price(model, all_neutral.take(rows), low[rows], high[rows])
    for index, price in enumerate(base):
        found[index].append(Driver(name="elasticity", contribution=float(price - current[index])))
    return [
        tuple(
            sorted(
                (d for d in row_drivers if abs(d.contribution) >= SMALLEST * current[row]),
                key=lambda d: -abs(d.contribution),
            )
        )
        for row, row_drivers in enumerate(found)
    ]


def _price(model: PolicyModel, situation: Situation, low: NDArray, high: NDArray) -> NDArray:
    return best_price(
        posterior_of(model, situation),
        unit_cost=situation.objective_cost,
        stock=situation.stock,
        low=low,
        high=high,
    )


def _median(path: NDArray, otherwise: NDArray) -> NDArray:
    """Median of each row's known values, shape (B, T) to (B,)."""
    known = np.isfinite(path).any(axis=1)
    rows = np.where(known[:, None], path, 0.0)
    return np.where(known, np.nanmedian(rows, axis=1), otherwise)


def _neutral_cost(situation: Situation) -> Situation:
    usual = _median(situation.history.cost, situation.unit_cost)
    return situation.with_future(cost=usual)


def _neutral_competitor(situation: Situation) -> Situation:
    usual = _median(situation.history.competitor_price, situation.competitor_price)
    return situation.with_future(competitor_price=usual)
