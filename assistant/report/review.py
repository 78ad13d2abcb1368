"""A workbook that a merchant has decided in, read back: what it would change, checked row by row, then done.

Nothing of a row is believed but the three columns that are for filling in: the suggestion is the one that the
store keeps under the row's record, and a row whose product or prices are others is refused. Prices are
checked against the rules as in the chat: one that breaks a rule or is below cost needs a reason.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babel.numbers import get_currency_precision

from assistant.facts import labels, money, question_text
from assistant.report.review_file import DecidedRow, ReviewError, decided_rows
from assistant.report.review_sheet import CHOICES, WORDS, Choice
from assistant.store import StoreError
from assistant.store.reviews import DecidedMeanwhile, Ruled
from assistant.wording import Language, printable, wording

if TYPE_CHECKING:
    from assistant.desk import Desk
    from assistant.store import Product, Store, Verdict
    from policy.decision.rules import Rules


@dataclass(frozen=True, kw_only=True)
class Change:
    """One decision that would be recorded."""

    row: str
    """Where it stands, e.g. `12`."""
    decision_id: str
    product: str
    choice: Choice
    now: str
    """Prices as people read them."""
    suggested: str
    """Empty where there is none."""
    price: str
    """The price that would be approved; empty where the suggestion is rejected."""
    notes: tuple[str, ...]
    """What to know before agreeing."""
    ruled: Ruled


@dataclass(frozen=True, kw_only=True)
class Review:
    """What recording a workbook's decisions would change. Nothing of it is done."""

    file: str
    language: Language
    changes: tuple[Change, ...]
    undecided: int
    """Rows without a decision."""
    settled: int
    """Decisions that are on record already."""
    refused: tuple[str, ...]
    """Decisions that cannot be recorded, one line each: which row, what is wrong, what to do."""
    remarks: tuple[str, ...]
    """Rows that were changed without a decision, one line each."""

    def title(self, file: str) -> str:
        """What the file, under the name given, holds to be recorded."""
        key = "title" if self.changes else "only_refused" if self.refused else "none"
        return wording(self.language, WORDS)(f"diff.{key}", file=file, count=len(self.changes))


def read_review(path: Path, desk: Desk, language: Language) -> Review:
    """What the decisions in a workbook would change in the shop.

    Raises
    ------
    ReviewError
        The file is no workbook, or none that a report of this program made.
    """
    return _Reader(path, desk, language).read()


def carry_out(review: Review, store: Store, *, actor: str) -> Counter[Choice]:
    """Record every change of a review, or none; returns how many there are of each choice.

    Doing it again, or with the same file read anew, changes nothing. Raises `ReviewError` where one of the
    suggestions was decided otherwise since the file was read.
    """
    counts = Counter(change.choice for change in review.changes)
    if not review.changes:
        return counts
    ids: dict[str, list[str]] = {
        choice: [it.decision_id for it in review.changes if it.choice == choice] for choice in CHOICES
    }
    try:
        store.reviews.record(
            [it.ruled for it in review.changes], actor=actor, detail={"file": review.file, **ids}
        )
    except DecidedMeanwhile as error:
        words = wording(review.language, WORDS)
        raise ReviewError(words("diff.stale", id=error.decision_id)) from error
    return counts


class _Refused(Exception):
    """A row whose decision cannot be recorded; `key` is of `refused`."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key, self.values = key, values


class _Reader:
    """One workbook on its way to a review."""

    def __init__(self, path: Path, desk: Desk, language: Language) -> None:
        self._path, self._desk, self._language = path, desk, language
        self._words = wording(language, WORDS)
        self._products: dict[tuple[str, str | None], Product] = {
            (it.sku, it.store): it for it in desk.store.products()
        }
        self._rules: dict[str, Rules] = desk.store.rules_for()
        self._first: dict[str, str] = {}

    def read(self) -> Review:
        changes: list[Change] = []
        refused, remarks = [], []
        counts: Counter[str] = Counter()
        for row in decided_rows(self._path, self._language):
            if not row.choice_text and row.own_price is None:
                counts["undecided"] += row.record is not None
                if row.record is not None and row.altered:
                    remarks.append(self._words("remarks.altered", row=row.place, product=_name(row)))
                continue
            try:
                change = self._change(row)
            except _Refused as error:
                values = {"row": row.place, "product": _name(row), **error.values}
                refused.append(self._words(f"refused.{error.key}", **values))
                continue
            if change is None:
                counts["settled"] += 1
            else:
                changes.append(change)
        return Review(
            file=self._path.name,
            language=self._language,
            changes=tuple(changes),
            undecided=counts["undecided"],
            settled=counts["settled"],
            refused=tuple(refused),
            remarks=tuple(remarks),
        )

    def _change(self, row: DecidedRow) -> Change | None:
        """What one row decides; None where that is on record. Raises `_Refused`."""
        record = self._record(row)
        choice, price = self._choice(row, record)
        before = self._desk.store.verdict(str(row.record))
        if _same(choice, price, row.reason, record, before):
            return None
        notes = [self._words("diff.reason", reason=printable(row.reason))] if row.reason else []
        if choice != "reject":
            notes = [*self._checked(row, record, choice, price), *notes]
        elif before is not None and before.verdict == "approved" and before.price is not None:
            notes = [self._words("diff.takes_back", price=self._money(before.price, record)), *notes]
        return Change(
            row=row.place,
            decision_id=str(row.record),
            product=_name(row),
            choice=choice,
            now=self._money(record["current_price"], record),
            suggested="" if record["abstained"] else self._money(record["price"], record),
            price="" if choice == "reject" else self._money(price, record),
            notes=tuple(notes),
            ruled=Ruled(
                decision_id=str(row.record),
                ruling="rejected" if choice == "reject" else "approved",
                price=price if choice == "edit" else None,
                reason=row.reason,
                before=before,
            ),
        )

    def _record(self, row: DecidedRow) -> Mapping[str, Any]:
        """The recommendation that the row shows."""
        if row.record is None:
            raise _Refused("no_record")
        if row.altered:
            raise _Refused("altered", own_price=self._words("columns.own_price"))
        try:
            record = self._desk.store.decision(row.record).record
        except StoreError:
            raise _Refused("other_shop") from None
        shown = {"current_price": row.now, "price": row.suggested}
        same = record["sku"].strip() == row.sku and (record["currency"] or None) == row.currency
        for name, value in shown.items():
            same &= value is None or math.isclose(value, record[name], rel_tol=1e-9)
        if not same or (record["sku"], record["store"] or None) not in self._products:
            raise _Refused("other_shop")
        if row.record in self._first:
            raise _Refused("twice", first=self._first[row.record])
        self._first[row.record] = row.place
        return record

    def _choice(self, row: DecidedRow, record: Mapping[str, Any]) -> tuple[Choice, float]:
        """The decision, and the price that it is about."""
        choice, edit = row.choice, self._words("choices.edit")
        if row.choice_text and choice is None:
            choices = labels(self._language)["answer"]["comma"].join(
                self._words(f"choices.{it}") for it in CHOICES
            )
            raise _Refused("unknown_choice", choice=printable(row.choice_text), choices=choices)
        if choice != "edit" and row.own_price is not None:
            raise _Refused("price_without_edit", edit=edit)
        if choice == "edit":
            if row.own_price is None:
                raise _Refused("edit_without_price", edit=edit)
            return choice, self._own_price(row.own_price, record)
        assert choice is not None  # there is a word or a price
        if choice == "approve" and record["abstained"]:
            raise _Refused("nothing_to_approve")
        return choice, float(record["price"])

    def _own_price(self, given: object, record: Mapping[str, Any]) -> float:
        text = str(given).strip()
        try:
            price = math.nan if "_" in text else float(text)  # Python takes 1_2 for 12
        except ValueError:
            price = math.nan
        if not 0 < price < math.inf:
            raise _Refused("bad_price", price=printable(str(given)))
        currency = record["currency"]
        decimals = get_currency_precision(currency) if currency else 2
        if not math.isclose(round(price, decimals), price, rel_tol=1e-9):
            named = currency or self._words("refused.unnamed_currency")
            raise _Refused("too_fine", price=f"{price:.10g}", currency=named)
        return round(price, decimals)

    def _checked(self, row: DecidedRow, record: Mapping[str, Any], choice: Choice, price: float) -> list[str]:
        """What is to be known of a price to be approved. Raises `_Refused` where it needs a reason or a new
        report."""
        from assistant.desk import DeskError
        from assistant.store.importing import error_text
        from policy.decision.given import QuestionError
        from policy.decision.limits import violated
        from policy.history import HistoryError

        sku, store = str(record["sku"]), record["store"] or None
        if self._out_of_date(str(row.record), record):
            raise _Refused("out_of_date")
        # A suggestion was made within the rules; only where they changed since, it is looked at again.
        if choice == "approve" and self._rules[sku].digest == record["rules_hash"]:
            return []
        try:
            what_if = self._desk.what_if(sku, store=store, price=price)
        except DeskError as error:
            raise _Refused("cannot_price", error=error.message(self._language)) from error
        except QuestionError as error:
            raise _Refused("cannot_price", error=question_text(error, self._language)) from error
        except HistoryError as error:
            raise _Refused("cannot_price", error=error_text(error, self._language)) from error
        words, shown = labels(self._language), self._money(price, record)
        codes = violated(what_if.verdicts)
        rules = words["answer"]["comma"].join(str(words["rules"].get(code, code)) for code in codes)
        if codes and not row.reason:
            raise _Refused("breaks_rules", price=shown, rules=rules)
        if what_if.unit_cost is not None and price < what_if.unit_cost and not row.reason:
            raise _Refused("below_cost", price=shown)
        named = {**words["abstained"], **words["cautions"]}  # an own price may be one for a product without
        others = [str(named.get(it, it)) for it in what_if.cautions if not it.startswith("breaks_")]
        return [
            *([self._words("diff.breaks", rules=rules)] if codes else []),
            *(self._words("diff.caution", caution=caution) for caution in others),
        ]

    def _out_of_date(self, decision_id: str, record: Mapping[str, Any]) -> bool:
        """Whether the suggestion rests on other sales than the shop has now."""
        from assistant.store.importing import error_text
        from policy.history import HistoryError

        sku, store = str(record["sku"]), record["store"] or None
        if self._products[sku, store].last_date >= dt.date.fromisoformat(str(record["date"])[:10]):
            return True
        if not self._desk.store.reviews.sales_written_since(decision_id):
            return False
        try:  # what was corrected, and what was corrected back, only reading it again tells apart
            now = self._desk.recommendation_of(sku, store=store)
        except HistoryError as error:
            raise _Refused("cannot_price", error=error_text(error, self._language)) from error
        return bool(now.history_hash != record["history_hash"])

    def _money(self, price: float, record: Mapping[str, Any]) -> str:
        return money(price, record["currency"], self._language)


def _same(
    choice: Choice, price: float, reason: str | None, record: Mapping[str, Any], before: Verdict | None
) -> bool:
    """Whether that is what holds already."""
    if before is None:
        return False
    if choice == "reject":
        return (before.verdict, before.reason) == ("rejected", reason)
    start = dt.date.fromisoformat(str(record["date"])[:10])
    return (before.verdict, before.price, before.effective_from) == ("approved", price, start)


def _name(row: DecidedRow) -> str:
    """The product as the row names it, on one line."""
    return printable(row.product or row.sku or "").strip()
