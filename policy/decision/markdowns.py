"""Markdown paths: prices that never rise, searched for the best way to sell a stock by a date.

A path has at most three prices, each kept until a date. Few suffice: where demand does not change with time
one well chosen price is asymptotically optimal, and what better policies add beyond it is small (Gallego and
van Ryzin 1994, Management Science 40(8)); what more prices would follow is a stock that sells otherwise than
foreseen, and then a plan is better made anew. All such paths on a ladder of prices are valued on the same
draws of demand (common random numbers), stock-limited, with the demand curve unknown but one and the same
throughout: a dynamic program over stock alone would need to know it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from policy.decision.joint import Luck, demand_paths
from policy.model.posterior import Posterior

RUNGS = 12
"""Prices on the ladder between the present one and the lowest allowed."""

MOST_PRICES = 3

CUT_TIMES = 13
"""Periods in which a price may be cut, evenly spaced where there are more."""


@dataclass(frozen=True)
class Ladder:
    """Prices that a path may use, and the steps between them that rules permit in one period."""

    prices: NDArray[np.float64]
    """Falling, the first is the present price, currency, shape (P,)."""
    steps: NDArray[np.bool_]
    """Whether one price may follow another, shape (P, P), rows the earlier; staying is always permitted."""


def ladder(
    current: float, lowest: float, *, allowed: Callable[[float, float], float | None], rungs: int = RUNGS
) -> Ladder:
    """A ladder from the present price to the lowest that can be reached.

    Parameters
    ----------
    lowest
        No price is below it, currency.
    allowed
        The price nearest to a wanted one (first argument) that rules permit after another (second), or None
        where there is none.
    """
    reached = [current]
    while len(reached) <= MOST_PRICES:
        step = allowed(lowest, reached[-1])
        if step is None or step >= reached[-1] - 0.005:
            break
        reached.append(step)
    bottom = min(reached)
    wanted = [*np.geomspace(current, max(bottom, lowest), rungs)[1:], *reached[1:]]
    # What rules permit after itself obeys every rule but the one on change.
    found = {allowed(float(p), float(p)) for p in wanted}
    prices = sorted(
        {p for p in found if p is not None and lowest - 0.005 <= p < current - 0.005}, reverse=True
    )
    rung = np.array([current, *prices])
    steps = np.eye(len(rung), dtype=bool)
    for i, j in combinations(range(len(rung)), 2):
        after = allowed(float(rung[j]), float(rung[i]))
        steps[i, j] = after is not None and abs(after - rung[j]) < 0.005
    return Ladder(rung, steps)


@dataclass(frozen=True)
class Found:
    """The paths that matter, as prices of H periods, currency, shape (H,) each."""

    best: NDArray[np.float64]
    """Of the highest expected value."""
    surest: NDArray[np.float64]
    """Of the highest chance of selling through; of those that sell most, where chances are equal."""
    plan: NDArray[np.float64]
    """The most valuable one that sells through with the chance wanted; the surest where none does."""


def search(
    posterior: Posterior,
    rungs: Ladder,
    *,
    stock: float,
    worth: NDArray,
    wanted_chance: float,
    luck: Luck,
) -> Found:
    """Value every path with at most `MOST_PRICES` prices.

    Parameters
    ----------
    posterior
        One product's, a row for each of H periods.
    worth
        What a unit sold at each price of the ladder brings more than one left at the end, currency, (P,).
    """
    periods = len(posterior.weights)
    grid = np.broadcast_to(rungs.prices, (periods, len(rungs.prices)))
    demand = demand_paths(posterior, grid, luck)  # (D, H, P)
    until = np.concatenate([np.zeros_like(demand[:, :1]), np.cumsum(demand, axis=1)], axis=1)  # (D, H + 1, P)
    times = np.unique(np.linspace(1, periods, min(periods, CUT_TIMES + 1)).round().astype(int))[:-1]
    paths, means, chances, solds = [], [], [], []
    for levels in _falling(rungs):
        cuts = list(combinations(times, len(levels) - 1))
        if not cuts:  # fewer periods than prices
            continue
        ends = np.array([(0, *cut, periods) for cut in cuts], dtype=int)
        asked = np.zeros((len(demand), len(ends)))
        gone, total = asked, 0.0
        for i, level in enumerate(levels):
            asked = asked + until[:, ends[:, i + 1], level] - until[:, ends[:, i], level]
            sold = np.minimum(asked, stock)
            total = total + worth[level] * (sold - gone)
            gone = sold
        paths += [(levels, row) for row in ends]
        means.append(np.mean(total, axis=0))
        chances.append((asked >= stock).mean(axis=0))
        solds.append(gone.mean(axis=0))
    mean, chance, sold_mean = (np.concatenate(v) for v in (means, chances, solds))

    def prices(index: np.intp) -> NDArray:
        levels, ends = paths[index]
        return np.repeat(rungs.prices[list(levels)], np.diff(ends))

    surest = np.lexsort((sold_mean, chance))[-1]
    # A standard error more than is wanted, so that fresh draws do not as a rule find less.
    wanted = wanted_chance + np.sqrt(wanted_chance * (1 - wanted_chance) / len(luck.curve))
    enough = chance >= min(wanted, chance[surest])
    plan = np.where(enough, mean, -np.inf).argmax() if chance[surest] >= wanted_chance else surest
    return Found(best=prices(mean.argmax()), surest=prices(surest), plan=prices(plan))


def _falling(rungs: Ladder) -> list[tuple[int, ...]]:
    """Sequences of falling prices, by index, that are permitted one after the other from the present one."""
    found: list[tuple[int, ...]] = [(int(i),) for i in np.flatnonzero(rungs.steps[0])]
    last = found
    for _ in range(MOST_PRICES - 1):
        last = [
            (*levels, int(j))
            for levels in last
            for j in np.flatnonzero(rungs.steps[levels[-1]])
            if j > levels[-1]
        ]
        found = found + last
    return found
