"""A store's sales in order of time: what is trained on, what chooses between ways to fit, what judges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.forecast.windows import Protocol, Sales, last_windows, lay_out
from policy.history import HistoryError, Period
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

JUMP, ALIKE, MOST, LEVEL = np.log(1.8), 0.25, 0.8, 8
"""Four in five price levels that change at once by a factor of 1.8 or more, within a quarter of each other:
that is not pricing. A level is a median of eight periods."""


@dataclass(frozen=True)
class Split:
    """The series of a store long enough to learn from, S of them, in three stretches of time each."""

    test: Sales
    """Windows in the last quarter of each series."""
    validation: Sales
    """The same series, windows in the last quarter of what comes before the test."""
    train: Panel
    """What comes before validation."""
    before_test: Panel
    """Train and validation together."""
    whole: Panel
    """Everything, the test included."""

    def dates(self) -> dict[str, tuple[str, str]]:
        """First and last date of each stretch, over all series."""
        date = self.test.table["date"].dt.strftime("%Y-%m-%d").to_numpy()
        start, stop = self.test.series_start, self.test.series_stop
        between = self.validation.first_tested, self.test.first_tested
        stretches = {
            "train": (start, between[0]),
            "validation": between,
            "test": (between[1], stop),
        }
        return {name: (str(date[a].min()), str(date[b - 1].max())) for name, (a, b) in stretches.items()}


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
    if products < FEWEST_PRODUCTS:
        raise HistoryError(
            "few_products",
            "Fine-tuning needs {needed} products with {periods} {period}s of sales each; this history has "
            "{found} of {products}. The base prices them as it is; come back with more history.",
            needed=FEWEST_PRODUCTS,
            periods=PROTOCOL.shortest,
            period=period,
            found=products,
            products=int(table["series"].nunique()),
        )
    refuse_jumps(long)
    chosen = _sample(long, seed)
    test = lay_out(chosen, PROTOCOL, name="store")
    validation = last_windows(test, test.first_tested, tested=PROTOCOL.tested)
    everything = lay_out(long, PROTOCOL, name="store")
    fitted = last_windows(everything, everything.first_tested, tested=PROTOCOL.tested)
    before = panel_before(everything, everything.first_tested, period)
    _refuse_still_prices(before)
    return Split(
        test=test,
        validation=validation,
        train=panel_before(fitted, fitted.first_tested, period),
        before_test=before,
        whole=make_panel(everything.table, period),
    )


def panel_before(sales: Sales, stop: NDArray[np.int64], period: Period) -> Panel:
    """The rows of each series before row `stop`, shape (S,), as arrays."""
    row = np.arange(len(sales.table))
    length = sales.series_stop - sales.series_start
    return make_panel(sales.table[row < np.repeat(stop, length)], period)


def _sample(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """At most `MOST_SERIES` series."""
    names = table["series"].unique()
    if len(names) <= MOST_SERIES:
        return table
    chosen = np.random.default_rng(seed).choice(names, MOST_SERIES, replace=False)
    return table[table["series"].isin(set(chosen.tolist()))]


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


def refuse_jumps(table: pd.DataFrame) -> None:
    """Refuse a history in which most prices are at another level from one day on, by one factor.

    Pricing does not do that; a change of currency, of tax basis or of unit does. Levels are medians of the
    `LEVEL` prices before and after a date; `series` tells the rows of one product from those of the next.
    """
    log_price = np.log(table["price"])
    groups = log_price.groupby(table["series"])
    before = groups.transform(lambda path: path.rolling(LEVEL).median().shift(1))
    after = groups.transform(lambda path: path[::-1].rolling(LEVEL).median()[::-1])
    jump = (after - before).dropna()
    date = table["date"].loc[jump.index]
    middle, products = jump.groupby(date).median(), jump.groupby(date).count()
    near = (jump - date.map(middle)).abs() <= ALIKE
    share = near.groupby(date).mean()
    bad = (middle.abs() >= JUMP) & (products >= FEWEST_PRODUCTS) & (share >= MOST)
    if bad.any():
        first = middle[bad].abs().idxmax()
        raise HistoryError(
            "prices_jump",
            "From {date} on the prices of {count} products are about {factor:.3g} times what they were, all "
            "at once, as where currency, tax or unit changes. Convert the earlier prices, or leave them out.",
            date=f"{first:%Y-%m-%d}",
            count=int(products[first]),
            factor=float(np.exp(middle[first])),
        )
