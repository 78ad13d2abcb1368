"""What a table of sales must be: columns, types and values, checked where the data enters."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

REQUIRED = ("sku", "date", "price", "units")
NUMBERS = ("price", "units", "cost", "stock", "competitor_price", "promo", "views", "rating")
WORDS = ("category", "name", "currency")
COLUMNS = ("store", "sku", "date", *NUMBERS, *WORDS)
"""Columns of the canonical table, in their order; all but `REQUIRED` are optional."""


class HistoryError(ValueError):
    """Sales that cannot be read: how many, where, what was found, what to do.

    The message's placeholders are filled with `values`; with `code` they say the same to whoever words it
    in another language.
    """

    def __init__(self, code: str, message: str, **values: Any) -> None:
        super().__init__(message.format(**values) if values else message)
        self.code = code
        self.values = values


@dataclass(frozen=True)
class HistoryNote:
    """One thing that was mended or assumed."""

    code: str
    count: int
    """How many rows, columns or periods it concerns, as the code says."""
    detail: str = ""
    """Names or dates, in no language."""


def checked(frame: pd.DataFrame, notes: list[HistoryNote]) -> tuple[pd.DataFrame, bool]:
    """The known columns with their types, and whether sales carry a time of day.

    The table has a further column `series`, a number per product ordered as (store, sku) sorts, and a
    price in every row; notes are appended.
    """
    _require_columns(frame)
    if unknown := [str(c) for c in frame.columns if c not in COLUMNS]:
        notes.append(HistoryNote("unknown_columns", len(unknown), ", ".join(unknown)))
    columns: dict[str, pd.Series] = {}
    for name in COLUMNS:
        if name not in frame.columns or (name not in REQUIRED and frame[name].isna().all()):
            continue
        if name in NUMBERS:
            columns[name] = _numbers(frame, name)
        else:
            columns[name] = dates(frame) if name == "date" else words(frame[name])
    table = pd.DataFrame(columns)
    _complain(frame, table["sku"].isna() | (table["sku"] == ""), "sku", "missing")
    unpriced = ~(table["price"] > 0)
    _complain(frame, unpriced & (table["units"] != 0), "price", "not_positive")

    table = table.reset_index(drop=True)
    if "store" in table and (blank := int(table["store"].isna().sum())):
        notes.append(HistoryNote("store_missing", blank))
        table["store"] = table["store"].fillna("")
    table["series"] = _series(table)
    days = table["date"].dt.normalize()
    times = (table["date"] - days).unique()
    if len(times) > 1 or times[0] != pd.Timedelta(0):
        table = table.sort_values("date", kind="stable", ignore_index=True)  # `last` of a day means the last
        table["date"] = table["date"].dt.normalize()
    if len(times) <= 2 and (times != pd.Timedelta(0)).any():
        notes.append(HistoryNote("time_of_day_dropped", len(table)))
    _check_currencies(table)
    table = _with_known_prices(_plausible(table, notes), notes)
    return table, len(times) > 2  # up to two are a clock that summer time moves, not sales


def _require_columns(frame: pd.DataFrame) -> None:
    found = [str(c) for c in frame.columns]
    if twice := sorted({c for c in found if c in COLUMNS and found.count(c) > 1}):
        raise HistoryError(
            "columns_twice",
            "Several columns are called {columns}. Rename or remove all but one.",
            columns=", ".join(f"`{c}`" for c in twice),
        )
    if missing := [c for c in REQUIRED if c not in found]:
        near = {c: get_close_matches(c, [f for f in found if f not in COLUMNS], 1, 0.5) for c in missing}
        renames = [f"`{close[0]}` to `{c}`" for c, close in near.items() if close]
        raise HistoryError(
            "columns_missing",
            "The history has no column {missing}; its columns are {found}. {hint}",
            missing=", ".join(f"`{c}`" for c in missing),
            found=", ".join(found) or "none",
            hint=f"Perhaps rename {', '.join(renames)}." if renames else "Rename or add them.",
        )
    if frame.empty:
        raise HistoryError(
            "no_rows",
            "The history has columns but no rows. Give at least one row of sales.",
        )


_FAULTS = {
    "missing": "no `{}`",
    "not_positive": "no positive `{}`",
    "not_number": "a `{}` that is no number",
    "infinite": "an infinite `{}`",
    "negative": "a negative `{}`",
    "not_date": "no readable `{}`",
}


def _complain(frame: pd.DataFrame, bad: pd.Series | NDArray, column: str, fault: str) -> None:
    """Raise for the rows marked bad, showing the first."""
    where = np.flatnonzero(np.asarray(bad))
    if where.size == 0:
        return
    row = frame.iloc[where[0]]
    found = row[column]
    raise HistoryError(
        "bad_rows",
        "{count} of {rows} rows have {what}; the first is at index {index}, '{sku}' on {date} ({found}). "
        "Fix or remove these rows.",
        count=f"{where.size:,}",
        rows=f"{len(frame):,}",
        what=_FAULTS[fault].format(column),
        fault=fault,
        column=column,
        index=str(frame.index[where[0]]),
        sku=str(row["sku"]),
        date=str(row["date"]).removesuffix(" 00:00:00"),
        found=repr(found) if isinstance(found, str) else str(found),
    )


def _numbers(frame: pd.DataFrame, name: str) -> pd.Series:
    column = frame[name]
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    _complain(frame, numbers.isna() & column.notna(), name, "not_number")
    _complain(frame, np.isinf(numbers), name, "infinite")
    if name == "units":
        _complain(frame, numbers.isna(), name, "missing")
    if name in ("cost", "views"):
        _complain(frame, numbers < 0, name, "negative")
    return numbers


def dates(frame: pd.DataFrame) -> pd.Series:
    """Dates as the shop's own clock shows them: time zones are dropped, not converted."""
    column = frame["date"]
    if isinstance(column.dtype, pd.PeriodDtype):
        return pd.Series(column.dt.to_timestamp())
    if pd.api.types.is_numeric_dtype(column):
        _complain(frame, np.ones(len(frame), bool), "date", "not_date")
    if not pd.api.types.is_datetime64_any_dtype(column):
        text = column.astype("str").str.replace(r"(?<=\d)\s*(Z|[+-]\d\d:?\d\d)$", "", regex=True)
        column = pd.to_datetime(text, format="ISO8601", errors="coerce")
    dates = column.dt.tz_localize(None) if column.dt.tz is not None else column
    sensible = dates.dt.year.between(1900, 2199)  # false where there is no date
    _complain(frame, ~sensible, "date", "not_date")
    return dates.astype("datetime64[us]")


def words(column: pd.Series) -> pd.Series:
    """Text; whole numbers lose the `.0` that a blank elsewhere in the column gave them."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    blank = column.isna()
    text = column.astype("str")
    return text.mask(blank) if blank.any() else text


def _series(table: pd.DataFrame) -> NDArray[np.int64]:
    """A number per product, ordered as (store, sku) sorts, shape (rows,)."""
    codes = pd.factorize(table["sku"], sort=True)[0].astype(np.int64)
    if "store" in table:
        codes += pd.factorize(table["store"], sort=True)[0].astype(np.int64) * (codes.max() + 1)
        codes = pd.factorize(codes, sort=True)[0].astype(np.int64)
    return codes


def _check_currencies(table: pd.DataFrame) -> None:
    if "currency" not in table or table["currency"].nunique() < 2:
        return
    mixed = table.groupby("series")["currency"].nunique() > 1
    if mixed.any():
        first = table[table["series"] == mixed.idxmax()]
        raise HistoryError(
            "currencies_mixed",
            "{count} of {products} products have prices in several currencies; the first is '{sku}' "
            "({found}). Convert to one currency, or give each currency a `store` of its own.",
            count=f"{int(mixed.sum()):,}",
            products=f"{len(mixed):,}",
            sku=str(first["sku"].iloc[0]),
            found=", ".join(first["currency"].dropna().unique()),
        )


def _plausible(table: pd.DataFrame, notes: list[HistoryNote]) -> pd.DataFrame:
    """Values that cannot be meant become unknown: a cost of 0 is one that nobody entered."""
    for name in ("cost", "competitor_price"):
        if name in table and (count := int((table[name] <= 0).sum())):
            table = table.assign(**{name: table[name].mask(table[name] <= 0)})
            notes.append(HistoryNote(f"{name}_not_positive", count))
    if "promo" in table and (count := int((~table["promo"].fillna(0).between(0, 1)).sum())):
        # 30 for 30 % off, or the number of an offer: that there was one is all that is known.
        table = table.assign(promo=table["promo"].clip(0, 1))
        notes.append(HistoryNote("promo_beyond_one", count))
    if "stock" in table and (count := int((table["stock"] < 0).sum())):  # oversold
        table = table.assign(stock=table["stock"].clip(lower=0))
        notes.append(HistoryNote("stock_below_zero", count))
    return table


def _with_known_prices(table: pd.DataFrame, notes: list[HistoryNote]) -> pd.DataFrame:
    """Where nothing was sold and no price is given, the last known price; before any, the row goes."""
    unpriced = ~(table["price"] > 0)
    if not unpriced.any():
        return table
    ordered = table.assign(price=table["price"].mask(unpriced)).sort_values(["series", "date"], kind="stable")
    price = ordered.groupby("series")["price"].ffill().reindex(table.index)
    never = price.isna()
    if carried := int((unpriced & ~never).sum()):
        notes.append(HistoryNote("price_carried", carried))
    if dropped := int(never.sum()):
        if dropped == len(table):
            raise HistoryError(
                "no_prices",
                "None of {rows} rows has a price (all have 0 `units`). Give the prices that were charged.",
                rows=f"{dropped:,}",
            )
        notes.append(HistoryNote("unpriced_start_dropped", dropped))
    return table.assign(price=price)[~never].reset_index(drop=True)
