"""The price that an announced cut may be measured against, from the prices really charged before it.

EU: Directive 98/6/EC Art. 6a, as the Court of Justice reads it in C-330/23 (Aldi Süd): the prior price is the
lowest of the 30 days before the cut, and the percentage is computed on it. China: Interim Provisions on
Regulating Promotions, Art. 21: without another base marked, the lowest price of a deal in the 7 days before
the promotion, or the last deal before it where those days saw none. Design input, not legal advice.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

Profile = Literal["eu", "china"]
Block = Literal["unknown_history", "no_reduction", "was_too_high"]
Note = Literal[
    "assumed_unchanged",
    "progressive_cut",
    "not_progressive",
    "last_deal",
    "prices_by_week",
    "prices_by_month",
]

WINDOW_DAYS: dict[Profile, int] = {"eu": 30, "china": 7}

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class PriceSpan:
    """Days in a row with one price, both ends among them."""

    first: dt.date
    last: dt.date
    price: float
    """Store currency."""
    sold: bool | None = None
    """Whether anything was sold at it; None where that is unknown, which is taken for a deal."""
    assumed: bool = False
    """Whether it is only what holds if nothing changes: later than the newest sales."""
    since: dt.date | None = None
    """The day from which the ledger has this price."""


@dataclass(frozen=True, kw_only=True)
class ReferenceCheck:
    """What may be said of a cut. Where `blocked` is set, no comparison with an earlier price may be made."""

    profile: Profile
    start: dt.date
    """First day of the cut price."""
    window_first: dt.date
    window_last: dt.date
    reference_price: float | None
    """The earlier price that may be shown, store currency; None where history does not tell."""
    planned_price: float | None
    discount: float | None
    """Largest percentage that may be announced, a fraction of the reference price; None where none may."""
    whole_percent: int | None
    """The same in whole per cent, never rounded up."""
    was_price: float | None
    """The earlier price that somebody wants to show."""
    used: tuple[PriceSpan, ...]
    """The prices that decide, oldest first."""
    gaps: tuple[tuple[dt.date, dt.date], ...]
    """Days of the window whose price is not on record, both ends included."""
    blocked: Block | None
    notes: tuple[Note, ...]
    """What to mind: `assumed_unchanged` is that all holds provided that the price does until the start."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, dates in ISO 8601."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def reference_price(
    spans: Iterable[PriceSpan],
    *,
    start: dt.date,
    profile: Profile,
    planned_price: float | None = None,
    was_price: float | None = None,
    cut_since: dt.date | None = None,
    notes: Sequence[Note] = (),
) -> ReferenceCheck:
    """Which earlier price and which percentage a cut may be announced with.

    Parameters
    ----------
    spans
        Prices in force, in any order; days that none covers are unknown. One such day in the window blocks
        every comparison: the lowest price may have been on it.
    start
        First day of the planned price.
    was_price
        An earlier price that is to be shown, if one is asked about.
    cut_since
        First day of the sale that this cut goes on with. In the EU the window then lies before that day, but
        only while prices fell step by step without a break (Art. 6a(5), where the member state allows it).
    notes
        Codes to hand on: what is known of how the spans were come by.

    Raises
    ------
    ValueError
        A price that is not positive, a sale that begins after the cut, spans that overlap.
    """
    for name, price in (("planned_price", planned_price), ("was_price", was_price)):
        if price is not None and not (math.isfinite(price) and price > 0):
            raise ValueError(f"`{name}` must be positive, got {price!r}.")
    if profile not in WINDOW_DAYS:
        raise ValueError(f"`profile` must be 'eu' or 'china', got {profile!r}.")
    if cut_since is not None and cut_since > start:
        raise ValueError(f"`cut_since` must not lie after `start`, got {cut_since} and {start}.")
    known = sorted(spans, key=lambda span: span.first)
    for earlier, later in pairwise(known):
        if later.first <= earlier.last:
            raise ValueError(f"Two spans overlap: both name a price for {later.first}.")

    said: list[Note] = list(notes)
    begin = start
    if cut_since is not None and cut_since < start:
        if profile == "china" or _falls_step_by_step(known, cut_since, start, planned_price):
            begin = cut_since
            said += ["progressive_cut"] if profile == "eu" else []
        else:
            said.append("not_progressive")
    first, last = begin - WINDOW_DAYS[profile] * _DAY, begin - _DAY
    inside = _within(known, first, last)
    gaps = _gaps(inside, first, last)
    used = inside
    if profile == "china":
        used = [span for span in inside if span.sold is not False]
        if not used and not gaps:
            used, gaps = _last_deal(known, first)
            said += ["last_deal"] if used else []
    blocked: Block | None = "unknown_history" if gaps or not used else None
    if any(span.assumed for span in used):
        said.append("assumed_unchanged")
    reference = None if blocked else min(span.price for span in used)
    discount: float | None = None
    if reference is not None and planned_price is not None:
        discount = 1 - planned_price / reference
        if discount <= 1e-12:
            blocked, discount = "no_reduction", None
    if reference is not None and was_price is not None and was_price > reference * (1 + 1e-9):
        blocked = blocked or "was_too_high"
    return ReferenceCheck(
        profile=profile,
        start=start,
        window_first=first,
        window_last=last,
        reference_price=reference,
        planned_price=planned_price,
        discount=discount,
        whole_percent=None if discount is None else math.floor(100 * discount + 1e-9),
        was_price=was_price,
        used=tuple(used),
        gaps=tuple(gaps),
        blocked=blocked,
        notes=tuple(dict.fromkeys(said)),
    )


def _within(spans: Sequence[PriceSpan], first: dt.date, last: dt.date) -> list[PriceSpan]:
    """The spans that hold on a day of the window, whole."""
    return [span for span in spans if span.first <= last and span.last >= first]


def _gaps(spans: Sequence[PriceSpan], first: dt.date, last: dt.date) -> list[tuple[dt.date, dt.date]]:
    """Days of the window that no span covers, as ranges."""
    found, day = [], first
    for span in spans:
        if span.first > day:
            found.append((day, span.first - _DAY))
        day = max(day, span.last + _DAY)
    return [*found, (day, last)] if day <= last else found


def _last_deal(
    spans: Sequence[PriceSpan], first: dt.date
) -> tuple[list[PriceSpan], list[tuple[dt.date, dt.date]]]:
    """The last span with a deal before a day, and the days since whose price, and deals, are unknown."""
    before = [span for span in spans if span.last < first and span.sold is not False]
    if not before:
        return [], []
    since = before[-1].last + _DAY
    return before[-1:], _gaps(_within(spans, since, first - _DAY), since, first - _DAY)


def _falls_step_by_step(
    spans: Sequence[PriceSpan], since: dt.date, start: dt.date, planned_price: float | None
) -> bool:
    """Whether a sale's price fell at its begin and then only ever further, up to the planned one."""
    sale = _within(spans, since - _DAY, start - _DAY)
    if not sale or _gaps(sale, since - _DAY, start - _DAY):
        return False
    prices = [span.price for span in sale] + ([] if planned_price is None else [planned_price])
    cut_at_begin = sale[0].last < since and len(sale) > 1 and sale[1].price < sale[0].price
    return cut_at_begin and all(b <= a * (1 + 1e-9) for a, b in pairwise(prices))


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
