"""What a manager asked of the report's sentences: what a gap does, what a share is of, who counts."""

from __future__ import annotations

import pytest
from made_entries import around, entry
from test_compose import LANGUAGES, facts, rows, section, written

from assistant.wording import Language
from policy.decision.recommendation import Driver
from policy.evaluation.track_record import Foretold


def told(id: str, *entries: object, language: Language, **more: object) -> str:
    document = written(*entries, language=language, **more)  # type: ignore[arg-type]
    assert facts(document, "appendix")["dropped"] == 0, rows(document, "dropped")
    return " ".join(section(document, id).sentences)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_gap_is_told_by_what_it_does(language: Language) -> None:
    # Without costs every product has a suggestion; what is missing is its profit.
    costs = told("gaps", entry("A", cost=None), entry("B", cost=None), language=language)
    assert {"en": "profit and margin are unknown", "zh": "利润和毛利无从得知"}[language] in costs
    assert {"en": "costs suggestions", "zh": "对建议影响"}[language] not in costs
    fixed = told("gaps", entry("A", abstained="price_never_varied"), language=language)
    assert {"en": "so there is no suggestion", "zh": "所以给不出建议"}[language] in fixed


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_share_that_held_is_one_of_forecasts(language: Language) -> None:
    def of(sku: str, sold: float) -> tuple[Foretold, ...]:
        expected = around(20, 5)
        return (Foretold(sku=sku, store=None, date="2026-11-16", price=10.0, expected=expected, sold=sold),)

    entries = [entry(f"P{i}", foretold=of(f"P{i}", 20.0 if i < 3 else 90.0)) for i in range(4)]
    said = told("track_record", *entries, language=language, last_report="2026-11-16T08:00:00+00:00")
    assert {
        "en": "Of 4 forecasts given in earlier reports, 3 held (75%)",
        "zh": "4 次预测中，3 次成立（75%）",
    }[language] in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_products_with_a_profit_are_some_of_those_with_a_forecast(language: Language) -> None:
    # Five products: one has no forecast, one of the others no cost. Coverage counts the latter: 1.
    entries = [*map(entry, "ABC"), entry("D", cost=None)]
    entries.append(entry("E", abstained="out_of_stock", record={"keep": None}))
    said = told("key_figures", *entries, language=language)
    assert {"en": "forecast (4 of 5 products)", "zh": "能预测销售的商品（5 个中的 4 个）"}[language] in said
    assert {"en": "(3 of these 4 products)", "zh": "（这 4 个中的 3 个）"}[language] in said


def test_two_reasons_are_joined_as_clauses() -> None:
    drivers = (Driver(name="elasticity", contribution=2.0), Driver(name="stock", contribution=1.0))
    found = {
        language: rows(written(entry("A", record={"drivers": drivers}), language=language), "actions")
        for language in LANGUAGES
    }
    assert found["zh"][0]["reason"] == "价格提高的所得应超过少卖的损失，且现有库存适合更高的价格。"
    assert "the lost units cost, and the stock on hand" in found["en"][0]["reason"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_forecasts_for_another_price_than_was_charged_are_counted(language: Language) -> None:
    last = "2026-11-16T08:00:00+00:00"
    entries = [entry("A", elsewhere=2), entry("B", elsewhere=1), entry("C")]
    said = told("track_record", *entries, language=language, last_report=last)
    assert {"en": "such as one of your own: 3.", "zh": "没有对照的预测有 3 次"}[language] in said
    none = told("track_record", entry("C"), language=language, last_report=last)
    assert {"en": "of your own", "zh": "您自己定的"}[language] not in none
