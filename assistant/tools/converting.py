"""A price that the merchant names in another currency, at the rate that they name too: none is looked up."""

from __future__ import annotations

from dataclasses import dataclass

from babel.numbers import get_currency_precision

from assistant.desk import DeskError
from assistant.facts import Fact, Sheet
from assistant.tools.result import Turn
from assistant.tools.writing import words_of


@dataclass(frozen=True)
class Converted:
    """Money in the shop's currency, and what the merchant is told of how it came about."""

    value: float
    note: str
    facts: tuple[Fact, ...]


def converted(turn: Turn, value: float, *, said: str, rate: float | None, own: str) -> Converted:
    """Money named in another currency.

    Parameters
    ----------
    value
        In the currency `said`, ISO 4217.
    rate
        Units of the shop's currency `own` for one of that.

    Raises
    ------
    DeskError
        The merchant named no rate.
    """
    if rate is None:
        raise DeskError("rate_missing", said=said, currency=own)
    words, result = words_of(turn), round(value * rate, get_currency_precision(own))
    named, found = (Sheet("conversion", turn.language, currency=it) for it in (said, own))
    named.price("named", value, label=words("rows.named"))
    found.add("rate", f"{rate:.6g}", rate, "rate", words("rows.rate"))
    found.price("amount", result, label=words("rows.price"))
    facts = (*named.facts, *found.facts)
    shown = {fact.key: fact.value for fact in facts}
    return Converted(result, words("notes.converted", said=said, currency=own, **shown), facts)
