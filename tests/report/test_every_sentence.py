"""Every sentence of the report that states a number, said in both languages: none may fail its own check."""

from __future__ import annotations

import datetime as dt
import random
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from string import Formatter

import pytest
from made_entries import entry, priced
from random_entries import catalogue
from test_compose import LANGUAGES, NO_PRICE, facts, rows, ruled

import prompts
from assistant.report.compose import compose
from assistant.report.entry import Entry, Gone, Priced, Unpriced
from assistant.report.statements import FILE
from assistant.store.records import Verdict
from assistant.store.reports import LastRuling, RowsSetAside
from assistant.wording import Language, Wording

UNCHECKED = ("columns", "tables", "notes", "indicators", "join", "moves", "status")
"""Names, notes and cards, which are no sentences; cards print facts as they are."""
CANNOT = {"appendix.dropped", "coverage.broken"}
"""Of what is dropped, and of what never came this far."""
SEEDS = range(60)
SILENT = entry("B", standing={"last_date": "2026-10-26"})
UNREADABLE = {
    "row": 4, "sku": "C", "store": "", "date": "", "column": "price", "found": "abc", "why": "no_price",
}  # fmt: skip
RARE = (
    priced(entry("A"), entry("B", units=(100.0, 95.0))),
    priced(entry("A"), entry("B", spread=500.0)),
    priced(entry("A", units=(0.0, 0.0))),
    priced(entry("A", standing={"stock": 50.0}, record={"cautions": ("stock_limits_sales",)})),
    priced(entry("A", standing={"stock": 50.0, "stock_date": "2026-10-26"})),
    *(
        priced(
            entry("A"),
            replace(SILENT, earlier=SILENT.recommendation),
            last_report="2026-11-16T08:00:00+00:00",
            since_last=True,
            set_aside=[RowsSetAside(file="sales.csv", count=count, rows=[UNREADABLE])],
        )
        for count in (1, 5)
    ),
)
"""What chance does not bring."""


def with_decisions(seed: int) -> tuple[Priced, dict[str, Verdict]]:
    """A catalogue at random with what merchants decide of it, what is gone, and what was not changed."""
    rng, found = random.Random(seed), catalogue(seed)
    entries = list(found.entries)
    statuses = {it.decision_id: verdict for it in entries if (verdict := _decided(it, rng)) is not None}
    rulings = {
        (it.recommendation.sku, it.recommendation.store): _before(it, rng)
        for it in entries
        if rng.random() < 0.5
    }
    entries = [_after(it, rng) for it in entries]
    gone = [
        Gone(
            sku=f"G{i}", store=None, name=None, currency="USD", suggested=3.0, last_date=None, why="missing"
        )
        for i in range(rng.choice([0, 1, 12]))
    ]  # fmt: skip
    return (
        replace(
            found,
            entries=entries,
            unpriced=[Unpriced(sku="BAD", store=None, reasons=NO_PRICE)] * rng.choice([0, 1]),
            gone=gone,
            rulings=rulings,
            since_last=rng.random() < 0.5,
            made_at=rng.choice(["2026-11-23T08:00:00+00:00", "2028-03-01T08:00:00+00:00"]),
        ),
        statuses,
    )


def _after(it: Entry, rng: random.Random) -> Entry:
    """The same after an earlier report: that said the same, or rested on something else."""
    now = it.recommendation
    other = rng.choice([
        None, {}, {"unit_cost": 1.0}, {"competitor_price": 1.0}, {"rules_hash": "r0"}, {"model_hash": "m0"},
        {"history_hash": "h0"}, {"history_hash": "h0", "rules_hash": "r0"},
    ])  # fmt: skip
    it = replace(it, elsewhere=rng.choice([0, 1, 7]))
    if other is None:
        return it
    price = now.price * 1.1 if other and now.abstained is None else now.price
    return replace(it, earlier=replace(now, price=price, **other))


def _decided(it: Entry, rng: random.Random) -> Verdict | None:
    price = it.recommendation.price
    own = round(price * 1.1, 2)
    sku = it.decision_id.removeprefix("D-")
    said = rng.choice([None, None, ("approved", price), ("approved", own), ("rejected", None)])
    if said is None:
        return None
    verdict = replace(ruled(sku, *said), reason=rng.choice([None, "2 for 1 in store"]))
    return replace(verdict, effective_from=rng.choice([None, verdict.effective_from]))


def _before(it: Entry, rng: random.Random) -> LastRuling:
    """Approved before the sales on record, at the price that they show or at another; or rejected."""
    now = it.recommendation.current_price
    approved = Verdict(
        decision_id="D-OLD", verdict="approved", price=rng.choice([now, round(now * 1.3, 2)]),
        effective_from=dt.date(2026, 11, 9), reason=None, actor="me",
        at=dt.datetime(2026, 11, 5, tzinfo=dt.UTC),
    )  # fmt: skip
    rejected = replace(
        approved,
        verdict="rejected",
        price=None,
        effective_from=None,
        reason=rng.choice([None, "Only 5 left"]),
    )
    return LastRuling(
        verdict=rng.choice([approved, rejected]),
        suggested=round(now * rng.choice([0.8, 1.2]), 2),
        current_price=now,
    )


def _numbered(tree: dict[str, object], path: str = "") -> Iterator[str]:
    """Keys of sentences with placeholders."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _numbered(value, f"{path}{key}.")
        elif any(name for _, name, _, _ in Formatter().parse(str(value))):
            yield f"{path}{key}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_none_of_them_is_dropped(language: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    said, fill = set[str](), Wording.__call__

    def noted(self: Wording, key: str, **values: object) -> str:
        said.add(key)
        return fill(self, key, **values)

    monkeypatch.setattr(Wording, "__call__", noted)
    for seed, (found, statuses) in enumerate([*map(with_decisions, SEEDS), *((it, {}) for it in RARE)]):
        document = compose(found, language, statuses=statuses)
        for _ in document.pages:
            pass
        assert facts(document, "appendix")["dropped"] == 0, (seed, rows(document, "dropped"))
    every = set(_numbered(tomllib.loads(prompts.load(language, FILE))))
    unsaid = {key for key in every - said if key.split(".")[0] not in UNCHECKED} - CANNOT
    assert not unsaid
