"""What each part of a backtest comes to, decided by rules: equal numbers, equal conclusions.

Where chance among products could have made a difference nothing is concluded from it. What all products of
the quarter shared, such as its weather, no rule here knows of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from policy.evaluation.backtest.forecasts import Gap
from policy.evaluation.backtest.off_policy import Estimate
from policy.evaluation.backtest.replay import Difference

SURE = 2.0
"""Standard errors that two forecasters' errors must differ by for one to be called closer: chance alone makes
as much of it once in twenty."""

SHOWN = 0.001
"""Smallest difference of errors that tables, with three decimals, are sure to show."""

LEAST_PRODUCTS = 5
"""Products below which a standard error over products is itself too uncertain."""

Closeness = Literal["closer", "same", "further", "too_few"]
Earning = Literal["more", "less", "unclear"]


def of_forecasts(gap: Gap) -> Closeness:
    """Whether the policy's forecasts were closer to sales than another forecaster's."""
    if gap.products < LEAST_PRODUCTS:
        return "too_few"
    if abs(gap.mean) < max(SURE * gap.error, SHOWN):
        return "same"
    return "closer" if gap.mean < 0 else "further"


def of_estimates(estimates: Sequence[Estimate]) -> Earning:
    """Whether the policy would have earned more or less than the store did: only where the ranges of all
    estimates say the same."""
    found = {_of_range(estimate.gain_low, estimate.gain_high) for estimate in estimates}
    return found.pop() if len(found) == 1 else "unclear"


def of_difference(difference: Difference) -> Earning:
    """Whether the policy earned more or less than another in the replay."""
    return _of_range(difference.low, difference.high)


def _of_range(low: float, high: float) -> Earning:
    return "more" if low > 0 else "less" if high < 0 else "unclear"
