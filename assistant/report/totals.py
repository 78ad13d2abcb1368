"""Sums over products: gains with their interval, and a change in money as price effect and volume effect."""

from __future__ import annotations

import math
from dataclasses import dataclass

from assistant.facts import total_decimals
from policy.decision.recommendation import Interval, Outcome


@dataclass
class GainTotal:
    """Expected gains of several products, in one currency and towards one objective.

    A sum of means is the mean of the sum however the errors go together; the interval is not, so it is given
    for both ends of what is possible.
    """

    count: int = 0
    mean: float = 0.0
    _below: float = 0.0
    _above: float = 0.0
    _low: float = 0.0
    _high: float = 0.0

    def add(self, gain: Interval) -> None:
        self.count += 1
        self.mean += gain.mean
        self._below += (gain.mean - gain.low) ** 2
        self._above += (gain.high - gain.mean) ** 2
        self._low += gain.low
        self._high += gain.high

    @property
    def independent(self) -> Interval:
        """If the products' errors have nothing to do with each other: roots of summed squares."""
        return Interval(
            mean=self.mean,
            low=self.mean - math.sqrt(self._below),
            high=self.mean + math.sqrt(self._above),
        )

    @property
    def together(self) -> Interval:
        """If all products err the same way at once: the sums of the ends."""
        return Interval(mean=self.mean, low=self._low, high=self._high)


@dataclass
class Effect:
    """A change in revenue, and in profit where costs are known, apart by cause. Store currency a period."""

    products: int = 0
    revenue_price: float = 0.0
    revenue_volume: float = 0.0
    costed: int = 0
    """Products whose cost is known."""
    profit_price: float = 0.0
    profit_volume: float = 0.0

    @property
    def revenue(self) -> float:
        return self.revenue_price + self.revenue_volume

    @property
    def profit(self) -> float:
        return self.profit_price + self.profit_volume

    def add(self, other: Effect) -> None:
        self.products += other.products
        self.costed += other.costed
        for name in ("revenue_price", "revenue_volume", "profit_price", "profit_volume"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def effect_of(take: Outcome, keep: Outcome) -> Effect:
    """One product's: the new price on the units of now, then the change of units at the new price."""
    by_price = (take.price - keep.price) * keep.units.mean
    found = Effect(
        products=1,
        revenue_price=by_price,
        revenue_volume=take.revenue.mean - keep.revenue.mean - by_price,
    )
    if take.profit is not None and keep.profit is not None:
        found.costed = 1
        found.profit_price = by_price
        found.profit_volume = take.profit.mean - keep.profit.mean - by_price
    return found


def adding_decimals(currency: str | None, total: float, *parts: float) -> int:
    """Decimals with which the parts, as printed, add up to the total, as printed; the usual ones where none
    do."""
    usual = total_decimals(currency, total, *parts)
    for decimals in dict.fromkeys((usual, total_decimals(currency))):
        if round(sum(round(part, decimals) for part in parts) - round(total, decimals), decimals) == 0:
            return decimals
    return usual
