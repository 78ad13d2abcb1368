"""From rows to one row per product and period: repeats, returns, the step between dates, gaps."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.history.checks import HistoryError, HistoryNote

Period = Literal["day", "week", "month"]
Gaps = Literal["zero", "unknown"]
PERIODS: tuple[Period, ...] = ("day", "week", "month")

LOG_SHARE = 0.10
"""From this share of rows that repeat a product and day on, a table is a log of transactions."""
REGULAR_SHARE = 0.80
"""Share of the steps between a product's dates that must fit a week or a month."""
CLOSED_AFTER = 28
"""Days a shop must be on record before a weekday without any sale counts as closed."""
CARRIED = ("store", "sku", "price", "cost", "rating", "category", "name", "currency")
"""What a period without sales has in common with the one before it."""


def _days(dates: pd.Series) -> NDArray[np.int64]:
    """Days since 1970-01-01, shape (rows,)."""
    return dates.to_numpy("datetime64[D]").astype(np.int64)


def _keys(table: pd.DataFrame) -> NDArray[np.int64]:
    """A number per (product, day), ordered as they sort; days lie within 1,000,000 of 1970."""
    return table["series"].to_numpy() * 2_000_000 + _days(table["date"])


def is_transaction_log(table: pd.DataFrame) -> bool:
    """Whether repeated (product, day) rows are separate sales, not copies of a panel's rows.

    A file read twice, or two files that overlap, has identical rows in pairs; separate sales of one
    product on one day come in every number.
    """
    keys = pd.Series(_keys(table))
    repeated = keys.duplicated(keep=False).to_numpy()
    if repeated.mean() < LOG_SHARE:
        return False
    times = keys[repeated].value_counts()
    copies = table[repeated].duplicated(keep=False).all()
    every_row = repeated.all() and times.nunique() == 1
    return not (copies and (times.max() <= 2 or every_row))


def merge_repeats(table: pd.DataFrame, is_log: bool, notes: list[HistoryNote]) -> pd.DataFrame:
    """One row per product and day."""
    keys = _keys(table)
    if not pd.Series(keys).duplicated().any():
        return table
    rows = len(table)
    if not is_log:
        table = table.drop_duplicates(ignore_index=True)
        if len(table) < rows:
            notes.append(HistoryNote("copies_dropped", rows - len(table)))
        keys, rows = _keys(table), len(table)
    table = _combined(table, keys, views="max")
    if len(table) < rows:
        code = "transactions_added_up" if is_log else "repeats_added_up"
        notes.append(HistoryNote(code, rows, str(len(table))))
    return table


def _combined(table: pd.DataFrame, keys: NDArray, *, views: Literal["max", "sum"]) -> pd.DataFrame:
    """One row per key: units add up, price is the mean over units sold, the rest is averaged or the last."""
    how: dict[str, Any] = dict.fromkeys(table.columns, "last") | {"date": "min", "units": "sum"}
    how |= {name: "mean" for name in ("cost", "competitor_price", "promo") if name in table}
    how |= {"views": views} if "views" in table else {}
    sold = table["units"].clip(lower=0)
    weight = sold.groupby(keys).sum()
    spent = (table["price"] * sold).groupby(keys).sum()
    plain = table["price"].groupby(keys).mean()
    merged = table.groupby(keys, sort=True).agg(how)
    price = (spent / weight.where(weight > 0)).fillna(plain)
    # A mean of equal prices is that price, not its neighbour in floating point.
    spread = table["price"].groupby(keys).agg(["min", "max"])
    merged["price"] = price.clip(spread["min"], spread["max"])
    return merged.reset_index(drop=True)


def without_negative(table: pd.DataFrame, is_log: bool, notes: list[HistoryNote]) -> pd.DataFrame:
    """Units are never negative: returns beyond the sales of their own period are left out."""
    negative = table["units"] < 0
    if not negative.any():
        return table
    excess = -table.loc[negative, "units"].sum()
    notes.append(HistoryNote("returns_exceed_sales", int(negative.sum()), f"{excess:g}"))
    if negative.all():
        raise HistoryError(
            "only_returns", "Returns exceed sales in every row (negative `units`). Give the sales too."
        )
    if is_log:  # a day of returns does not say what the price was on it
        table = table[~negative]
    return table.assign(units=table["units"].clip(lower=0)).reset_index(drop=True)


def detected_period(table: pd.DataFrame) -> Period | None:
    """The step most of each product's dates fit, whatever is missing between; None with a single date."""
    keys = np.unique(_keys(table))
    series, days = np.divmod(keys + 1_000_000, 2_000_000)
    days -= 1_000_000
    same = np.flatnonzero(np.diff(series) == 0)
    if same.size == 0:  # one row per product: compare products
        days = np.unique(days)
        same = np.arange(len(days) - 1)
    if same.size == 0:
        return None
    steps = days[same + 1] - days[same]
    stamps = pd.DatetimeIndex(days.astype("datetime64[D]"))
    day, end = np.asarray(stamps.day), np.asarray(stamps.is_month_end)
    monthly = (day[same] == day[same + 1]) | (end[same] & end[same + 1])
    if (monthly & (steps >= 28)).mean() >= REGULAR_SHARE:
        return "month"
    # A week may shift by a day, as at the turn of a year.
    if ((np.abs((steps + 3) % 7 - 3) <= 1) & (steps >= 5)).mean() >= REGULAR_SHARE:
        return "week"
    return "day"


def _ordinals(days: NDArray[np.int64], period: Period, anchor: int) -> NDArray[np.int64]:
    """The number of the period each day lies in; a week starts on the weekday of day number `anchor`."""
    if period == "day":
        return days
    if period == "week":
        return (days - anchor) // 7
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _first_days(ordinals: NDArray[np.int64], period: Period, anchor: int) -> NDArray[np.int64]:
    """The inverse of `_ordinals`: the first day of each period."""
    if period == "day":
        return ordinals
    if period == "week":
        return ordinals * 7 + anchor
    return ordinals.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _anchor(days: NDArray[np.int64], period: Period) -> int:
    """How far into its period a date usually lies: weekday for weeks, day of the month for months, from 0."""
    if period == "week":
        return int(np.bincount(days % 7).argmax())
    if period == "month":
        return int(np.bincount(days - _first_days(_ordinals(days, period, 0), period, 0)).argmax())
    return 0


def added_up(table: pd.DataFrame, period: Period, notes: list[HistoryNote]) -> pd.DataFrame:
    """Days or weeks as whole weeks (from Monday) or months; the first and last only where complete."""
    monday = 4  # 1970-01-05
    days = _days(table["date"])
    ordinals = _ordinals(days, period, monday)
    first, last = ordinals.min(), ordinals.max()
    starts = _first_days(np.array([first, last + 1]), period, monday)
    keep = np.ones(len(table), bool)
    if days.min() > starts[0]:
        keep &= ordinals > first
    if days.max() < starts[1] - 1:
        keep &= ordinals < last
    if not keep.any():
        raise HistoryError(
            "no_whole_period",
            "The rows from {first} to {last} do not cover one whole {period}. "
            "Give more days, or a shorter period.",
            first=str(table["date"].min().date()),
            last=str(table["date"].max().date()),
            period=period,
        )
    if not keep.all():
        notes.append(HistoryNote("partial_periods_dropped", int((~keep).sum())))
    dates = _first_days(ordinals, period, monday).astype("datetime64[D]").astype("datetime64[us]")
    rows = int(keep.sum())
    table = table.assign(date=dates)[keep].reset_index(drop=True)
    table = _combined(table, _keys(table), views="sum")
    notes.append(HistoryNote("periods_added_up", rows, str(len(table))))
    return table


def missing_periods(table: pd.DataFrame, period: Period) -> int:
    """How many periods are absent between each product's first and last."""
    days = _days(table["date"])
    ordinals = pd.Series(_ordinals(days, period, _anchor(days, period))).groupby(table["series"].to_numpy())
    return int(np.maximum(ordinals.max() - ordinals.min() + 1 - ordinals.size(), 0).sum())


def fill_with_zero(table: pd.DataFrame, period: Period, notes: list[HistoryNote]) -> pd.DataFrame:
    """Add rows of zero sales at the last known price, from a product's first sale to its store's last.

    Days of the week on which a store never sold anything are days it is closed, and stay out.

    Parameters
    ----------
    table
        Sorted by (series, date).
    """
    days = _days(table["date"])
    anchor = _anchor(days, period)
    ordinals = _ordinals(days, period, anchor)
    series = table["series"].to_numpy()
    shop = pd.factorize(table["store"])[0] if "store" in table else np.zeros(len(table), np.int64)
    starts = np.flatnonzero(np.diff(series, prepend=-1))
    end_of_shop = pd.Series(ordinals).groupby(shop).max().to_numpy()
    lengths = end_of_shop[shop[starts]] - ordinals[starts] + 1
    offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    grid = np.repeat(ordinals[starts], lengths) + offsets
    grid_series = np.repeat(series[starts], lengths)

    add = ~np.isin(grid_series * 2_000_000 + grid, series * 2_000_000 + ordinals)
    if period == "day" and days.max() - days.min() >= CLOSED_AFTER:
        open_days = np.zeros((shop.max() + 1, 7), bool)
        open_days[shop, days % 7] = True
        is_open = open_days[np.repeat(shop[starts], lengths), grid % 7]
        if closed := int((add & ~is_open).sum()):
            notes.append(HistoryNote("closed_weekdays", closed))
        add &= is_open
    if not add.any():
        return table
    notes.append(HistoryNote("gaps_zero", int(add.sum())))
    firsts = _first_days(grid[add], period, anchor)
    if period == "month" and anchor:
        firsts = np.minimum(firsts + anchor, _first_days(grid[add] + 1, period, anchor) - 1)
    empty = pd.DataFrame(
        {
            "series": grid_series[add],
            "date": firsts.astype("datetime64[D]").astype("datetime64[us]"),
            "units": 0.0,
        }
    )
    filled = pd.concat([table, empty], ignore_index=True)[list(table.columns)]
    filled = filled.sort_values(["series", "date"], ignore_index=True)
    carried = [name for name in CARRIED if name in filled]
    filled[carried] = filled.groupby("series")[carried].ffill()
    return filled
