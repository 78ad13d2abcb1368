"""A store's sales in order of time: what is trained on, what chooses between ways to fit, what judges."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.forecast.windows import Protocol, Sales, last_windows, lay_out
from policy.history import HistoryError, Period
from policy.history.jumps import refuse_jumps
from policy.model.panel import Panel, make_panel, product_keys

PROTOCOL = Protocol()
"""Series of 30 periods or more; the last quarter of each is the test, four periods ahead at a time."""

FEWEST_PRODUCTS = 5
"""An adapter is what a store's products have in common, and a comparison over products needs some."""

FEWEST_MOVES = 4
"""Price moves that a product must have had before the test to count as one whose price moved."""

MOST_SERIES = 300
"""Series that forecasts are compared on; a larger store is sampled, for time. It is trained on whole."""

SMALL_MOVE = 0.02
"""A change of log price below this is no move."""

FEWEST_TRAINED = 8
"""Periods before validation, or before the test, that a product must have to be learned from."""


@dataclass(frozen=True)
class Split:
    """The series of a store long enough to learn from, S of them, in three stretches of the calendar.

    A stretch begins on one day for the whole store, so that no product teaches the weather of a day on which
    another is tested. A row is tested only in the last quarter of its series too: what the published protocol
    of forecasts tests is trained on by nobody.
    """

    table: pd.DataFrame
    """The whole canonical table, short series too."""
    test: Sales
    """Windows in the last quarter of each series and of the store's sales."""
    validation: Sales
    """The same series, windows in the last quarter of what comes before the test."""
    train: Panel
    """What comes before validation; without products that are too young then."""
    before_test: Panel
    """Train and validation together."""
    whole: Panel
    """Everything, the test included."""
    dates: dict[str, tuple[str, str]]
    """First and last day of each stretch."""


def split(frame: pd.DataFrame, period: Period, *, seed: int) -> Split:
    """Split a canonical table by time.

    Raises
    ------
    HistoryError
        There is too little to learn from: too few long series, prices that never moved, nothing sold. Or
        all prices jump at once, as they do where the currency changes.
    """
    table = frame.assign(
        series=product_keys(frame).codes, promo=frame["promo"].fillna(0.0) if "promo" in frame else 0.0
    )
    if "store" not in table:
        table = table.assign(store="")
    count = table.groupby("series")["units"].transform("size")
    long = table[count >= PROTOCOL.shortest]
    products = int(long["series"].nunique())
    every = int(table["series"].nunique())
    if every < FEWEST_PRODUCTS:
        raise HistoryError(
            "few_products",
            "Fine-tuning needs {needed} products, since an adapter is what they have in common; "
            "this history has {products}. The base prices them as it is.",
            needed=FEWEST_PRODUCTS,
            products=every,
        )
    if products < FEWEST_PRODUCTS:
        raise HistoryError(
            "short_series",
            "Fine-tuning needs {needed} products with {periods} {period}s of sales each; this history has "
            "{found} of {products}. The base prices them as it is; come back with more history.",
            needed=FEWEST_PRODUCTS,
            periods=PROTOCOL.shortest,
            period=period,
            found=products,
            products=every,
        )
    refuse_jumps(long)
    tested_from = _last_share(long["date"])
    validated_from = _last_share(long["date"][long["date"] < tested_from])

    def stretches(table: pd.DataFrame) -> tuple[Sales, Sales]:
        """The windows of test and of validation."""
        test = _from(lay_out(table, PROTOCOL, name="store"), tested_from)
        return test, _from(last_windows(test, test.first_tested, tested=PROTOCOL.tested), validated_from)

    everything, fitted = stretches(long)
    before = panel_before(everything, everything.first_tested, period)
    _refuse_still_prices(before)
    test, validation = stretches(_sample(long, seed))
    _refuse_few_tested(test)
    return Split(
        table=frame,
        test=test,
        validation=validation,
        train=panel_before(fitted, fitted.first_tested, period),
        before_test=before,
        whole=make_panel(everything.table, period),
        dates={
            "train": _days(long["date"][long["date"] < validated_from]),
            "validation": _days(
                long["date"][(long["date"] >= validated_from) & (long["date"] < tested_from)]
            ),
            "test": _days(long["date"][long["date"] >= tested_from]),
        },
    )


def _last_share(dates: pd.Series) -> pd.Timestamp:
    """The day from which on the last `tested` share of the rows lie: by rows and not by days, since a store
    whose products come and go may have few left at the end of a long calendar."""
    days = dates.sort_values()
    return pd.Timestamp(days.iloc[int(np.ceil((1 - PROTOCOL.tested) * (len(days) - 1)))])


def _from(sales: Sales, day: pd.Timestamp) -> Sales:
    """The windows that begin on this day or later; what lies on it or later counts as tested."""
    late = (sales.table["date"] >= day).to_numpy()
    earlier = np.add.reduceat(~late, sales.series_start)  # rows of each series before the day
    kept = late[sales.origin]
    return replace(
        sales,
        first_tested=np.minimum(sales.first_tested, sales.series_start + earlier),
        series=sales.series[kept],
        origin=sales.origin[kept],
    )


def _days(dates: pd.Series) -> tuple[str, str]:
    return f"{dates.min():%Y-%m-%d}", f"{dates.max():%Y-%m-%d}"


def panel_before(sales: Sales, stop: NDArray[np.int64], period: Period) -> Panel:
    """The rows of each series before row `stop`, shape (S,), as arrays; without series that have few."""
    row = np.arange(len(sales.table))
    length, before = sales.series_stop - sales.series_start, stop - sales.series_start
    kept = (row < np.repeat(stop, length)) & np.repeat(before >= FEWEST_TRAINED, length)
    return make_panel(sales.table[kept], period)


def _sample(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """At most `MOST_SERIES` series."""
    names = table["series"].unique()
    if len(names) <= MOST_SERIES:
        return table
    chosen = np.random.default_rng(seed).choice(names, MOST_SERIES, replace=False)
    return table[table["series"].isin(set(chosen.tolist()))]


def _refuse_few_tested(test: Sales) -> None:
    """A comparison over products needs some that still sold in the last quarter."""
    found = len(np.unique(test.series))
    if found < FEWEST_PRODUCTS:
        raise HistoryError(
            "few_tested",
            "Only {found} of {products} products have a month of sales in the last quarter of this history; "
            "{needed} are needed to test what was learned. Leave out what lies before or after most sales.",
            found=found,
            products=len(test.series_start),
            needed=FEWEST_PRODUCTS,
        )


def moved_before_test(before: Panel) -> NDArray[np.bool_]:
    """Products that sold something and whose price moved `FEWEST_MOVES` times or more, shape (B,)."""
    price, units = before.history.price, before.history.units
    with np.errstate(invalid="ignore"):
        moves = (np.abs(np.diff(np.log(price), axis=1)) >= SMALL_MOVE).sum(axis=1)
    found: NDArray[np.bool_] = (moves >= FEWEST_MOVES) & (np.nansum(units, axis=1) > 0)
    return found


def _refuse_still_prices(before: Panel) -> None:
    """Nothing about price can be learned where it stands still, nor about anything where nothing is sold."""
    sold = np.nansum(before.history.units, axis=1) > 0
    if sold.sum() < FEWEST_PRODUCTS:
        raise HistoryError(
            "nothing_sold",
            "Only {found} of {products} products sold anything before the last quarter; {needed} are needed. "
            "Check the column of units.",
            found=int(sold.sum()),
            products=len(before),
            needed=FEWEST_PRODUCTS,
        )
    moved = int(moved_before_test(before).sum())
    if moved < FEWEST_PRODUCTS:
        raise HistoryError(
            "prices_still",
            "Only {found} of {products} products changed price {moves} times or more before the last "
            "quarter; {needed} are needed to learn how this store's buyers answer to price. "
            "Test a few prices first.",
            found=moved,
            products=len(before),
            moves=FEWEST_MOVES,
            needed=FEWEST_PRODUCTS,
        )
