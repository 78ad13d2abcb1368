"""From tables to arrays: the one place where a canonical history becomes trajectories."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.history import PERIODS, HistoryError, Period
from policy.market.trajectory import Trajectory

PATHS = ("price", "units", "cost", "competitor_price", "promo", "stock", "views")


@dataclass(frozen=True)
class Panel:
    """Histories of B products as arrays, products in order of (store, sku)."""

    keys: list[tuple[str | None, str]]
    """Store (None where the table has no such column) and sku of each product."""
    history: Trajectory
    """Aligned at the end; a product's first periods are NaN where others began earlier."""
    lengths: NDArray[np.int64]
    """Periods on record, shape (B,)."""
    period: Period

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, index: NDArray) -> Panel:
        """The products at `index`, in that order, over the same periods."""
        keys = [self.keys[i] for i in index]
        return Panel(keys, self.history.take(index), self.lengths[index], self.period)

    def row_of(self, sku: str, store: str | None) -> int:
        """Where a product is; `store` may be None where one store sells it. Raises `HistoryError`."""
        rows = [i for i, (s, k) in enumerate(self.keys) if k == sku and (store is None or s == store)]
        if len(rows) == 1:
            return rows[0]
        if not rows:
            raise HistoryError(
                "unknown_product",
                "No sales of product '{sku}' in this history of {products:,} products; check the sku.",
                sku=sku,
                products=len(self),
            )
        stores = ", ".join(str(self.keys[i][0]) for i in rows[:5])
        raise HistoryError(
            "several_stores",
            "Product '{sku}' is sold in {count} stores ({stores}); say which by `store`.",
            sku=sku,
            count=len(rows),
            stores=stores,
        )

    @property
    def first_price(self) -> NDArray:
        """Price in each product's first period, shape (B,)."""
        first = self.history.price.shape[1] - self.lengths
        return self.history.price[np.arange(len(self)), first]

    def last_known(self, name: str) -> NDArray:
        """Last known value of a path before the end, NaN where there is none, shape (B,)."""
        path = getattr(self.history, name)
        known = np.isfinite(path)
        last = path.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
        return np.where(known.any(axis=1), path[np.arange(len(path)), last], np.nan)

    def digest(self, row: int) -> str:
        """Hash of one product's history, 16 hexadecimal digits."""
        sha = hashlib.sha256(repr((self.keys[row], self.period)).encode())
        tail = self.history.price.shape[1] - int(self.lengths[row])
        for name in (*PATHS, "day"):
            sha.update(np.ascontiguousarray(getattr(self.history, name)[row, tail:]).tobytes())
        return sha.hexdigest()[:16]

    def extended(self, future: Trajectory) -> Trajectory:
        """The histories with `future` periods after them, products in the same order."""
        paths = {
            name: np.concatenate([getattr(self.history, name), getattr(future, name)], axis=1)
            for name in (*PATHS, "day")
        }
        return Trajectory(period=self.history.period, **paths)

    def next_periods(self, count: int, *, price: NDArray) -> Trajectory:
        """The `count` periods after each product's last, at one price, with what is known of them.

        Cost, competitor's price and stock are carried on from their last known values; promotions are
        planned ones, so none; traffic is unknown.
        """
        ones = np.ones((1, count))
        last_day = self.history.day[:, -1:]
        if self.period == "month":
            months = last_day[:, 0].astype("datetime64[D]").astype("datetime64[M]")
            steps = months[:, None] + np.arange(1, count + 1)
            offset = last_day[:, 0].astype("datetime64[D]") - months.astype("datetime64[D]")
            last = (steps + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
            # What is dated the 31st is dated the last day of a shorter month.
            day = np.minimum(steps.astype("datetime64[D]") + offset[:, None], last).astype(np.int64)
        else:
            day = last_day + (1 if self.period == "day" else 7) * np.arange(1, count + 1)
        no_promo = np.where(np.isfinite(self.last_known("promo")), 0.0, np.nan)
        return Trajectory(
            price=price[:, None] * ones,
            units=np.full((len(self), count), np.nan),
            cost=self.last_known("cost")[:, None] * ones,
            competitor_price=self.last_known("competitor_price")[:, None] * ones,
            promo=no_promo[:, None] * ones,
            stock=self.last_known("stock")[:, None] * ones,
            views=np.full((len(self), count), np.nan),
            day=day,
            period=self.history.period,
        )


def make_panel(frame: pd.DataFrame, period: Period) -> Panel:
    """Arrange a canonical table (sorted by store, sku, date) as arrays."""
    keys = product_keys(frame)
    _, start, lengths = np.unique(keys.codes, return_index=True, return_counts=True)
    b, horizon = len(start), int(lengths.max())
    row = np.repeat(np.arange(b), lengths)
    column = horizon - np.repeat(lengths, lengths) + np.arange(len(frame)) - np.repeat(start, lengths)
    paths = {}
    for name in PATHS:
        path = np.full((b, horizon), np.nan)
        if name in frame:
            path[row, column] = frame[name].to_numpy(dtype=float, na_value=np.nan)
        paths[name] = path
    day = np.zeros((b, horizon), dtype=np.int64)
    day[row, column] = days(frame["date"])
    history = Trajectory(day=day, period=np.full(b, PERIODS.index(period)), **paths)
    return Panel([keys.names[i] for i in range(b)], history, lengths, period)


@dataclass(frozen=True)
class ProductKeys:
    """Which product each row of a table belongs to."""

    codes: NDArray[np.int64]
    """Index into `names`, shape (rows,)."""
    names: list[tuple[str | None, str]]


def product_keys(frame: pd.DataFrame) -> ProductKeys:
    """Products of a table in order of (store, sku)."""
    if "store" in frame:
        index = pd.MultiIndex.from_arrays([frame["store"].astype(str), frame["sku"].astype(str)])
        codes, unique = pd.factorize(index, sort=True)
        return ProductKeys(codes, [(str(store), str(sku)) for store, sku in unique])
    codes, unique = pd.factorize(frame["sku"].astype(str), sort=True)
    return ProductKeys(codes, [(None, str(sku)) for sku in unique])


def days(dates: pd.Series) -> NDArray[np.int64]:
    """Days since 1970-01-01."""
    return dates.to_numpy().astype("datetime64[D]").astype(np.int64)
