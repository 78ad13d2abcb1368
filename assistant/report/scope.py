"""What every section of one report shares: its language, its money, and where rows and sentences go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from assistant.facts import Sheet, labels
from assistant.report.case import Case
from assistant.report.document import Column, Kind, Row, Section, Table
from assistant.report.spool import Ordered, Spool
from assistant.report.statements import Statements
from assistant.store.ledger import following
from assistant.wording import Language
from policy.history import Period

FRESH = dt.timedelta(days=14)
"""Sales that end less long ago are not old, however short the periods."""


class Composer:
    """Where sections are written while the catalogue goes by."""

    def __init__(self, language: Language, spool: Spool, *, newest: str, since_last: bool = False) -> None:
        """`newest` and `since_last` as of `Priced`."""
        self.language: Language = language
        self.statements = Statements(language)
        self.newest = newest
        self.since_last = since_last
        self._spool = spool
        self._currencies: dict[str | None, int] = {}

    def rows(self) -> Ordered[Row]:
        """An empty table's rows."""
        return Ordered(self._spool, _as_it_is)

    def group(self, currency: str | None) -> int:
        """Amounts in one currency stand together: only they can be put in order."""
        return self._currencies.setdefault(currency, len(self._currencies))

    @property
    def currencies(self) -> tuple[str | None, ...]:
        return tuple(self._currencies)

    def column(
        self,
        key: str,
        kind: Kind = "text",
        *,
        signed: bool = False,
        interval: bool = False,
        label: str | None = None,
        **values: str,
    ) -> Column:
        """A column named in `[columns]`; its interval's ends are `<key>_low` and `<key>_high`."""
        return Column(
            key=key,
            label=self.statements.words(f"columns.{label or key}", **values),
            kind=kind,
            signed=signed,
            low=f"{key}_low" if interval else None,
            high=f"{key}_high" if interval else None,
        )

    def table(
        self,
        id: str,
        columns: Iterable[Column],
        rows: Iterable[Row],
        *,
        note: Mapping[str, str] | None = None,
    ) -> Table:
        """A table named in `[tables]`, with the note of `[notes]` under it where its values are given."""
        words = self.statements.words
        return Table(
            id=id,
            title=words(f"tables.{id}"),
            columns=tuple(columns),
            rows=rows,
            note="" if note is None else words(f"notes.{id}", **note),
        )


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The report as a whole, known once every product has gone by."""

    language: Language
    period: Period | None
    """None where no product could be read."""
    currencies: tuple[str | None, ...]
    products: int
    """Those that could not be read among them."""
    outlets: bool
    categories: bool
    date: str
    """First day of the period that is priced, ISO 8601; empty where no product could be read."""
    made_at: str
    last_report: str | None
    last_date: str
    """First day of the last period on record, ISO 8601."""

    @property
    def sales_end(self) -> dt.date | None:
        """Last day of the last period on record."""
        if self.period is None:
            return None
        return following(dt.date.fromisoformat(self.last_date), self.period) - dt.timedelta(days=1)

    @property
    def outdated(self) -> bool:
        """Whether the last sales were older than two periods, and than two weeks, when the report was made:
        then its prices are for a time that is over."""
        if self.period is None or self.sales_end is None:
            return False
        day = self.sales_end + dt.timedelta(days=1)
        late = max(following(following(day, self.period), self.period), day + FRESH)
        return dt.date.fromisoformat(self.made_at[:10]) > late

    @property
    def currency(self) -> str | None:
        """Of the totals; None where there are several, or it is unknown."""
        return self.currencies[0] if len(self.currencies) == 1 else None

    @property
    def one_currency(self) -> bool:
        """Whether amounts may be added up."""
        return len(self.currencies) == 1

    @property
    def period_word(self) -> str:
        return str(labels(self.language)["period"].get(self.period or "", ""))

    def sheet(self, subject: str = "report", *, currency: str | None = None) -> Sheet:
        """An empty sheet of facts about the catalogue."""
        money = currency or self.currency
        return Sheet(subject, self.language, period=self.period or "", currency=money, section="report")


class Part(Protocol):
    """One section in the making."""

    def add(self, case: Case) -> None:
        """One more product goes by."""

    def section(self, scope: Scope) -> Section:
        """What is to be said, once all have."""


def product_columns(composer: Composer, scope: Scope) -> list[Column]:
    """Which product a row is about."""
    columns = [composer.column("product"), composer.column("sku", "code")]
    columns += [composer.column("store", "code")] if scope.outlets else []
    return columns


def product_cells(case: Case) -> dict[str, Any]:
    """The same as values."""
    return {
        "page": case.id,
        "product": case.it.name or case.it.sku,
        "sku": case.it.sku,
        "store": case.it.store,
        "currency": case.it.currency,
    }


def _as_it_is(value: Any) -> Row:
    row: Row = value
    return row
