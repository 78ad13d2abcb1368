"""The headline: never longer than it may be, and never true of some changes only where it speaks of all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_entries import entry, priced
from test_compose import LANGUAGES, facts, rows, ruled, section, written

from assistant.report.compose import compose
from assistant.report.document import Document
from assistant.report.entry import Entry
from assistant.wording import Language

MADE = "2026-11-23T08:00:00+00:00"
LONG = "Alpha Beta Gamma Delta Epsi Zeta Eta Th"


def said(*entries: Entry, language: Language = "en", rejected: str = "", made_at: str = MADE) -> str:
    statuses = {f"D-{rejected}": ruled(rejected, "rejected", None)}
    found = replace(priced(*entries), made_at=made_at)
    document = compose(found, language, statuses=statuses)
    assert facts(document, "appendix")["dropped"] == 0, rows(document, "dropped")
    return " ".join(section(document, "headline").sentences)


@pytest.mark.parametrize("made_at", [MADE, "2028-12-31T08:00:00+00:00"])
def test_the_longest_headline_has_120_words_at_most(made_at: str) -> None:
    # Two aims, a rejection, a loss that may be a gain, two products with long names.
    some = [entry(f"P{i}", record={"name": f"{i} {LONG}"}) for i in range(3)]
    blind = [entry(f"R{i}", cost=None, record={"name": f"R{i} {LONG}"}) for i in range(2)]
    wide = entry("W", 1234.5, 1300.0, spread=90000.0, record={"name": f"W {LONG}"})
    told = said(*some, wide, *blind, rejected="P0", made_at=made_at)
    assert ("Sales end on Nov 22, 2026" in told) == (made_at != MADE)
    for part in (
        "not counted: 1",
        "either way",
        "Revenue, the aim",
        "Worth most: 1 Alpha",
        "Largest risk: W",
    ):
        assert part in told
    assert 100 < len(told.split()) <= 120


def test_a_gain_of_revenue_is_not_worth_more_than_one_of_profit_for_being_larger() -> None:
    # C brings 800 of revenue and nobody knows what profit; A and B bring 120 of profit each.
    large = entry("C", 100.0, 120.0, units=(100.0, 90.0), cost=None, spread=5000.0)
    told = said(entry("A"), entry("B", spread=500.0), large)
    assert "Worth most: Thing A" in told and "Largest risk: Thing B" in told
    assert "Where costs are known, they are expected" in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_revenue_that_was_chosen_as_the_aim_is_not_called_for_want_of_costs(language: Language) -> None:
    chosen = [entry(sku, record={"objective": "revenue"}) for sku in "AB"]
    unknown = {"en": "cost", "zh": "成本"}[language]
    assert unknown not in said(*chosen, language=language)
    assert unknown in said(*(entry(sku, cost=None) for sku in "AB"), language=language)
    document = written(*chosen, language=language)
    labels = [it.label for it in section(document, "headline").indicators]
    assert not any(unknown in it for it in labels)
    assert unknown not in rows(document, "totals")[0]["aim"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_competitors_prices_are_told_with_their_age(language: Language) -> None:
    # The week of 23 November is priced: prices of 16, 9 and 2 November are 7, 14 and 21 days old.
    days = {"A": "2026-11-16", "B": "2026-11-09", "C": "2026-11-02"}
    document = written(
        *(entry(k, standing={"competitor_price": 9.0, "competitor_date": it}) for k, it in days.items()),
        language=language,
    )
    found = facts(document, "competitors")
    assert (found["age_median"], found["age_oldest"]) == (14, 21)
    assert any("14" in it and "21" in it for it in section(document, "competitors").sentences)


@pytest.mark.parametrize("language", LANGUAGES)
def test_prices_from_old_sales_are_said_to_be_so(language: Language) -> None:
    # A week's sales from 16 November end on the 22nd: two weeks later they are old, on the day after that.
    old = {"en": "Nov 22, 2026", "zh": "2026年11月22日"}[language]

    def made(day: str, period: str = "week", last_date: str = "2026-11-16") -> Document:
        records = {"period": period, "date": "2026-11-23"}
        its = entry("A", record=records, standing={"period": period, "last_date": last_date})
        return compose(replace(priced(its), made_at=f"{day}T08:00:00+00:00"), language, statuses={})

    def warned(document: Document) -> bool:
        assert facts(document, "appendix")["dropped"] == 0
        told = {id: " ".join(section(document, id).sentences) for id in ("headline", "coverage")}
        assert (old in told["headline"]) == (old in told["coverage"])
        return old in told["headline"]

    assert not warned(made("2026-12-07"))
    assert warned(made("2026-12-08"))
    # Two days are no age; of months, two are needed.
    assert not warned(made("2026-12-07", "day", "2026-11-22"))
    assert warned(made("2026-12-08", "day", "2026-11-22"))
    old = {"en": "Oct 31, 2026", "zh": "2026年10月31日"}[language]
    assert not warned(made("2027-01-01", "month", "2026-10-01"))
    assert warned(made("2027-01-02", "month", "2026-10-01"))
