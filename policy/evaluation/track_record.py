"""A shop's forecasts against what was then sold: rolled over its last quarter, and as they were really given.

What is measured is forecasts of units at the prices really charged. What a suggested price earned, against
the price that it replaced, no record can tell: only one of the two was charged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.decision.recommendation import Interval, Outcome, Recommendation
from policy.evaluation.backtest.conclusions import Closeness, of_forecasts
from policy.evaluation.backtest.forecasts import forecast
from policy.forecast.windows import LEVELS, Protocol, Sales, sales_of
from policy.history import Period, canonical_history
from policy.pipeline import PricingPipeline

SAME_PRICE = 0.005
"""Relative difference up to which the price charged is the one that was spoken of."""


@dataclass(frozen=True, kw_only=True)
class ProductRecord:
    """Forecasts of one product."""

    sku: str
    store: str | None
    forecasts: int
    """Periods forecast."""
    coverage: float
    """Share of them whose sales lay within the 80 % interval, ends included."""
    error: float | None
    """Mean absolute miss of the median forecast as a share of mean sales; None where nothing was sold."""


@dataclass(frozen=True, kw_only=True)
class TrackRecord:
    """How good the forecasts of the last quarter of each series would have been, by the priced-forecast
    protocol (`policy.forecast.windows`): each sees only the history before it."""

    period: Period
    products: int
    left_out: int
    """Products with too few periods to be forecast."""
    tested_from: str
    tested_to: str
    """First days of the first and last period forecast, ISO 8601."""
    ahead: int
    """Periods ahead of the furthest forecast."""
    forecasts: int
    coverage: float
    error: float | None
    against: dict[str, Closeness]
    """Against a regression on each series (`glm`) and the same period a season ago (`seasonal_naive`)."""
    by_product: tuple[ProductRecord, ...]


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """A forecast that was given with a suggestion, and what was sold in its period."""

    sku: str
    store: str | None
    date: str
    price: float
    """Charged."""
    expected: Interval
    """Units at that price, as said then."""
    sold: float

    @property
    def inside(self) -> bool:
        """Whether sales lay within the 80 % interval, ends included."""
        return self.expected.low <= self.sold <= self.expected.high


def track_record(pipeline: PricingPipeline, history: pd.DataFrame) -> TrackRecord:
    """Roll forecasts over the last quarter of a shop's history. Raises `HistoryError` where no product has
    history enough."""
    frame, report = canonical_history(history)
    protocol = Protocol()
    sales = sales_of(frame, protocol, name="shop")
    found = forecast(pipeline, sales)
    units = sales.path("units")[sales.ahead]  # (W, H)
    low, high = found.quantiles[:, :, 0], found.quantiles[:, :, -1]
    inside = (units >= low) & (units <= high)
    missed = np.abs(units - found.quantiles[:, :, LEVELS.index(0.5)])
    dates = sales.table["date"].iloc[sales.ahead.ravel()]
    return TrackRecord(
        period=report.period,
        products=len(np.unique(sales.series)),
        left_out=len(frame[["sku", *(["store"] if "store" in frame else [])]].drop_duplicates())
        - len(np.unique(sales.series)),
        tested_from=f"{dates.min():%Y-%m-%d}",
        tested_to=f"{dates.max():%Y-%m-%d}",
        ahead=sales.horizon,
        forecasts=units.size,
        coverage=float(inside.mean()),
        error=_share(missed, units),
        against={name: of_forecasts(gap) for name, gap in found.gaps.items()},
        by_product=tuple(_by_product(sales, units, inside, missed)),
    )


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """A period that was forecast at other prices than the one that was then charged."""

    sku: str
    store: str | None
    date: str


def foretold(given: Iterable[Recommendation], history: pd.DataFrame) -> list[Foretold]:
    """Forecasts that were given for periods which the history now holds, at a price that was spoken of.

    Of several for one product and period the last counts.
    """
    return come(given, history)[0]


def come(given: Iterable[Recommendation], history: pd.DataFrame) -> tuple[list[Foretold], list[Elsewhere]]:
    """`foretold`, and the periods at whose price no forecast for them was made: none can be judged."""
    frame, _ = canonical_history(history)
    stores = frame["store"].astype(str) if "store" in frame else pd.Series("", index=frame.index)
    keys = zip(stores, frame["sku"].astype(str), frame["date"].dt.strftime("%Y-%m-%d"), strict=True)
    charged = dict(zip(keys, zip(frame["price"], frame["units"], strict=True), strict=True))
    found: dict[tuple[str, str, str], Foretold] = {}
    elsewhere: dict[tuple[str, str, str], Elsewhere] = {}
    for it in given:
        key = it.store or "", it.sku, it.date[:10]
        price, sold = charged.get(key, (np.nan, np.nan))
        said = next((side for side in (it.take, it.keep) if side is not None and _is_at(side, price)), None)
        if not (np.isfinite(price) and np.isfinite(sold)):
            continue
        if said is None and it.keep is not None:
            elsewhere[key] = Elsewhere(sku=it.sku, store=it.store, date=it.date[:10])
        elif said is not None:
            found[key] = Foretold(
                sku=it.sku, store=it.store, date=it.date[:10], price=float(price), expected=said.units,
                sold=float(sold),
            )  # fmt: skip
    return list(found.values()), [it for key, it in elsewhere.items() if key not in found]


def _is_at(side: Outcome, price: float) -> bool:
    return bool(abs(price / side.price - 1) <= SAME_PRICE)


def _by_product(
    sales: Sales, units: NDArray[np.float64], inside: NDArray[np.bool_], missed: NDArray[np.float64]
) -> Iterable[ProductRecord]:
    for series in np.unique(sales.series):
        rows = sales.series == series
        first = sales.table.iloc[int(sales.series_start[series])]
        yield ProductRecord(
            sku=str(first["sku"]),
            store=str(first["store"]) or None,
            forecasts=int(units[rows].size),
            coverage=float(inside[rows].mean()),
            error=_share(missed[rows], units[rows]),
        )


def _share(missed: NDArray[np.float64], units: NDArray[np.float64]) -> float | None:
    return float(missed.sum() / units.sum()) if units.sum() > 0 else None
