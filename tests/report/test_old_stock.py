"""A stock figure of before the newest sales counts none of them: the report says so where it is used."""

from __future__ import annotations

import pytest
from made_entries import entry
from test_compose import LANGUAGES, facts, rows, section, written

from assistant.wording import Language
from policy.decision.recommendation import Driver

OLD = {"stock": 40.0, "stock_date": "2026-10-26"}
FRESH = {"stock": 40.0, "stock_date": "2026-11-16"}
"""Of the last period on record."""
BY_STOCK = {"drivers": (Driver(name="stock", contribution=0.5),)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_old_figure_is_dated_and_counted(language: Language) -> None:
    document = written(
        entry("A", standing=OLD, record=BY_STOCK), entry("B", standing=FRESH), language=language
    )
    assert facts(document, "appendix")["dropped"] == 0
    found = facts(document, "stock")
    assert (found["stock_old"], found["stock_known"]) == (1, 2)
    assert {row["sku"]: row["stock_date"] for row in rows(document, "stock")} == {
        "A": "2026-10-26",
        "B": "2026-11-16",
    }
    day = {"en": "Oct 26, 2026", "zh": "2026年10月26日"}[language]
    told = {page.id: any(day in it for it in page.sentences) for page in document.pages}
    assert told == {"A": True, "B": False}


def test_it_is_a_risk_only_where_the_price_rests_on_it() -> None:
    document = written(
        entry("A", standing=OLD, record=BY_STOCK),
        entry("B", standing=OLD),
        entry("C", standing=FRESH, record=BY_STOCK),
    )
    risky = {row["sku"] for row in rows(document, "actions") if "old stock" in str(row["risk"]).lower()}
    assert risky == {"A"}


def test_figures_as_new_as_the_sales_need_no_date() -> None:
    document = written(entry("A", standing=FRESH))
    (table,) = section(document, "stock").tables
    assert "stock_date" not in {column.key for column in table.columns}
    assert not any("older" in text for text in section(document, "stock").sentences)
