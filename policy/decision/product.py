"""One product that something is asked about, and the periods that it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date as Date
from datetime import datetime

import numpy as np

from policy.decision.bounds import Circumstances
from policy.decision.evidence import Evidence, weigh
from policy.decision.given import QuestionError
from policy.decision.margin import UnitEconomics
from policy.decision.recommend import Label
from policy.decision.rules import Rules
from policy.decision.settle import circumstances_of
from policy.decision.situation import Situation, iso_date, known, situation_of
from policy.history import Period
from policy.model.future import MOST_AHEAD
from policy.model.panel import Panel
from policy.model.pool import FittedRows
from policy.model.posterior import Posterior
from policy.model.transformer import PolicyModel


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product's history with the network that reads it."""

    network: PolicyModel
    adapters: FittedRows | None
    panel: Panel
    """Of this product alone."""
    evidence: Evidence
    """Of this product alone, weighed in its whole table."""
    label: Label

    @property
    def sku(self) -> str:
        return self.panel.keys[0][1]

    @property
    def store(self) -> str | None:
        return self.panel.keys[0][0]

    @property
    def period(self) -> Period:
        return self.panel.period

    @property
    def current_price(self) -> float:
        """Last price charged, store currency."""
        return float(self.panel.last_known("price")[0])

    @property
    def unit_cost(self) -> float | None:
        return known(self.panel.last_known("cost")[0])

    @property
    def competitor_price(self) -> float | None:
        return known(self.panel.last_known("competitor_price")[0])

    @property
    def stock(self) -> float | None:
        """Units on hand by the last record of them."""
        return known(self.panel.last_known("stock")[0])

    def situation(self, periods: int) -> Situation:
        """The next `periods` periods, with everything as it is now."""
        return situation_of(self.panel, maximise_profit=True, horizon=periods, adapters=self.adapters)

    def economics(
        self, *, unit_cost: float | None = None, fee: float = 0.0, shipping: float = 0.0
    ) -> UnitEconomics:
        """What selling one unit costs, at the known cost where none is given."""
        return UnitEconomics(
            unit_cost=self.unit_cost if unit_cost is None else unit_cost, fee=fee, shipping=shipping
        )

    def circumstances(
        self,
        rules: Rules,
        *,
        day: str | None = None,
        unit_cost: float | None = None,
        competitor_price: float | None = None,
    ) -> Circumstances:
        """What rules ask about the product on a day. Prices of other products are not known here: rules that
        tie it to them (`price_group`, `pack_of`) ask nothing.

        Parameters
        ----------
        day
            ISO 8601; by default the first of the next period.
        unit_cost, competitor_price
            In place of the known ones, store currency.
        """
        situation = self.situation(1).with_future(
            cost=None if unit_cost is None else np.array([unit_cost]),
            competitor_price=None if competitor_price is None else np.array([competitor_price]),
        )
        now = circumstances_of(self.panel, situation, 0, rules=rules, currency=self.label.currency)
        if day is not None:
            now = replace(now, date=Date.fromisoformat(day))
        return now

    def window(
        self,
        *,
        periods: int | None = None,
        start: str | Date | None = None,
        until: str | Date | None = None,
        whole: bool = False,
    ) -> Window:
        """The periods ahead that are meant; see `window_of`."""
        return window_of(self.panel, periods=periods, start=start, until=until, whole=whole)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Periods ahead of a product's history."""

    first: int
    """How many periods ahead are passed over."""
    periods: int
    dates: tuple[str, ...]
    """First day of each period, ISO 8601."""
    end: str
    """Last day of the last period."""

    @property
    def reach(self) -> int:
        """How many periods must be read ahead."""
        return self.first + self.periods

    def of(self, posterior: Posterior) -> Posterior:
        """The rows of these periods, from those of one product's first `reach` or more periods ahead."""
        return posterior.take(np.arange(self.first, self.reach))


def window_of(
    panel: Panel,
    *,
    periods: int | None = None,
    start: str | Date | None = None,
    until: str | Date | None = None,
    whole: bool = False,
) -> Window:
    """The periods ahead of one product's history (a panel of one row) that are meant.

    Parameters
    ----------
    periods
        How many, from `start` on; 1 where neither it nor `until` is given.
    start, until
        Dates, ISO 8601 where text: from the period that `start` lies in, by default the next one, to the
        period that `until` lies in.
    whole
        Only periods that are over by the end of `until`.

    Raises
    ------
    QuestionError
        Both or impossible lengths are given, dates lie in the past or in the wrong order, or the periods
        reach further than forecasts do.
    """
    if periods is not None and until is not None:
        raise QuestionError("two_lengths", "Give `periods` or `until`, not both.")
    if periods is not None and not (isinstance(periods, int) and periods >= 1):
        raise QuestionError(
            "not_a_count", "`periods` must be a whole number of at least 1, got {value!r}.", value=periods
        )
    # A day more than can be forecast, by which a date too far is known.
    days = panel.next_periods(MOST_AHEAD + 1, price=np.ones(1)).day[0]
    first = 0
    if start is not None:
        first = int(np.searchsorted(days, _day("start", start), side="right")) - 1
        if first < 0:
            raise QuestionError(
                "start_past",
                "`start` lies before {date}, the next {period} to be priced.",
                date=iso_date(days[0]),
                period=panel.period,
            )
    if until is None:
        last = first + (periods or 1) - 1
    else:
        day = _day("until", until)
        last = int(np.searchsorted(days, day + whole, side="right")) - 1 - whole
        if last < first:
            raise QuestionError(
                "until_too_soon",
                "No{whole} {period} of sales lies ahead by {date}; the next begins on {first} and ends "
                "on {end}. Give a later date, or more recent sales.",
                whole=" whole" if whole else "",
                period=panel.period,
                date=iso_date(day),
                first=iso_date(days[first]),
                end=iso_date(days[min(first + 1, MOST_AHEAD)] - 1),
            )
    if last >= MOST_AHEAD:
        raise QuestionError(
            "too_far",
            "Forecasts reach {limit} {period}s, to {date}. "
            "Ask for fewer, or add up the history to longer periods.",
            limit=MOST_AHEAD,
            period=panel.period,
            date=iso_date(days[MOST_AHEAD] - 1),
        )
    dates = tuple(iso_date(day) for day in days[first : last + 1])
    return Window(first=first, periods=last - first + 1, dates=dates, end=iso_date(days[last + 1] - 1))


def product_of(
    panel: Panel,
    labels: list[Label],
    *,
    network: PolicyModel,
    adapters: FittedRows | None,
    sku: str,
    store: str | None,
) -> Product:
    """Find a product in a panel.

    Raises
    ------
    HistoryError
        The panel lacks it, or has it in several stores and `store` is not given.
    """
    row = np.array([panel.row_of(sku, store)])
    return Product(
        network=network,
        adapters=None if adapters is None else adapters.take(row),
        panel=panel.take(row),
        evidence=weigh(panel).take(row),
        label=labels[row[0]],
    )


def _day(name: str, value: str | Date) -> int:
    try:
        day = Date.fromisoformat(value) if isinstance(value, str) else value
        day = day.date() if isinstance(day, datetime) else day
        return (day - Date(1970, 1, 1)).days
    except (TypeError, ValueError):
        raise QuestionError(
            "not_a_date", "`{name}` must be a date such as 2026-01-31, got {value!r}.", name=name, value=value
        ) from None
