"""Prices that jump all at once: a change of currency, of tax basis or of unit, which is not pricing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from policy.history.checks import HistoryError

JUMP, ALIKE, MOST, FEWEST = np.log(1.8), 0.25, 0.8, 5
"""A jump: four in five price levels, of five products or more, change at once and for good by a factor of 1.8
or more, within a quarter of each other."""

LEVEL_DAYS, LEVEL_PERIODS = 56, 8
"""A level is a median of eight weeks, and of eight periods or more."""


def refuse_jumps(table: pd.DataFrame) -> None:
    """Refuse a history in which most prices are at another level from one day on and for good, by one factor.

    Pricing does not do that, and a sale of everything comes back. Levels are medians of the eight weeks
    before and after a date, where a product has as many, and must hold for all prices before and after it. A
    change nearer than that to an end of the history is not seen.

    Parameters
    ----------
    table
        A canonical table.

    Raises
    ------
    HistoryError
        Since when, by which factor, and what to do.
    """
    keys = [table[name].fillna("") for name in ("store", "sku") if name in table]
    series = table.groupby(keys, sort=False).ngroup().to_numpy()
    frame = pd.DataFrame(
        {"series": series, "date": table["date"].to_numpy(), "level": np.log(table["price"].to_numpy())}
    ).sort_values(["series", "date"], ignore_index=True)
    days = frame.groupby("series")["date"].diff().dt.days.median()
    if not days > 0:  # a single period each
        return
    level = max(LEVEL_PERIODS, round(LEVEL_DAYS / days))
    medians = frame.groupby("series")["level"].rolling(level).median().droplevel(0)
    of_series = medians.groupby(frame["series"])
    jump = (of_series.shift(1 - level) - of_series.shift(1)).dropna()
    date = frame["date"].loc[jump.index]
    middle, products = jump.groupby(date).median(), jump.groupby(date).count()
    share = ((jump - date.map(middle)).abs() <= ALIKE).groupby(date).mean()
    bad = (middle.abs() >= JUMP) & (products >= FEWEST) & (share >= MOST)
    for day in middle.index[bad]:
        late = frame["date"] >= day
        sides = [frame[side].groupby("series")["level"].median() for side in (~late, late)]
        bad[day] = abs((sides[1] - sides[0]).median() - middle[day]) <= ALIKE
    if bad.any():
        first = middle[bad].abs().idxmax()
        raise HistoryError(
            "prices_jump",
            "From {date} on the prices of {count} products are about {factor} times what they were, all at "
            "once, as where currency, tax or unit changes. Convert the earlier prices, or leave them out.",
            date=f"{first:%Y-%m-%d}",
            count=int(products[first]),
            factor=f"{np.exp(middle[first]):.3g}",
        )
