"""A merchant's limits on a recommended price: what they are, how they are kept, how scopes combine."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from policy.decision.clauses import (
    BelowCostException,
    CompetitorIndex,
    Freeze,
    MarketMinimum,
    PackOf,
    RuleError,
)
from policy.decision.limits import RulesInfeasible

__all__ = ["Rules", "RulesInfeasible"]

_FIRST_FIELDS = ("max_change", "min_margin", "allow_below_cost", "price_ending", "minimum_advertised_price")
"""Those of the first version: always in the digest, so that decisions on record keep naming their rules."""

_PRICES = ("minimum_advertised_price", "lowest_price", "highest_price")
_CHANGES = ("max_change", "max_increase", "max_decrease")

_CLAUSES: Mapping[str, type] = {
    "below_cost_exception": BelowCostException,
    "competitor_index": CompetitorIndex,
    "pack_of": PackOf,
}
_CLAUSE_LISTS: Mapping[str, type] = {"minimum_by_market": MarketMinimum, "freezes": Freeze}
_DATES = ("emergency_since", "until", "start", "end")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Limits a recommended price must respect, whatever the model says. None switches a rule off.

    All of them hold at once; where no price satisfies them all, those that exclude each other are named and
    the price is kept. `policy.decision.bounds` says in which order they are applied.
    """

    max_change: float | None = 0.20
    """Largest |price / current price - 1| in one step, a fraction >= 0. The next two narrow it; for a rise
    beyond it with a tighter limit on cuts, switch this one off and set both."""
    max_increase: float | None = None
    """Largest price / current price - 1 in one step, a fraction >= 0."""
    max_decrease: float | None = None
    """Largest 1 - price / current price in one step, a fraction in [0, 1]."""
    lowest_price: float | None = None
    highest_price: float | None = None
    """The merchant's own ends, store currency."""
    freezes: tuple[Freeze, ...] = ()
    """Days on which the price may not change."""
    min_margin: float | None = 0.10
    """Smallest (price - unit cost) / price, a fraction in [0, 1); asks nothing where cost is unknown."""
    allow_below_cost: bool = False
    """Whether a price under unit cost is permitted; a margin floor, where set, still holds."""
    below_cost_exception: BelowCostException | None = None
    """While it lasts its own floor stands in the place of margin floor and below-cost ban."""
    minimum_advertised_price: float | None = None
    """Lowest price the supplier permits, in store currency, in markets that the next rule does not name."""
    minimum_by_market: tuple[MarketMinimum, ...] = ()
    """Lowest price the supplier permits, market by market."""
    market: str | None = None
    """Market in which these prices are charged; None where each outlet is its own."""
    essential: bool = False
    """Whether the law caps this product's price in an emergency."""
    emergency_since: dt.date | None = None
    """The emergency switch. From this day on essential goods cost at most 10 % more than the day before it
    (California Penal Code 396)."""
    competitor_index: CompetitorIndex | None = None
    """Bounds on price over competitor's price, where that is known and fresh."""
    price_ending: float | None = None
    """How prices end: 0.99 for 4.99, 0.9 for 4.90, 0.0 for whole numbers, 9 for 19, 29, 139, 99 for 199."""
    price_group: str | None = None
    """Products of an outlet with the same word here have one price: sizes or colours of one article."""
    pack_of: PackOf | None = None
    """What this product is a pack of; it costs less than as many single ones in the same outlet."""

    def __post_init__(self) -> None:
        for name in (*_CHANGES, *_PRICES, "min_margin", "price_ending"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise RuleError(
                    f"`{name}` must be a number, or None, got {value!r}.", code="not_a_number", name=name
                )
        for name in _CHANGES:
            change = getattr(self, name)
            if change is not None and not (math.isfinite(change) and change >= 0):
                raise RuleError(
                    f"`{name}` must be a fraction of at least 0, or None, got {change!r}.",
                    code="negative",
                    name=name,
                )
        if self.max_decrease is not None and self.max_decrease > 1:
            raise RuleError(
                f"`max_decrease` must be a fraction in [0, 1], got {self.max_decrease!r}.",
                code="above_whole",
                name="max_decrease",
            )
        margin, ending = self.min_margin, self.price_ending
        if margin is not None and not 0 <= margin < 1:
            raise RuleError(
                f"`min_margin` must be in [0, 1), or None, got {margin!r}.",
                code="not_a_fraction",
                name="min_margin",
            )
        for name in _PRICES:
            price = getattr(self, name)
            if price is not None and not (math.isfinite(price) and price > 0):
                raise RuleError(
                    f"`{name}` must be positive, or None, got {price!r}.", code="not_positive", name=name
                )
        if ending is not None and not (
            0 <= ending < 10_000 and abs(ending * 100 - round(ending * 100)) < 1e-6
        ):
            raise RuleError(
                f"`price_ending` must be in [0, 10000) with at most two decimals, or None, got {ending!r}. "
                "Use 0.99 for prices such as 4.99, or 9 for prices such as 139.",
                code="not_an_ending",
                name="price_ending",
            )
        for name in ("market", "price_group"):
            text = getattr(self, name)
            if text is not None and not (isinstance(text, str) and text.strip()):
                raise RuleError(f"`{name}` must be a word, or None, got {text!r}.", code="no_word", name=name)
        markets = [minimum.market.casefold() for minimum in self.minimum_by_market]
        if len(set(markets)) < len(markets):
            raise RuleError(
                f"`minimum_by_market` names a market twice: {', '.join(sorted(markets))}.",
                code="named_twice",
                name="minimum_by_market",
            )

    def minimum_in(self, market: str | None) -> float | None:
        """Lowest price the supplier permits in a market, store currency."""
        for minimum in self.minimum_by_market:
            if market is not None and minimum.market.casefold() == market.casefold():
                return minimum.price
        return self.minimum_advertised_price

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; dates in ISO 8601."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rules:
        """The inverse of `to_dict`; a rule that is left out has its default. Raises on unknown names."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"Unknown rules {', '.join(unknown)}; the rules are {', '.join(known)}.")
        return cls(**{name: _read(name, value) for name, value in values.items()})

    @classmethod
    def layered(cls, layers: Iterable[Mapping[str, Any]]) -> Rules:
        """One set of rules from those of several scopes, the widest first.

        The nearest scope that names a rule decides it; a rule that none names has its default. What protects
        adds up instead, so that no scope lifts it by ordering something else: freezes of all scopes hold, a
        product that any scope calls essential is, an emergency that any declares is one, and minimum prices
        are taken market by market.

        Parameters
        ----------
        layers
            Rules by name, as in `to_dict`, of which each scope may leave out any.
        """
        merged: dict[str, Any] = {}
        freezes: list[Freeze] = []
        minimums: dict[str, MarketMinimum] = {}
        essential, since = False, None
        for layer in layers:
            rules = cls.from_dict(layer)
            merged |= {name: getattr(rules, name) for name in layer}
            freezes += [freeze for freeze in rules.freezes if freeze not in freezes]
            minimums |= {minimum.market.casefold(): minimum for minimum in rules.minimum_by_market}
            essential, since = essential or rules.essential, rules.emergency_since or since
        protection = {"freezes": tuple(freezes), "minimum_by_market": tuple(minimums.values())}
        return cls(**(merged | protection | {"essential": essential, "emergency_since": since}))

    @property
    def digest(self) -> str:
        """The same for equal rules, in any process: 16 hexadecimal digits.

        Rules that a later version added count where they are set, so that earlier digests stay.
        """
        default = type(self)()
        values = {
            field.name: _numbers(plain(getattr(self, field.name)))
            for field in fields(self)
            if field.name in _FIRST_FIELDS or getattr(self, field.name) != getattr(default, field.name)
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def plain(value: Any) -> Any:
    """A rule's value in JSON types."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _numbers(value: Any) -> Any:
    """9 and 9.0 are one rule."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return float(value) if isinstance(value, int) else value


def _read(name: str, value: Any) -> Any:
    """A rule's value from JSON types, or as it is where it was read already."""
    if name in _CLAUSES and isinstance(value, Mapping):
        return _clause(name, _CLAUSES[name], value)
    if name in _CLAUSE_LISTS:
        items = value if isinstance(value, list | tuple) else [value]
        kind = _CLAUSE_LISTS[name]
        return tuple(_clause(name, kind, it) if isinstance(it, Mapping) else it for it in items)
    return _date(name, value) if name in _DATES else value


def _clause(name: str, kind: type, values: Mapping[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"`{name}` knows no {', '.join(unknown)}; it has {', '.join(sorted(known))}.")
    if missing := sorted(needed - set(values)):
        raise ValueError(f"`{name}` lacks {', '.join(missing)}.")
    return kind(**{key: _date(key, value) if key in _DATES else value for key, value in values.items()})


def _date(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise RuleError(
            f"`{name}` must be a date such as 2026-11-27, got {value!r}.", code="not_a_date", name=name
        ) from None
