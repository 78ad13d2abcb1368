"""The periods to be forecast: a table of future prices as arrays aligned with the histories."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.history.checks import HistoryError, dates, words
from policy.market.trajectory import Trajectory
from policy.model.panel import PATHS, Panel, days

MOST_AHEAD = 28
"""Periods that forecasts reach: training masked stretches of outcomes about this long, and further out the
policy would extrapolate."""

KNOWN_AHEAD = ("price", "cost", "competitor_price", "promo")
"""Columns that a table of future periods may give; others are unknown before the period."""


def future_periods(panel: Panel, future: pd.DataFrame) -> tuple[Trajectory, NDArray, NDArray]:
    """Future rows as arrays aligned with the panel: paths of shape (B, H), and row and column of each row
    of `future`. Products with fewer rows than others repeat their last price, which nobody reads."""
    missing = [c for c in ("sku", "date", "price") if c not in future]
    if missing:
        raise HistoryError(
            "future_columns",
            "The future table lacks {missing}; it has {found}.",
            missing=", ".join(missing),
            found=", ".join(map(str, future)),
        )
    if not len(future):
        raise HistoryError(
            "future_empty", "The future table has no rows; give at least one period to forecast."
        )
    price = pd.to_numeric(future["price"], errors="coerce").to_numpy(dtype=float)
    bad = ~(np.isfinite(price) & (price > 0))
    if bad.any():
        first = future.iloc[int(bad.argmax())]
        raise HistoryError(
            "future_price",
            "{count} of {rows:,} future rows have no positive `price`; the first is '{sku}' on {date}. "
            "Give the price to be charged.",
            count=int(bad.sum()),
            rows=len(future),
            sku=first["sku"],
            date=first["date"],
        )
    row_of = {key: i for i, key in enumerate(panel.keys)}
    has_store = panel.keys[0][0] is not None
    if has_store and "store" not in future:
        raise HistoryError(
            "future_store", "The history names the `store` of each row; the future table must do so too."
        )
    # Read as the history's own were, so that 101.0 and 101 are one product.
    stores = words(future["store"]).fillna("") if has_store else [None] * len(future)
    keys = list(zip(stores, words(future["sku"]), strict=True))
    unknown = [k for k in keys if k not in row_of]
    if unknown:
        raise HistoryError(
            "future_unknown",
            "{count} of {rows:,} future rows name products without history; the first is '{sku}'. "
            "Remove them or give their history.",
            count=len(unknown),
            rows=len(future),
            sku=unknown[0][1],
        )
    rows = np.array([row_of[k] for k in keys])
    day = days(dates(future))
    order = np.lexsort((day, rows))
    sorted_rows = rows[order]
    starts = np.searchsorted(sorted_rows, sorted_rows)
    repeated = np.zeros(len(rows), dtype=bool)
    repeated[order[1:]] = (np.diff(sorted_rows) == 0) & (np.diff(day[order]) == 0)
    if repeated.any():
        first = future.iloc[int(repeated.argmax())]
        raise HistoryError(
            "future_repeats",
            "{count} of {rows:,} future rows repeat a product and date; the first is '{sku}' on {date}. "
            "Give one price a period, or compare prices with `demand_curve`.",
            count=int(repeated.sum()),
            rows=len(future),
            sku=first["sku"],
            date=first["date"],
        )
    columns = np.empty(len(rows), dtype=int)
    columns[order] = np.arange(len(rows)) - starts
    horizon = int(columns.max()) + 1
    if horizon > MOST_AHEAD:
        raise HistoryError(
            "future_far",
            "The future table asks for {count} periods of a product; forecasts reach {limit}. "
            "Ask for fewer periods, or add up the history to weeks or months.",
            count=horizon,
            limit=MOST_AHEAD,
        )
    late = day <= panel.history.day[rows, -1]
    if late.any():
        first = future.iloc[int(late.argmax())]
        raise HistoryError(
            "future_past",
            "{count} of {rows:,} future rows do not lie after their product's history; the first is "
            "'{sku}' on {date}. Cut the history before the dates to forecast.",
            count=int(late.sum()),
            rows=len(future),
            sku=first["sku"],
            date=first["date"],
        )
    base = panel.next_periods(horizon, price=panel.last_known("price"))
    paths = {name: getattr(base, name).copy() for name in (*PATHS, "day")}
    for name in KNOWN_AHEAD:
        if name in future:
            values = pd.to_numeric(future[name], errors="coerce").to_numpy(dtype=float)
            known = np.isfinite(values)
            paths[name][rows[known], columns[known]] = values[known]
    paths["day"][rows, columns] = day
    # Stock in the periods ahead is not known; without a limit the forecast is of demand.
    paths["stock"] = np.full_like(paths["stock"], np.nan)
    return Trajectory(period=base.period, **paths), rows, columns
