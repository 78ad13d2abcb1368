"""Clearance: a dated price path that sells a stock by a date, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date as Date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from policy.decision.choice import REACH
from policy.decision.evidence import STEP_BEYOND
from policy.decision.given import QuestionError, require_not_negative, require_positive
from policy.decision.joint import Luck, demand_paths, interval_of, sold_of
from policy.decision.limits import permitted
from policy.decision.markdowns import Found, Ladder, ladder, search
from policy.decision.product import Product, Window
from policy.decision.recommend import what_if_cautions
from policy.decision.recommendation import Interval
from policy.decision.rules import Rules
from policy.decision.situation import Situation, posterior_by_period
from policy.decision.totals import DRAWS, SEED, PricePath, gain_over
from policy.model.posterior import Posterior

WANTED_CHANCE = 0.8
"""The chance of selling through that a plan must have where it can."""

SEARCH_DRAWS = 500
"""Draws by which paths are compared; what is reported of the chosen ones comes from fresh ones, since the
best of many looks better on its own draws than it is."""

Limit = Literal["rules", "known_range", "given", "none"]
"""What keeps the price from going lower: rules, the range of prices that the history can speak for, or the
lowest price given. `none` where the surest path ends above the lowest price in reach: going lower would not
sell through more surely."""


@dataclass(frozen=True, kw_only=True)
class ClearanceStep:
    """One period of a path."""

    date: str
    """First day, ISO 8601."""
    price: float
    sold: Interval
    """Units, with the 80 % interval."""
    left: Interval
    """Units on hand at the end of the period."""


@dataclass(frozen=True, kw_only=True)
class ClearancePath:
    """A price a period and what comes of it, stock-limited. Intervals hold what will happen in four of five
    cases, chance of the day included."""

    steps: tuple[ClearanceStep, ...]
    chance: float
    """Of selling through."""
    units: Interval
    left: Interval
    revenue: Interval
    profit: Interval | None
    """Revenue plus salvage of what is left, minus the cost of the whole stock: the
    cost of unsold units is lost. None where the unit cost is unknown."""


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """How one product's stock may be sold by a date."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    period: str
    stock: float
    """Units to be sold."""
    dates: tuple[str, ...]
    end: str
    """Last day of the last period, ISO 8601."""
    unit_cost: float | None
    salvage: float
    wanted_chance: float
    """`WANTED_CHANCE`."""
    reached: bool
    """Whether any path within the limits sells through with the chance wanted. Where none does, `plan` is the
    one that comes closest, `surest`."""
    plan: ClearancePath
    """The most valuable path that sells through with the chance wanted."""
    keep: ClearancePath
    """At the present price."""
    best: ClearancePath
    """The path that earns most, whatever it leaves unsold."""
    surest: ClearancePath
    """The path with the highest chance of selling through."""
    gain: Interval
    """What the plan earns more than keeping the price, salvage included: the average, with the 80 % interval
    of what is not known of demand."""
    lowest_price: float
    """The lowest in reach within the limits by the last period."""
    limited_by: Limit
    cautions: tuple[str, ...]


def clearance(
    product: Product,
    *,
    until: str | Date | None = None,
    periods: int | None = None,
    stock: float | None = None,
    rules: Rules | None = None,
    low: float | None = None,
    unit_cost: float | None = None,
    salvage: float = 0.0,
) -> Clearance:
    """A path of prices, one a period and never rising, that sells a stock by a date.

    Parameters
    ----------
    until
        The stock is to be gone by the end of this day: whole periods only are counted.
    periods
        How many periods, in place of a date.
    stock
        Units to sell; by default what is on hand by the history.
    rules
        Limits on every step, its largest change among them; the default rules where None.
    low
        Lowest price, store currency. Where it is not given, prices go no lower than the history can speak
        for (a tenth below the lowest that was charged).
    unit_cost
        In place of the known one.
    salvage
        What a unit left at the end is worth, store currency.

    Raises
    ------
    QuestionError
        No stock is known or given, no date is, or a number is out of its range.
    """
    require_positive(stock=stock, low=low, unit_cost=unit_cost)
    require_not_negative(salvage=salvage)
    if until is None and periods is None:
        raise QuestionError("no_date", "Say by when the stock is to be sold: `until`, or `periods`.")
    window = product.window(periods=periods, until=until, whole=True)
    on_hand = np.floor(product.stock or 0.0) if stock is None else np.floor(stock)
    if on_hand < 1:
        raise QuestionError(
            "stock_missing",
            "No stock of '{sku}' is known to be on hand. Give `stock`, or a `stock` column in the history.",
            sku=product.sku,
        )
    cost = product.unit_cost if unit_cost is None else unit_cost
    rungs, limit = _ladder(product, window, rules or Rules(), low, cost)
    situation = product.situation(window.reach).with_future(
        cost=None if cost is None else np.array([cost]),
        stock=np.array([on_hand / window.periods]),
    )
    found, readings = _search(product, situation, rungs, window, salvage, on_hand)
    luck = Luck.drawn(np.random.default_rng(SEED), DRAWS, window.periods)
    outcomes = [_outcome(path, window, cost, salvage, on_hand, luck) for path in readings]
    keep, plan, best, surest = outcomes
    lowest = min(step.price for step in plan.steps)
    cautions = set(what_if_cautions(product.evidence, 0, lowest, np.nan if cost is None else cost))
    return Clearance(
        sku=product.sku,
        store=product.store,
        name=product.label.name,
        currency=product.label.currency,
        period=product.period,
        stock=float(on_hand),
        dates=window.dates,
        end=window.end,
        unit_cost=cost,
        salvage=salvage,
        wanted_chance=WANTED_CHANCE,
        reached=max(plan.chance, surest.chance) >= WANTED_CHANCE,
        plan=plan,
        keep=keep,
        best=best,
        surest=surest,
        gain=gain_over((readings[1], readings[0]), stock=float(on_hand), luck=luck),
        lowest_price=rungs.lowest,
        limited_by=limit if np.isclose(found.surest[-1], rungs.lowest) else "none",
        cautions=tuple(sorted(cautions - {"out_of_stock"})),
    )


def _ladder(
    product: Product, window: Window, rules: Rules, low: float | None, cost: float | None
) -> tuple[Ladder, Limit]:
    current = product.current_price
    known = float(product.evidence.known_low[0]) * (1 - STEP_BEYOND)
    lowest = np.ceil(100 * max(known if low is None else low, current * np.exp(-REACH)) - 1e-6) / 100

    now = product.circumstances(rules, unit_cost=cost)
    days = [replace(now, date=Date.fromisoformat(day)) for day in window.dates]

    def allowed(price: float, after: float, period: int) -> float | None:
        return permitted(price, rules, replace(days[period], current_price=after))

    rungs = ladder(current, min(lowest, current), periods=window.periods, allowed=allowed)
    if rungs.lowest > lowest * 1.01:
        return rungs, "rules"
    return rungs, "given" if low is not None and low >= lowest else "known_range"


def _search(
    product: Product,
    situation: Situation,
    rungs: Ladder,
    window: Window,
    salvage: float,
    stock: float,
) -> tuple[Found, list[PricePath]]:
    """The paths found, and keep, plan, best and surest each with what is believed along it. Buyers remember
    prices, so demand in a period depends a little on the prices before it: the search is made along the
    present price, and once more along what it found."""

    def read(paths: list[NDArray]) -> list[Posterior]:
        futures = [
            replace(situation, future=replace(situation.future, price=prices[None, :])) for prices in paths
        ]
        return [window.of(p) for p in posterior_by_period(product.network, futures)]

    keep = np.full(window.periods, product.current_price)
    luck = Luck.drawn(np.random.default_rng([SEED, 1]), SEARCH_DRAWS, window.periods)
    along = keep
    for _ in range(2):
        found = search(
            read([along])[0],
            rungs,
            stock=stock,
            worth=rungs.prices - salvage,
            wanted_chance=WANTED_CHANCE,
            luck=luck,
        )
        along = found.plan
    paths = [keep, found.plan, found.best, found.surest]
    # Equal paths are read once: twice they would differ in the last digit, and a draw by a unit.
    distinct = {tuple(path): path for path in paths}
    beliefs = dict(zip(distinct, read(list(distinct.values())), strict=True))
    return found, [PricePath(path, beliefs[tuple(path)], path - salvage) for path in paths]


def _outcome(
    path: PricePath, window: Window, cost: float | None, salvage: float, stock: float, luck: Luck
) -> ClearancePath:
    sold = sold_of(demand_paths(path.posterior, path.prices[:, None], luck)[..., 0], stock)  # (D, H)
    left = stock - np.cumsum(sold, axis=1)
    # The stock is bought: its cost is the same on every path, and worth knowing all the same.
    earned = salvage * stock + sold @ path.value - (cost or 0.0) * stock
    return ClearancePath(
        steps=tuple(
            ClearanceStep(
                date=date,
                price=float(path.prices[h]),
                sold=interval_of(sold[:, h]),
                left=interval_of(left[:, h]),
            )
            for h, date in enumerate(window.dates)
        ),
        chance=float((left[:, -1] < 1).mean()),
        units=interval_of(sold.sum(axis=1)),
        left=interval_of(left[:, -1]),
        revenue=interval_of(sold @ path.prices),
        profit=None if cost is None else interval_of(earned),
    )
