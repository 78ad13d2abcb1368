"""The demo shop's report, and those of catalogues at random: every sentence holds, in both languages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from random_entries import catalogue
from test_compose import LANGUAGES, facts, rows, section

from assistant.embedded.sentences import sentences
from assistant.embedded.wording import explanation
from assistant.grounding import check
from assistant.report.case import case_of
from assistant.report.compose import compose
from assistant.report.document import Document, text
from assistant.report.entry import Priced
from assistant.report.sections.product_page import plain
from assistant.wording import Language
from policy.evaluation.track_record import Foretold


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_the_catalogue_no_sentence_fails_its_check(language: Language) -> None:
    for seed in range(25):
        document = compose(catalogue(seed), language, statuses={})
        assert facts(document, "appendix")["dropped"] == 0, (seed, rows(document, "dropped"))
        for it in document.sections:
            for table in it.tables:
                for row in table.rows:
                    for column in table.columns:
                        text(column, row, language, document.currency)
        counted = facts(document, "coverage")
        assert counted["priced"] + counted["not_priced"] == counted["products"]  # type: ignore[operator]
        assert len(" ".join(section(document, "headline").sentences).split()) <= 120


@pytest.fixture(scope="module")
def demo(demo_report: Priced) -> Priced:
    """The demo shop, with a report before it."""
    first = demo_report
    entries = []
    for it in first.entries:
        now = it.recommendation
        earlier = replace(now, date="2026-11-16", price=round(now.price * 1.05, 2), history_hash="old")
        told = (
            (
                Foretold(
                    sku=now.sku, store=now.store, date="2026-11-16", price=now.current_price,
                    expected=now.keep.units, sold=round(now.keep.units.high + 2),
                ),
            )
            if now.keep
            else ()
        )  # fmt: skip
        entries.append(replace(it, earlier=earlier, foretold=told))
    return replace(first, entries=entries, last_report="2026-11-16T08:00:00+00:00")


@pytest.fixture(scope="module")
def reports(demo: Priced) -> dict[Language, Document]:
    return {language: compose(demo, language, statuses={}) for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_the_demo_shop_holds(
    reports: dict[Language, Document], demo: Priced, language: Language
) -> None:
    document = reports[language]
    assert facts(document, "appendix")["dropped"] == 0
    names = [name for it in demo.entries for name in (it.recommendation.name or "", it.recommendation.sku)]
    for it in document.sections:
        said = "\n".join(it.sentences)
        assert check(said, it.facts, names=names).supported, said
    for page in document.pages:
        assert check("\n".join(page.sentences), page.facts, names=names).supported, page.sentences


def test_both_languages_tell_the_same_numbers(reports: dict[Language, Document]) -> None:
    english, chinese = (reports[language] for language in LANGUAGES)
    for one, other in zip(english.sections, chinese.sections, strict=True):
        assert [(it.id, it.raw, it.unit) for it in one.facts] == [
            (it.id, it.raw, it.unit) for it in other.facts
        ]
        assert len(one.sentences) == len(other.sentences), one.id
        for table, same in zip(one.tables, other.tables, strict=True):
            assert [column.key for column in table.columns] == [column.key for column in same.columns]
            for row, again in zip(table.rows, same.rows, strict=True):
                numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
                assert numbers == {key: again[key] for key in numbers}, table.id
    for page, same_page in zip(english.pages, chinese.pages, strict=True):
        assert page.id == same_page.id
        assert [(it.id, it.raw) for it in page.facts] == [(it.id, it.raw) for it in same_page.facts]
        assert len(page.sentences) == len(same_page.sentences), page.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_explains_as_the_chat_does(
    reports: dict[Language, Document], demo: Priced, language: Language
) -> None:
    pages = {page.id: page for page in reports[language].pages}
    for it in demo.entries:
        if it.recommendation.abstained is None:
            chat = explanation(case_of(it, language, None).item, sentences(language))
            assert set(plain(chat)) <= set(pages[it.recommendation.sku].sentences)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_headline_is_short_and_names_what_matters(
    reports: dict[Language, Document], language: Language
) -> None:
    said = " ".join(section(reports[language], "headline").sentences)
    assert (
        len(re.findall(r"[一-鿿]|[^\s一-鿿]+", said)) <= 180 if language == "zh" else len(said.split()) <= 120
    )
    assert "Pine Candle" in said  # worth most, and the widest range


def test_the_reader_sees_no_code_and_no_empty_cell_where_there_is_a_price(
    reports: dict[Language, Document],
) -> None:
    for language, document in reports.items():
        table = document.table("actions")
        for row in table.rows:
            cells = {column.key: text(column, row, language, document.currency) for column in table.columns}
            assert cells["current_price"] and cells["reason"]
            for key in ("reason", "risk", "rule"):
                assert not re.search(r"[a-z]_[a-z]", cells[key]), cells[key]
