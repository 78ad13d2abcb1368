"""How a row of the workbook is tied to the suggestion that it shows: written by `workbook`, read by `review`.

In the action table stand three columns for the merchant, and at its end hidden ones with the record's id, the
currency and a digest of what the row shows. A hidden sheet says which column is which, so
that rows and columns may be sorted, filtered and moved.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from assistant.facts import money
from assistant.wording import LANGUAGES, wording

WORDS = "review.toml"
VERSION = 1
"""Of this layout."""
TABLE = "actions"
"""Id of the table that is reviewed."""
SHEET = "pricing-assistant"
"""The hidden sheet: rows of (what, key, value)."""

Choice = Literal["approve", "reject", "edit"]
CHOICES: tuple[Choice, ...] = ("approve", "reject", "edit")
ASKED = ("decision", "own_price", "reason")
"""Columns for the merchant, in order."""
HIDDEN = ("_record", "_currency", "_check")
"""Hidden columns. Their headings are these, whatever the language."""


def check(
    record: str | None,
    *,
    sku: str | None,
    now: float | None,
    suggested: float | None,
    currency: str | None,
) -> str:
    """What changes where a cell that identifies the row or carries its prices is changed.

    Prices count as they are printed, so that what a spreadsheet does to the sixteenth digit does not matter.
    """
    prices = ["" if price is None else money(price, currency, "en") for price in (now, suggested)]
    parts = "\n".join([record or "", (sku or "").strip(), *prices, currency or ""])
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def choice_of(text: str) -> Choice | None:
    """The decision that a word of any of our languages names; None where it names none."""
    wanted = text.strip().casefold()
    for language in LANGUAGES:
        for choice in CHOICES:
            if wording(language, WORDS)(f"choices.{choice}").casefold() == wanted:
                return choice
    return None
