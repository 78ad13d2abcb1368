"""How products stand: stock against sales, the competitor's price and its age, what their records hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from policy.decision.evidence import Evidence, weigh
from policy.decision.recommend import Label
from policy.decision.situation import iso_date, known
from policy.history import Period
from policy.model.panel import Panel

RECENT: Mapping[Period, int] = {"day": 28, "week": 8, "month": 3}
"""Periods over which the pace of sales is taken, and without a sale in which stock counts as dead."""

SLOW_COVER: Mapping[Period, int] = {"day": 182, "week": 26, "month": 6}
"""Stock for more than this many periods of sales is slow: half a year."""

COMPETITOR_STALE_DAYS: Mapping[Period, int] = {"day": 14, "week": 28, "month": 62}
"""A competitor's price whose period began this many days before the table's newest period is out of date."""

LEVEL = 0.01
"""Within this share of the competitor's price two prices are level."""

StockCode = Literal["sold_out", "dead", "slow"]
PositionCode = Literal["above", "level", "below"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One product by its records alone; nothing here is a forecast. Money in store currency."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    period: Period
    current_price: float
    """Last price charged."""
    unit_cost: float | None
    first_date: str
    """First day of the first period on record, ISO 8601."""
    last_date: str
    """First day of the last one."""
    periods: int
    """Periods with known sales."""
    price_changes: int
    """Changes of 2 % or more."""
    lowest_price: float
    highest_price: float
    """Ever charged."""
    pace: float | None
    """Mean units per period over the last `RECENT` periods in which there was stock; None where there were
    none."""
    idle_periods: int
    """Periods on record since the last one with a sale; 0 where the last one had some."""
    stock: float | None
    """Units on hand by the last record of them."""
    stock_date: str | None
    competitor_price: float | None
    competitor_date: str | None
    """First day of the period of that price."""
    competitor_stale: bool
    """Whether that price is out of date against the newest period of the table."""

    @property
    def below_cost(self) -> bool | None:
        """Whether the product sells below its unit cost; None where that is unknown."""
        return None if self.unit_cost is None else self.current_price < self.unit_cost

    @property
    def cover(self) -> float | None:
        """Periods that the stock lasts at the present pace; None where either is unknown or nothing sells."""
        return None if self.stock is None or not self.pace else self.stock / self.pace

    @property
    def stock_state(self) -> StockCode | None:
        """What is wrong with the stock, if anything."""
        if self.stock is None:
            return None
        if self.stock <= 0:
            return "sold_out"
        if self.idle_periods >= RECENT[self.period]:
            return "dead"
        return "slow" if self.cover is not None and self.cover > SLOW_COVER[self.period] else None

    @property
    def stock_old(self) -> bool:
        """Whether sales are on record after the last record of stock, which counts none of them."""
        return self.stock_date is not None and self.stock_date < self.last_date

    @property
    def price_index(self) -> float | None:
        """Own price over the competitor's; 1 is level."""
        return None if self.competitor_price is None else self.current_price / self.competitor_price

    @property
    def position(self) -> PositionCode | None:
        """Whether the own price lies above the competitor's, level with it, or below."""
        if self.price_index is None:
            return None
        if abs(self.price_index - 1) <= LEVEL:
            return "level"
        return "above" if self.price_index > 1 else "below"


def standings(panel: Panel, labels: list[Label]) -> list[Standing]:
    """How every product of a panel stands, in its order."""
    evidence: Evidence = weigh(panel)
    history = panel.history
    newest = int(history.day[:, -1].max())
    pace, idle = _pace(panel)
    columns = {name: panel.last_known(name) for name in ("price", "cost", "stock", "competitor_price")}
    stock_day, rival_day = _last_day(panel, "stock"), _last_day(panel, "competitor_price")
    first = history.price.shape[1] - panel.lengths
    found = []
    for i, (store, sku) in enumerate(panel.keys):
        found.append(
            Standing(
                sku=sku,
                store=store,
                name=labels[i].name,
                currency=labels[i].currency,
                period=panel.period,
                current_price=float(columns["price"][i]),
                unit_cost=known(columns["cost"][i]),
                first_date=iso_date(history.day[i, first[i]]),
                last_date=iso_date(history.day[i, -1]),
                periods=int(evidence.periods[i]),
                price_changes=int(evidence.moves[i]),
                lowest_price=float(evidence.known_low[i]),
                highest_price=float(evidence.known_high[i]),
                pace=known(pace[i]),
                idle_periods=int(idle[i]),
                stock=known(columns["stock"][i]),
                stock_date=None if stock_day[i] < 0 else iso_date(stock_day[i]),
                competitor_price=known(columns["competitor_price"][i]),
                competitor_date=None if rival_day[i] < 0 else iso_date(rival_day[i]),
                competitor_stale=bool(
                    rival_day[i] >= 0 and newest - rival_day[i] > COMPETITOR_STALE_DAYS[panel.period]
                ),
            )
        )
    return found


def _pace(panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean recent units per period with stock (NaN where there is none), and periods since the last sale,
    shapes (B,)."""
    units, stock = panel.history.units, panel.history.stock
    recent = slice(max(units.shape[1] - RECENT[panel.period], 0), None)
    counted = np.isfinite(units) & ~(stock <= 0)
    sold = np.where(counted, units, 0.0)[:, recent].sum(axis=1)
    count = counted[:, recent].sum(axis=1)
    pace = np.divide(sold, count, out=np.full(len(panel), np.nan), where=count > 0)
    some = np.nan_to_num(units) > 0
    idle = np.where(some.any(axis=1), some[:, ::-1].argmax(axis=1), panel.lengths)
    return pace, idle


def _last_day(panel: Panel, name: str) -> NDArray[np.int64]:
    """First day of the last period that knows a path, days since 1970-01-01 and -1 where in none, (B,)."""
    finite = np.isfinite(getattr(panel.history, name))
    last = finite.shape[1] - 1 - finite[:, ::-1].argmax(axis=1)
    return np.where(finite.any(axis=1), panel.history.day[np.arange(len(finite)), last], -1)
