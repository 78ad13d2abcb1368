"""The headline: never longer than it may be, and never true of some changes only where it speaks of all."""

from __future__ import annotations

import pytest
from made_entries import entry
from test_compose import LANGUAGES, facts, rows, ruled, section, written

from assistant.report.entry import Entry
from assistant.wording import Language

LONG = "Alpha Beta Gamma Delta Epsi Zeta Eta Th"


def said(*entries: Entry, language: Language = "en", rejected: str = "") -> str:
    statuses = {f"D-{rejected}": ruled(rejected, "rejected", None)}
    document = written(*entries, language=language, statuses=statuses)
    assert facts(document, "appendix")["dropped"] == 0, rows(document, "dropped")
    return " ".join(section(document, "headline").sentences)


def test_the_longest_headline_has_120_words_at_most() -> None:
    # Two aims, a rejection, a loss that may be a gain, two products with long names.
    some = [entry(f"P{i}", record={"name": f"{i} {LONG}"}) for i in range(3)]
    blind = [entry(f"R{i}", cost=None, record={"name": f"R{i} {LONG}"}) for i in range(2)]
    wide = entry("W", 1234.5, 1300.0, spread=90000.0, record={"name": f"W {LONG}"})
    told = said(*some, wide, *blind, rejected="P0")
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
