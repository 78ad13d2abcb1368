"""The canonical table of sales: validated once, here, and trusted everywhere after.

One row per product and period (store, sku, date): the price charged and the units sold. A panel that is
already clean passes with its rows as they are; a log of transactions becomes one row per product and day.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from policy.history.checks import COLUMNS, REQUIRED, HistoryError, HistoryNote, checked
from policy.history.periods import (
    PERIODS,
    Gaps,
    Period,
    added_up,
    detected_period,
    fill_with_zero,
    is_transaction_log,
    merge_repeats,
    missing_periods,
    without_negative,
)

__all__ = [
    "COLUMNS",
    "PERIODS",
    "REQUIRED",
    "Gaps",
    "HistoryError",
    "HistoryNote",
    "HistoryReport",
    "Period",
    "canonical_history",
]


@dataclass(frozen=True, kw_only=True)
class HistoryReport:
    """What was understood of a table of sales, and what was mended."""

    period: Period
    gaps: Gaps
    """Whether a missing period is zero sales (and was filled in) or unknown (and left out)."""
    rows_in: int
    rows_out: int
    products: int
    """Distinct (store, sku)."""
    first_date: str
    last_date: str
    notes: tuple[HistoryNote, ...] = ()


def canonical_history(
    frame: pd.DataFrame,
    *,
    period: Period | None = None,
    gaps: Gaps | None = None,
    transactions: bool | None = None,
) -> tuple[pd.DataFrame, HistoryReport]:
    """Validate sales and bring them to one row per product and period.

    Parameters
    ----------
    frame
        `sku, date, price, units` and any of the optional `COLUMNS`; others are ignored with a note.
        Prices are unit prices; negative units are returns, netted within their period.
    period
        Length of a period; detected where None. Rows of a shorter period are added up.
    gaps
        What a missing period is. None: zero sales in a log of transactions, unknown in a panel.

    transactions
        Whether a row is one sale, so that equal rows are several sales. None: it is found out from how
        often products and dates repeat, and from times of day.

    Returns
    -------
    The table, sorted by (store, sku, date) with a fresh index, and the report. Where rows repeat a product
    and date, a log adds them up; a panel drops exact copies and adds up the rest. The price of added rows
    is the mean price weighted by units sold.

    Raises
    ------
    HistoryError
        For missing columns and for rows that have no sku, date, units or positive price.
    """
    notes: list[HistoryNote] = []
    table, timed = checked(frame, notes)
    is_log = timed or is_transaction_log(table) if transactions is None else transactions
    table = merge_repeats(table, is_log, notes)
    gaps = gaps or ("zero" if is_log else "unknown")

    detected = "day" if is_log else detected_period(table)
    if detected is None and period is None:
        notes.append(HistoryNote("period_assumed", len(table), "day"))
    found: Period = detected or period or "day"
    period = period or found
    if PERIODS.index(period) > PERIODS.index(found):
        table = added_up(table, period, notes)
    table = without_negative(table, is_log, notes)
    table = table.sort_values(["series", "date"], ignore_index=True)
    if gaps == "zero":
        table = fill_with_zero(table, period, notes)
    elif missing := missing_periods(table, period):
        notes.append(HistoryNote("gaps_unknown", missing))

    report = HistoryReport(
        period=period,
        gaps=gaps,
        rows_in=len(frame),
        rows_out=len(table),
        products=int(table["series"].nunique()),
        first_date=f"{table['date'].min():%Y-%m-%d}",
        last_date=f"{table['date'].max():%Y-%m-%d}",
        notes=tuple(notes),
    )
    return table.drop(columns="series"), report
