"""Drivers: what moved the recommended price, found by neutralising inputs and asking the policy again."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from policy.decision.choice import best_price
from policy.decision.recommendation import Driver
from policy.decision.situation import Situation, posteriors_of
from policy.model.transformer import PolicyModel

SMALLEST = 0.001
"""Contributions below this share of the current price are not worth a mention."""

INPUTS = ("unit_cost", "competitor_price", "stock")
"""What a contribution is stated for. Season, trend and promotions are none of them: in the markets that the
policy learned from they scale demand at every price alike, and so move the best one only where stock is
short."""


def drivers(
    model: PolicyModel, situation: Situation, model_price: NDArray, low: NDArray, high: NDArray
) -> list[tuple[Driver, ...]]:
    """Signed contributions to the model's price, largest first, for every product.

    An input is neutralised by putting its usual value (the median of its history) in place of its present
    one, everything else being equal. Where several inputs are out of the usual, what they do together is
    shared out by Shapley values: the mean, over all orders in which the inputs can take on their present
    values, of what each moves the price when its turn comes (Shapley 1953; Lundberg and Lee 2017, arXiv
    1705.07874). They are exact here, since three inputs have eight combinations.

    What remains between the price with all inputs as usual and the current price is the demand response
    itself, named `elasticity`. All contributions sum to the model's price minus the current one, but for
    those smaller than `SMALLEST`, which are left out.

    Parameters
    ----------
    model_price
        The policy's price with every input as it is, currency, shape (B,).
    low, high
        The range in which it was sought, currency, shape (B,).
    """
    usual = {name: _with_input(situation, name, _usual(situation, name)) for name in INPUTS}
    moved = np.stack([situation.differs_from(usual[name]) for name in INPUTS], axis=1)  # (B, inputs)
    shares = np.zeros(moved.shape)
    neutral_price = model_price.copy()
    for pattern in np.unique(moved[moved.any(axis=1)], axis=0):
        rows = np.flatnonzero((moved == pattern).all(axis=1))
        names = tuple(name for name, differs in zip(INPUTS, pattern, strict=True) if differs)
        prices = _prices_by_coalition(model, situation.take(rows), names, low[rows], high[rows])
        prices[frozenset(names)] = model_price[rows]
        neutral_price[rows] = prices[frozenset()]
        for name in names:
            shares[rows, INPUTS.index(name)] = shapley(prices, name)
    current = situation.current_price
    table = np.column_stack([shares, neutral_price - current])
    least = SMALLEST * current
    return [
        tuple(
            sorted(
                (
                    Driver(name=name, contribution=float(value))
                    for name, value in zip((*INPUTS, "elasticity"), values, strict=True)
                    if abs(value) >= least[row]
                ),
                key=lambda d: -abs(d.contribution),
            )
        )
        for row, values in enumerate(table)
    ]


def shapley(values: dict[frozenset[str], NDArray], name: str) -> NDArray:
    """Shapley value of one player of a game given by the value of every coalition, shape as of the values."""
    players = max(values, key=len)
    n = len(players)
    total = np.zeros_like(values[players])
    for coalition, value in values.items():
        if name not in coalition:
            order = factorial(len(coalition)) * factorial(n - len(coalition) - 1) / factorial(n)
            total = total + order * (values[coalition | {name}] - value)
    return total


def _prices_by_coalition(
    model: PolicyModel, situation: Situation, names: tuple[str, ...], low: NDArray, high: NDArray
) -> dict[frozenset[str], NDArray]:
    """The policy's price with the inputs of each coalition as they are and the others of `names` as usual,
    for all coalitions but the whole one, shape (B,) each."""
    coalitions = [frozenset(c) for size in range(len(names)) for c in combinations(names, size)]
    situations = []
    for coalition in coalitions:
        altered = situation
        for name in set(names) - coalition:
            altered = _with_input(altered, name, _usual(situation, name))
        situations.append(altered)
    return {
        coalition: best_price(
            posterior, unit_cost=altered.objective_cost, stock=altered.stock, low=low, high=high
        )
        for coalition, altered, posterior in zip(
            coalitions, situations, posteriors_of(model, situations), strict=True
        )
    }


def _with_input(situation: Situation, name: str, value: NDArray) -> Situation:
    return situation.with_future(**{"cost" if name == "unit_cost" else name: value})


def _usual(situation: Situation, name: str) -> NDArray:
    """Median of an input's history, shape (B,). A time without stock is no usual one: it sold nothing."""
    if name == "unit_cost":
        return _median(situation.history.cost, situation.unit_cost)
    if name == "competitor_price":
        return _median(situation.history.competitor_price, situation.competitor_price)
    on_hand = situation.history.stock / situation.future.price.shape[1]
    return _median(np.where(on_hand > 0, on_hand, np.nan), situation.stock)


def _median(path: NDArray, otherwise: NDArray) -> NDArray:
    """Median of each row's known values, shape (B, T) to (B,)."""
    known = np.isfinite(path).any(axis=1)
    rows = np.where(known[:, None], path, 0.0)
    return np.where(known, np.nanmedian(rows, axis=1), otherwise)
