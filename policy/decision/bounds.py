"""What each rule permits of one product, and what it has to know to say so."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from policy.decision.clauses import PackOf, is_european
from policy.decision.recommendation import VerdictNote

if TYPE_CHECKING:
    from policy.decision.rules import Rules

ORDER = (
    "max_change",
    "max_increase",
    "max_decrease",
    "lowest_price",
    "highest_price",
    "freeze",
    "min_margin",
    "below_cost",
    "below_cost_floor",
    "map",
    "essential_cap",
    "competitor_index",
    "price_ending",
    "price_group",
    "pack",
)
"""In which rules are applied, and so listed. All hold at the end, so the price does not depend on it; which
rule is said to have moved the price does."""

EMERGENCY_CAP = 0.10
"""Largest rise of an essential good's price in an emergency (California Penal Code 396(b))."""

ROUNDING = 1e-6
"""Minor units by which a bound may miss a whole one in floating point: 18.00 x 1.20 must allow 21.60."""


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What rules ask about one product on the day it is priced. Money in store currency; None is unknown,
    and a rule that asks for what is unknown asks nothing, except where its own text says otherwise."""

    current_price: float
    unit_cost: float | None = None
    date: dt.date | None = None
    """First day on which the price would hold."""
    currency: str | None = None
    """ISO 4217; prices are whole minor units of it, hundredths where it is unknown."""
    market: str | None = None
    """The outlet; `Rules.market` overrides it."""
    competitor_price: float | None = None
    competitor_age_days: int = 0
    """How long before the newest sales the competitor's price was seen."""
    price_before_emergency: float | None = None
    """Charged on the last day before the emergency."""
    group_price: float | None = None
    """What the products priced together with this one cost."""
    pack_ceiling: float | None = None
    """The highest price at which a pack is cheaper than so many single ones."""
    pack_floor: float | None = None
    """The lowest price at which the packs of this product are cheaper than so many single ones."""

    def __post_init__(self) -> None:
        cost, current = self.unit_cost, self.current_price
        if not (math.isfinite(current) and current > 0):
            raise ValueError(f"`current_price` must be a positive number, got {current!r}.")
        if cost is not None and not (math.isfinite(cost) and cost >= 0):
            raise ValueError(f"`unit_cost` must be at least 0, or None where unknown, got {cost!r}.")

    @property
    def minor_units(self) -> int:
        """Minor units in one unit of the currency: 100 cents, 1 yen."""
        return 10 ** _decimals(self.currency)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The prices that one rule permits, store currency, both ends included."""

    rule: str
    low: float = 0.0
    high: float = math.inf
    applies: bool = True
    note: VerdictNote | None = None


def bounds(rules: Rules, now: Circumstances) -> list[Bound]:
    """What each rule permits, in `ORDER`, price endings aside; rules that are switched off are left out."""
    found = [
        *_change_bounds(rules, now),
        *_floors(rules, now),
        *_caps(rules, now),
        *_joint_bounds(rules, now),
    ]
    return sorted(found, key=lambda bound: ORDER.index(bound.rule))


def _change_bounds(rules: Rules, now: Circumstances) -> Iterator[Bound]:
    current = now.current_price
    if rules.max_change is not None:
        low, high = current * (1 - rules.max_change), current * (1 + rules.max_change)
        yield Bound(rule="max_change", low=max(low, 0.0), high=high)
    if rules.max_increase is not None:
        yield Bound(rule="max_increase", high=current * (1 + rules.max_increase))
    if rules.max_decrease is not None:
        yield Bound(rule="max_decrease", low=current * (1 - rules.max_decrease))
    if rules.lowest_price is not None:
        yield Bound(rule="lowest_price", low=rules.lowest_price)
    if rules.highest_price is not None:
        yield Bound(rule="highest_price", high=rules.highest_price)
    if rules.freezes:
        if now.date is None:
            yield Bound(rule="freeze", applies=False, note="date_unknown")
        elif is_frozen(rules, now):
            yield Bound(rule="freeze", low=current, high=current)
        else:
            yield Bound(rule="freeze", applies=False, note="not_frozen")


def is_frozen(rules: Rules, now: Circumstances) -> bool:
    """Whether the price may not change on the day."""
    return now.date is not None and any(freeze.covers(now.date) for freeze in rules.freezes)


def _floors(rules: Rules, now: Circumstances) -> Iterator[Bound]:
    cost, exception = now.unit_cost, rules.below_cost_exception
    excepted = exception is not None and exception.covers(now.date)
    unusable: VerdictNote | None = (
        "cost_unknown" if cost is None else "below_cost_exception" if excepted else None
    )
    if rules.min_margin is not None:
        floor = (cost or 0.0) / (1 - rules.min_margin)
        yield Bound(rule="min_margin", low=floor, applies=unusable is None, note=unusable)
    if not rules.allow_below_cost:
        yield Bound(rule="below_cost", low=cost or 0.0, applies=unusable is None, note=unusable)
    if exception is not None:
        unusable = "cost_unknown" if cost is None else None if excepted else "exception_not_in_force"
        floor = (cost or 0.0) * exception.floor
        yield Bound(rule="below_cost_floor", low=floor, applies=unusable is None, note=unusable)
    market = rules.market or now.market
    minimum = rules.minimum_in(market)
    if minimum is not None:
        warning: VerdictNote | None = (
            "resale_price_maintenance" if is_european(market, now.currency) else None
        )
        yield Bound(rule="map", low=minimum, note=warning)
    elif rules.minimum_by_market:
        yield Bound(rule="map", applies=False, note="other_market")


def _caps(rules: Rules, now: Circumstances) -> Iterator[Bound]:
    if rules.essential:
        since, before = rules.emergency_since, now.price_before_emergency
        if since is None or now.date is None or now.date < since:
            yield Bound(rule="essential_cap", applies=False, note="no_emergency")
        elif before is None:  # what 10 % over an unknown price is, nobody can show: no rise
            yield Bound(rule="essential_cap", high=now.current_price, note="price_before_unknown")
        else:
            yield Bound(rule="essential_cap", high=before * (1 + EMERGENCY_CAP))
    index, rival = rules.competitor_index, now.competitor_price
    if index is not None:
        if rival is None:
            yield Bound(rule="competitor_index", applies=False, note="competitor_unknown")
        elif now.competitor_age_days > index.max_age_days:
            yield Bound(rule="competitor_index", applies=False, note="competitor_stale")
        else:
            low, high = (0.0 if index.low is None else index.low), (index.high or math.inf)
            yield Bound(rule="competitor_index", low=rival * low, high=rival * high)


def _joint_bounds(rules: Rules, now: Circumstances) -> Iterator[Bound]:
    if now.group_price is not None:
        yield Bound(rule="price_group", low=now.group_price, high=now.group_price)
    elif rules.price_group is not None:
        yield Bound(rule="price_group", applies=False, note="alone_in_group")
    if now.pack_ceiling is not None or now.pack_floor is not None:
        high = math.inf if now.pack_ceiling is None else now.pack_ceiling
        yield Bound(rule="pack", low=now.pack_floor or 0.0, high=high)
    elif rules.pack_of is not None:
        yield Bound(rule="pack", applies=False, note="single_unknown")


def pack_ceiling(single_price: float, pack: PackOf, unit: int) -> float:
    """The highest price of a pack that makes it cheaper a unit than single ones, in whole minor units."""
    most = single_price * unit * pack.units * (1 - pack.min_saving)
    # Without a saving asked for, one minor unit is one.
    return (whole_down(most) if pack.min_saving > 0 else math.ceil(most - ROUNDING) - 1) / unit


def pack_floor(pack_price: float, pack: PackOf, unit: int) -> float:
    """The lowest single price at which a pack stays cheaper a unit, in whole minor units."""
    share = pack.units * (1 - pack.min_saving)
    cents = max(1, math.floor(pack_price * unit / share) - 1)
    while pack_ceiling(cents / unit, pack, unit) * unit < pack_price * unit - slack(pack_price * unit):
        cents += 1
    return cents / unit


def lattice(ending: float, unit: int) -> tuple[int, int] | None:
    """First price with an ending and the step between such prices, minor units: 0.99 is (99, 100) in cents,
    9 is (900, 1000); None where the currency has no such ending."""
    first = ending * unit
    if abs(first - round(first)) > ROUNDING:
        return None
    return round(first), unit * (10 ** len(str(int(ending))) if ending >= 1 else 1)


def ends_so(cents: float, lattice: tuple[int, int] | None) -> bool:
    """Whether a price in minor units has the ending."""
    if lattice is None:
        return False
    first, step = lattice
    return cents >= first - 0.5 and abs(cents - first - round((cents - first) / step) * step) <= slack(cents)


def whole_up(cents: float) -> int:
    """The first whole minor unit from here on."""
    return math.ceil(cents - ROUNDING)


def whole_down(cents: float) -> float:
    """The last whole minor unit up to here; infinity stays."""
    return cents if math.isinf(cents) else math.floor(cents + ROUNDING)


def slack(cents: float) -> float:
    """By how much a price may miss a bound in floating point, minor units."""
    return 2 * ROUNDING * max(1.0, abs(cents) * 1e-6)


@cache
def _decimals(currency: str | None) -> int:
    if currency is None:
        return 2
    from babel.numbers import get_currency_precision

    return int(get_currency_precision(currency))
