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
from itertools import combinations, pairwise, product

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
    """Prices that a path may use, and what rules permit of them in each of H periods."""

    prices: NDArray[np.float64]
    """Falling, the first is the present price, currency, shape (P,)."""
    steps: NDArray[np.bool_]
    """Whether one price may follow another in a period, shape (H, P, P), rows the earlier price; on the
    diagonal, whether a price may be kept. The present one always may."""

    @property
    def lowest(self) -> float:
        """The lowest price that may stand in the last period."""
        return float(self.prices[self.steps[-1].diagonal()][-1])


def ladder(
    current: float,
    lowest: float,
    *,
    periods: int,
    allowed: Callable[[float, float, int], float | None],
) -> Ladder:
    """A ladder from the present price to the lowest that can be reached.

    Parameters
    ----------
    lowest
        No price is below it, currency.
    periods
        How many, H.
    allowed
        The price nearest to a wanted one (first argument) that rules permit after another (second) in a
        period (third, from 0 on), or None where there is none.
    """
    reached, cuts = [current], []
    for h in range(periods):
        step = allowed(lowest, current, h)
        if step is None or step >= current - 0.005:
            continue  # frozen
        cuts.append(h)
        step = allowed(lowest, reached[-1], h)
        if len(reached) <= MOST_PRICES and step is not None and step < reached[-1] - 0.005:
            reached.append(step)
    bottom = min(reached)
    wanted = [*np.geomspace(current, max(bottom, lowest), RUNGS)[1:], *reached[1:]]
    # What rules permit after itself obeys every rule but the one on change.
    found = {allowed(float(p), float(p), h) for p in wanted for h in cuts}
    prices = sorted(
        {p for p in found if p is not None and lowest - 0.005 <= p < current - 0.005}, reverse=True
    )
    rung = np.array([current, *prices])
    steps = np.zeros((periods, len(rung), len(rung)), dtype=bool)
    steps[:, 0, 0] = True
    for h, i, j in product(range(periods), range(len(rung)), range(1, len(rung))):
        if i <= j:
            after = allowed(float(rung[j]), float(rung[i]), h)
            steps[h, i, j] = after is not None and abs(after - rung[j]) < 0.005
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
    times = _cut_times(rungs)
    paths, means, chances, solds = [], [], [], []
    for levels in _falling(rungs):
        cuts = combinations(times, len(levels) - 1)
        ends = np.array([(0, *cut, periods) for cut in cuts], dtype=int).reshape(-1, len(levels) + 1)
        ends = ends[_permitted(rungs, levels, ends)]
        if not len(ends):  # fewer periods than prices, or rules forbid them
            continue
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


def _cut_times(rungs: Ladder) -> NDArray[np.int64]:
    """Periods after the first in which some price may be cut, `CUT_TIMES` at most."""
    cuts: NDArray[np.bool_] = np.asarray(np.triu(rungs.steps, k=1).any(axis=(1, 2)))
    times = np.flatnonzero(cuts[1:]) + 1
    if len(times) <= CUT_TIMES:
        return times
    return times[np.linspace(0, len(times) - 1, CUT_TIMES).round().astype(int)]


def _falling(rungs: Ladder) -> list[tuple[int, ...]]:
    """Sequences of falling prices, by index, that are permitted one after the other from the present one in
    some period."""
    steps: NDArray[np.bool_] = np.asarray(rungs.steps.any(axis=0))
    found: list[tuple[int, ...]] = [(int(i),) for i in np.flatnonzero(rungs.steps[0, 0])]
    last = found
    for _ in range(MOST_PRICES - 1):
        last = [
            (*levels, int(j)) for levels in last for j in np.flatnonzero(steps[levels[-1]]) if j > levels[-1]
        ]
        found = found + last
    return found


def _permitted(rungs: Ladder, levels: tuple[int, ...], ends: NDArray) -> NDArray[np.bool_]:
    """Whether rules permit falling prices, by index, from period to period: each cut when it comes, and each
    price for as long as it is kept. `ends` are the periods in which they end, after a 0, shape (N, prices +
    1); the answer has shape (N,)."""
    kept = np.diagonal(rungs.steps, axis1=1, axis2=2)  # (H, P)
    broken = np.concatenate([np.zeros_like(kept[:1], dtype=int), np.cumsum(~kept, axis=0)])  # (H + 1, P)
    good = np.ones(len(ends), dtype=bool)
    for i, (before, level) in enumerate(pairwise((0, *levels))):
        start, end = ends[:, i], ends[:, i + 1]
        good &= rungs.steps[start, before, level] & (broken[end, level] == broken[start + 1, level])
    return good
