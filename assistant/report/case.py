"""One product as the report speaks of it: entry and facts, what becomes of its price, what was decided."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from assistant.desk import Decision
from assistant.facts import Fact, direction, facts_for, subject_of
from assistant.report.entry import Entry
from assistant.store.ledger import following
from assistant.store.records import Verdict
from assistant.store.reports import LastRuling
from assistant.tools.pricing import item
from assistant.wording import Language
from policy.decision.recommendation import Recommendation
from policy.decision.standing import Standing

Move = Literal["raise", "cut", "keep", "none"]
"""`none`: the policy abstains."""
Status = Literal["open", "again", "approved", "edited", "rejected"]
"""`again`: open, though the merchant rejected such a change before; `edited`: approved at a price of the
merchant's own."""
Risk = Literal[
    "unclear",
    "edge",
    "few_changes",
    "thin",
    "rival_old",
    "stock_old",
    "stock",
    "no_cost",
    "below_cost",
    "large",
]
RISKS: tuple[Risk, ...] = get_args(Risk)
"""The worst first."""
LARGE = 0.20
"""A change beyond this share of the price is a large step."""
SAME_PRICE = 0.005
"""Relative difference up to which the price on record is the one that was approved: a week's is a mean."""
THIN: Mapping[str, int] = {"day": 182, "week": 26, "month": 12}
"""Below so many periods of sales a history is short: it has not seen the seasons."""
_CAUTIONS: Mapping[str, Risk] = {
    "at_edge_of_known_prices": "edge",
    "few_price_changes": "few_changes",
    "stock_limits_sales": "stock",
    "price_below_cost": "below_cost",
    "cost_missing": "no_cost",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One product."""

    entry: Entry
    facts: list[Fact]
    item: Mapping[str, Any]
    """As the chat's tools give it."""
    verdict: Verdict | None
    """What was decided of this suggestion."""
    ruling: LastRuling | None = None
    """What was decided last of the product, of whichever suggestion."""

    @property
    def it(self) -> Recommendation:
        return self.entry.recommendation

    @property
    def standing(self) -> Standing:
        return self.entry.standing

    @property
    def id(self) -> str:
        """Of its page: `SKU` or `SKU@outlet`."""
        return subject_of(self.it.sku, self.it.store)

    @property
    def name(self) -> str:
        """On one line, with the outlet where there is one."""
        name = " ".join((self.it.name or self.it.sku).split())
        return f"{name} ({self.it.store})" if self.it.store else name

    @property
    def products(self) -> dict[str, str]:
        """Name by SKU, for the number check."""
        return {self.it.sku: " ".join((self.it.name or self.it.sku).split())}

    @property
    def names(self) -> list[str]:
        """What else it is called, for the number check."""
        return [text for text in (self.name, self.id, self.it.store, self.entry.category) if text]

    @cached_property
    def move(self) -> Move:
        """Where the price goes, as seen on the tag."""
        it = self.it
        return "none" if it.abstained else direction(it.current_price, it.price, it.currency)

    @property
    def moves(self) -> bool:
        return self.move in ("raise", "cut")

    @property
    def large(self) -> bool:
        """Whether the change is a large step, but for what rounding to the tag does."""
        return self.moves and round(abs(self.it.change), 3) > LARGE

    @cached_property
    def status(self) -> Status:
        if self.verdict is None or self.verdict.verdict == "withdrawn":
            return "again" if self.again else "open"
        if self.verdict.verdict == "rejected":
            return "rejected"
        own = self.verdict.price is not None and (
            self.it.abstained is not None
            or direction(self.it.price, self.verdict.price, self.it.currency) != "keep"
        )
        return "edited" if own else "approved"

    @cached_property
    def again(self) -> bool:
        """Whether the last word on the product was to reject another suggestion that went the same way."""
        then = self.ruling
        return (
            then is not None
            and self.moves
            and then.verdict.verdict == "rejected"
            and then.verdict.decision_id != self.entry.decision_id
            and then.suggested is not None
            and direction(then.current_price, then.suggested, self.it.currency) == self.move
        )

    @cached_property
    def charged(self) -> bool | None:
        """Whether the price that was approved last was charged since; None where there is none with records
        since the day from which it holds, of periods that were not over when it was approved."""
        ruling = self.ruling
        then = None if ruling is None else ruling.verdict
        if ruling is None or then is None or then.price is None or then.effective_from is None:
            return None
        found, day, sales = None, then.at.astimezone().date(), self.entry.sales
        first = bisect_left(sales.dates, then.effective_from.isoformat())
        for text, price in zip(sales.dates[first:], sales.prices[first:], strict=True):
            start = dt.date.fromisoformat(text)
            if following(start, self.it.period) <= day:
                continue
            # Of the period in which it was approved, the price on record is a mean of the old and the new.
            moved = start < day and abs(price / ruling.current_price - 1) > SAME_PRICE
            if moved or abs(price / then.price - 1) <= SAME_PRICE:
                return True
            found = False
        return found

    @property
    def set_aside(self) -> bool:
        """Whether the suggested change will not be made: rejected, or given another price, whose gain nobody
        worked out."""
        return self.moves and self.status in ("rejected", "edited")

    @property
    def counts(self) -> bool:
        """Whether the suggested change is in the report's totals."""
        return self.moves and not self.set_aside

    @property
    def risks(self) -> list[Risk]:
        """What speaks for caution about a suggested change, the worst first."""
        it, found = self.it, set[Risk]()
        if not self.moves:
            return []
        found.update(_CAUTIONS[code] for code in it.cautions if code in _CAUTIONS)
        if it.gain is not None and it.gain.low < 0 < it.gain.high:
            found.add("unclear")
        if self.standing.periods < THIN[it.period]:
            found.add("thin")
        if self.standing.competitor_stale and any(d.name == "competitor_price" for d in it.drivers):
            found.add("rival_old")
        if self.standing.stock_old and ("stock" in found or any(d.name == "stock" for d in it.drivers)):
            found.add("stock_old")
        if self.large:
            found.add("large")
        return [risk for risk in RISKS if risk in found]


def case_of(
    entry: Entry, language: Language, verdict: Verdict | None, ruling: LastRuling | None = None
) -> Case:
    """The facts of one product, formatted once for every section."""
    facts = facts_for(entry.recommendation, language)
    payload = item(Decision(entry.recommendation, entry.decision_id), facts, language)
    return Case(entry=entry, facts=facts, item=payload, verdict=verdict, ruling=ruling)
