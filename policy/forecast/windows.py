"""The priced-forecast protocol: demand forecasts on real sales, given the prices that were then charged.

A folder's `tidy.csv.gz` has columns `store, sku, date, price, units` and where known `promo, cost, ...`.
Series with at least 30 observations take part and the last quarter of each is tested: from origins every 4
periods, the next 4 are forecast. A forecaster sees the rows before the origin and, of the rows ahead, date,
price and promo; nothing else of the future.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.history import COLUMNS, REQUIRED, HistoryError

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Quantile levels L of a forecast."""

FILE = "tidy.csv.gz"
"""The table in a folder of sales."""

MOVE = 0.05
"""Change of log price, against the last price before the origin, from which on a row is a move."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is forecast. The defaults are the published protocol."""

    series: int = 150
    """Most series of a set; more are sampled."""
    seed: int = 7
    """Of that sample."""
    horizon: int = 4
    """Periods forecast from each origin, and from one origin to the next."""
    shortest: int = 30
    """Observations that a series must have."""
    tested: float = 0.25
    """Share of each series, at its end, that is forecast."""

    def __post_init__(self) -> None:
        if self.series < 1 or self.horizon < 1:
            raise ValueError(
                f"`series` and `horizon` must be at least 1, got {self.series} and {self.horizon}."
            )
        if not 0 < self.tested < 1:
            raise ValueError(f"`tested` must be in (0, 1), got {self.tested!r}.")


@dataclass(frozen=True)
class Sales:
    """The series of one set, in order of series and date, and the W windows to be forecast.

    All of a window is said by rows of the table: its history is `start` up to, not including, `origin`; the
    periods ahead are `origin` up to `origin + horizon`.
    """

    name: str
    table: pd.DataFrame
    """R rows. `promo` is 0 where none is recorded, as sets that lack it have none."""
    horizon: int
    series_start: NDArray[np.int64]
    """Each series' first row, shape (S,)."""
    series_stop: NDArray[np.int64]
    """The row after each series' last, shape (S,)."""
    first_tested: NDArray[np.int64]
    """Each series' first tested row, shape (S,): what comes before may be trained on."""
    series: NDArray[np.int64]
    """Series of each window, shape (W,)."""
    origin: NDArray[np.int64]
    """Row of each window's first forecast period, shape (W,)."""

    def __len__(self) -> int:
        return len(self.origin)

    @property
    def start(self) -> NDArray[np.int64]:
        """First row of each window's history, shape (W,)."""
        return self.series_start[self.series]

    @property
    def ahead(self) -> NDArray[np.int64]:
        """Rows of the periods to forecast, shape (W, H)."""
        return self.origin[:, None] + np.arange(self.horizon)

    def path(self, column: str) -> NDArray[np.float64]:
        """A column of the table as numbers, shape (R,)."""
        return self.table[column].to_numpy(dtype=float)

    @property
    def moves(self) -> NDArray[np.bool_]:
        """Whether the price differs by 5 % or more from the last before the origin, shape (W, H)."""
        log_price = np.log(self.path("price"))
        return np.abs(log_price[self.ahead] - log_price[self.origin - 1][:, None]) >= MOVE


Forecaster = Callable[[Sales], NDArray[np.float64]]
"""Quantiles of units at `LEVELS` for all windows, shape (W, H, L)."""


def read_sales(path: Path, protocol: Protocol) -> Sales:
    """Read a set and lay out its windows.

    Parameters
    ----------
    path
        A folder that holds `tidy.csv.gz`, or such a file.

    Raises
    ------
    OSError
        There is no such file.
    HistoryError
        The table lacks a column, or no series is long enough.
    """
    file = path / FILE if path.is_dir() else path
    table = pd.read_csv(file, dtype={"store": str, "sku": str}, parse_dates=["date"])
    if missing := [c for c in ("store", *REQUIRED) if c not in table]:
        raise HistoryError("columns_missing", f"{file} has no column {', '.join(missing)}; add it.")
    name = path.name if path.is_dir() else path.resolve().parent.name
    return sales_of(table, protocol, name=name)


def sales_of(table: pd.DataFrame, protocol: Protocol, *, name: str) -> Sales:
    """Lay out the windows of a table of sales.

    Parameters
    ----------
    table
        Columns `sku, date, price, units`, one row per product and period; without `store` all are of one.
    name
        What the set or file is called.

    Raises
    ------
    HistoryError
        No series is long enough.
    """
    table = table[(table["price"] > 0) & (table["units"] >= 0)]
    promo = table["promo"].fillna(0.0).astype(float) if "promo" in table else 0.0
    store = table["store"].astype(str) if "store" in table else ""
    table = table.assign(promo=promo, store=store)
    table = table.assign(series=table["store"] + "|" + table["sku"].astype(str))
    table = table.sort_values(["series", "date"]).drop_duplicates(["series", "date"])
    counts = table["series"].value_counts()
    names = np.array(sorted(counts.index[counts >= protocol.shortest]), dtype=object)
    if not len(names):
        raise HistoryError(
            "series_short",
            "None of {products} products in {file} has {shortest} periods of sales, so no forecast of them "
            "can be measured. Give a longer history, or shorter periods.",
            products=f"{len(counts):,}",
            file=name,
            shortest=protocol.shortest,
        )
    if len(names) > protocol.series:
        names = np.random.default_rng(protocol.seed).choice(names, protocol.series, replace=False)
    return lay_out(table[table["series"].isin(set(names))], protocol, name=name)


def lay_out(table: pd.DataFrame, protocol: Protocol, *, name: str) -> Sales:
    """The windows in the last `tested` share of every series.

    Parameters
    ----------
    table
        Sorted by series and date; `series` tells the rows of one from those of the next. `promo` is known.
    """
    codes = pd.factorize(table["series"])[0]
    _, start, length = np.unique(codes, return_index=True, return_counts=True)
    sales = Sales(
        name=name,
        table=table[[c for c in COLUMNS if c in table]].reset_index(drop=True),
        horizon=protocol.horizon,
        series_start=start,
        series_stop=start + length,
        first_tested=start + length,
        series=np.zeros(0, dtype=np.int64),
        origin=np.zeros(0, dtype=np.int64),
    )
    return last_windows(sales, sales.series_stop, tested=protocol.tested)


def last_windows(sales: Sales, stop: NDArray[np.int64], *, tested: float) -> Sales:
    """The same series with windows in the last `tested` share of what lies before row `stop` of each.

    `stop` has shape (S,)."""
    start = sales.series_start
    first = start + ((stop - start) * (1 - tested)).astype(np.int64)
    # The last window must fit: windows per series, then their origins.
    fitting = (stop - first) // sales.horizon
    series = np.repeat(np.arange(len(start)), fitting)
    number = np.arange(fitting.sum()) - np.repeat(np.cumsum(fitting) - fitting, fitting)
    return replace(sales, first_tested=first, series=series, origin=first[series] + number * sales.horizon)


def tables(sales: Sales, windows: NDArray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and future of some windows as `predict_demand` takes them; the future's rows are the windows'
    in order, `horizon` each."""
    start, origin = sales.start[windows], sales.origin[windows]
    length = origin - start
    past = np.repeat(start - np.cumsum(length) + length, length) + np.arange(length.sum())
    history = sales.table.iloc[past]
    future = sales.table[["store", "sku", "date", "price", "promo"]].iloc[sales.ahead[windows].ravel()]
    suffix = "@" + pd.Series(origin).astype(str)
    history = history.assign(sku=history["sku"].to_numpy() + np.repeat(suffix.to_numpy(), length))
    future = future.assign(sku=future["sku"].to_numpy() + np.repeat(suffix.to_numpy(), sales.horizon))
    return history.reset_index(drop=True), future.reset_index(drop=True)
