"""Rules that take more than one number: who granted an exception, which market, which products together."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass

_EEA_CODES = (
    "AT BE BG HR CY CZ DK EE FI FR DE GR EL HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO EU EEA"
)
_EEA = frozenset(_EEA_CODES.split())
_EEA_CURRENCIES = frozenset(("EUR", "BGN", "CZK", "DKK", "HUF", "PLN", "RON", "SEK", "ISK", "NOK"))
_COUNTRY_IN_NAME = re.compile(r"(?<![A-Za-z])[A-Z]{2,3}(?![A-Za-z])|(?<=\.)[a-z]{2}$")


class RuleError(ValueError):
    """A rule that cannot be. `code` and `name` say the same to whoever words it in another language: what is
    wrong, and of which field of `Rules` or of a clause."""

    def __init__(self, message: str, *, code: str, name: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name


@dataclass(frozen=True, kw_only=True)
class BelowCostException:
    """A ban on selling below cost and a margin floor, suspended for a reason and for a time."""

    granted_by: str
    """Who answers for it."""
    reason: str
    until: dt.date
    """The last day on which a price may rest on it."""
    floor: float
    """Lowest price even so, a share of unit cost in (0, 1]."""

    def __post_init__(self) -> None:
        _require_text("granted_by", self.granted_by)
        _require_text("reason", self.reason)
        _require_date("until", self.until)
        if not 0 < self.floor <= 1:
            raise RuleError(
                f"`floor` must be a share of unit cost in (0, 1], got {self.floor!r}.",
                code="not_a_share",
                name="below_cost_exception",
            )

    def covers(self, date: dt.date | None) -> bool:
        """Whether it holds on a day; never where the day is unknown."""
        return date is not None and date <= self.until


@dataclass(frozen=True, kw_only=True)
class MarketMinimum:
    """The lowest price that a supplier permits in one market."""

    market: str
    """An outlet as the history's `store` names it, or a market that `Rules.market` names; case aside."""
    price: float
    """Store currency."""

    def __post_init__(self) -> None:
        _require_text("market", self.market)
        if not (math.isfinite(self.price) and self.price > 0):
            raise RuleError(
                f"`price` of market {self.market!r} must be positive, got {self.price!r}.",
                code="not_positive",
                name="minimum_by_market",
            )


@dataclass(frozen=True, kw_only=True)
class CompetitorIndex:
    """Where the price must stand against the competitor's: low <= price / competitor's price <= high."""

    low: float | None = None
    high: float | None = None
    max_age_days: int = 14
    """An older observation of the competitor's price binds nobody."""

    def __post_init__(self) -> None:
        given = [x for x in (self.low, self.high) if x is not None]
        if not given or not all(math.isfinite(x) and x > 0 for x in given) or given != sorted(given):
            raise RuleError(
                "`competitor_index` needs `low`, `high` or both, positive multiples of the competitor's "
                f"price with low <= high, such as 0.95 and 1.05; got {self.low!r} and {self.high!r}.",
                code="not_a_band",
                name="competitor_index",
            )
        if not isinstance(self.max_age_days, int) or self.max_age_days < 0:
            raise RuleError(
                f"`max_age_days` must be a whole number of at least 0, got {self.max_age_days!r}.",
                code="negative",
                name="competitor_index",
            )


@dataclass(frozen=True, kw_only=True)
class PackOf:
    """A pack of several units of another product: cheaper than so many single ones."""

    sku: str
    """The single product's."""
    units: int
    """How many of it are in the pack."""
    min_saving: float = 0.0
    """Smallest saving a unit against the single product's price, a fraction in [0, 0.9]; at 0 any saving
    will do, but there must be one."""

    def __post_init__(self) -> None:
        _require_text("sku", self.sku)
        if not isinstance(self.units, int) or isinstance(self.units, bool) or self.units < 2:
            raise RuleError(
                f"`units` in a pack must be a whole number of at least 2, got {self.units!r}.",
                code="not_several",
                name="pack_of",
            )
        if not 0 <= self.min_saving <= 0.9:
            raise RuleError(
                f"`min_saving` must be a fraction in [0, 0.9], got {self.min_saving!r}.",
                code="saving_too_large",
                name="pack_of",
            )


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """Days on which no price may change, both ends among them."""

    start: dt.date
    end: dt.date
    reason: str = ""

    def __post_init__(self) -> None:
        _require_date("start", self.start)
        _require_date("end", self.end)
        if self.start > self.end:
            raise RuleError(
                f"A freeze must end after it starts, got {self.start} to {self.end}.",
                code="ends_first",
                name="freezes",
            )

    def covers(self, date: dt.date) -> bool:
        return self.start <= date <= self.end


def is_european(market: str | None, currency: str | None) -> bool:
    """Whether a market lies in the European Economic Area, as far as its name or currency tells.

    The name tells by a country code: 'DE', 'Shop FR', 'amazon.de'.
    """
    if currency is not None and currency.upper() in _EEA_CURRENCIES:
        return True
    if market is None:
        return False
    codes = {market.strip().upper(), *(code.upper() for code in _COUNTRY_IN_NAME.findall(market.strip()))}
    return bool(codes & _EEA)


def _require_text(name: str, value: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise RuleError(f"`{name}` must say something, got {value!r}.", code="no_word", name=name)


def _require_date(name: str, value: dt.date) -> None:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise RuleError(f"`{name}` must be a date, got {value!r}.", code="not_a_date", name=name)
