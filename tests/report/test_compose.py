"""The report's content: sums that are known by hand, nothing that the records do not carry, checked words."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from made_entries import around, entry, priced

from assistant.report.compose import compose
from assistant.report.document import Document, Section
from assistant.report.entry import Entry, Reference, Unpriced
from assistant.report.sections import product_page
from assistant.store.records import Verdict
from assistant.wording import Language
from policy.evaluation.track_record import Foretold

LANGUAGES: tuple[Language, ...] = ("en", "zh")
NO_PRICE: dict[Language, str] = {"en": "No price.", "zh": "没有价格。"}


def written(*entries: Entry, language: Language = "en", **more: Any) -> Document:
    statuses = more.pop("statuses", {})
    return compose(priced(*entries, **more), language, statuses=statuses)


def section(document: Document, id: str) -> Section:
    return next(it for it in document.sections if it.id == id)


def facts(document: Document, id: str) -> dict[str, float | None]:
    return {fact.key: fact.raw for fact in section(document, id).facts}


def rows(document: Document, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in document.table(table).rows]


# Sums


def test_price_effect_and_volume_effect_make_the_change() -> None:
    # 10 to 12 on 100 units is 200; 10 units fewer at 12 are -120 of revenue and, at a cost of 4, -80 profit.
    found = rows(written(entry("A"), entry("B", 20.0, 18.0, units=(10.0, 12.0), cost=5.0)), "effects")
    by_group = {row["group"]: row for row in found}
    up, down = by_group["Prices going up"], by_group["Prices going down"]
    assert (up["revenue_price"], up["revenue_volume"], up["revenue_change"]) == (200, -120, 80)
    assert (up["profit_price"], up["profit_volume"], up["profit_change"]) == (200, -80, 120)
    assert (down["revenue_price"], down["revenue_volume"]) == (-20, 36)
    assert (down["profit_price"], down["profit_volume"]) == (-20, 26)
    assert by_group["All changes"]["revenue_change"] == 96


def test_the_totals_interval_is_the_root_of_squares_and_all_at_once_the_sum() -> None:
    document = written(entry("A", spread=3.0), entry("B", spread=4.0))
    (row,) = rows(document, "totals")
    assert (row["independent"], row["independent_low"], row["independent_high"]) == (240, 235, 245)
    assert (row["together_low"], row["together_high"]) == (233, 247)
    values = {fact.key: fact.value for fact in section(document, "headline").facts}
    assert (values["gain_total"], values["gain_total_range"]) == ("+$240", "+$235 to +$245")


def test_coverage_counts_every_product_once() -> None:
    document = written(
        entry("A"),
        entry("B", 10.0, 7.5, units=(100.0, 150.0)),
        entry("C", 10.0, 10.0, units=(100.0, 100.0)),
        entry("D", abstained="price_never_varied"),
        entry("E", abstained="out_of_stock"),
        unpriced=[Unpriced(sku="F", store=None, reasons=NO_PRICE)],
    )
    found = facts(document, "coverage")
    assert found["products"] == 6
    assert found["priced"] == found["raise"] + found["cut"] + found["keep"] == 3  # type: ignore[operator]
    assert found["priced"] + found["not_priced"] == found["products"]  # type: ignore[operator]
    assert (found["large"], found["unread"]) == (1, 1)
    assert [row["sku"] for row in rows(document, "not_priced")] == ["D", "E", "F"]
    assert len(rows(document, "actions")) == document.page_count == 5


def test_a_cut_of_exactly_a_fifth_is_no_large_step() -> None:
    assert facts(written(entry("A", 19.0, 15.2)), "coverage")["large"] == 0
    assert facts(written(entry("A", 19.0, 15.1)), "coverage")["large"] == 1


def test_the_price_index_prices_one_basket_twice() -> None:
    # 100 units at 10 and 50 at 20 against 8 and 25: 2000 to 2050; suggested 12 and 20: 2200.
    document = written(
        entry("A", standing={"competitor_price": 8.0, "competitor_date": "2026-11-16"}),
        entry(
            "B", 20.0, 20.0, units=(50.0, 50.0),
            standing={"competitor_price": 25.0, "competitor_date": "2026-11-16"},
        ),
        entry(
            "C",
            standing={"competitor_price": 1.0, "competitor_date": "2026-08-03", "competitor_stale": True},
        ),
    )  # fmt: skip
    found = facts(document, "key_figures")
    assert found["index_now"] == pytest.approx(2000 / 2050)
    assert found["index_then"] == pytest.approx(2200 / 2050)
    assert found["index_products"] == 2


def test_changes_come_first_and_the_largest_gain_at_the_top() -> None:
    document = written(
        entry("A", abstained="stale_data"),
        entry("B", 10.0, 10.0, units=(100.0, 100.0)),
        entry("C", units=(100.0, 80.0)),
        entry("D"),
    )
    assert [row["sku"] for row in rows(document, "actions")] == ["D", "C", "B", "A"]
    assert [page.id for page in document.pages] == ["D", "C", "B", "A"]
    assert [page.id for page in document.pages] == ["D", "C", "B", "A"]  # again


# Nothing that the records do not carry


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_costs_there_is_no_profit_and_no_margin(language: Language) -> None:
    document = written(
        entry("A", cost=None), entry("B", cost=None, abstained="stale_data"), language=language
    )
    columns = {column.key for it in document.sections for table in it.tables for column in table.columns}
    assert not {key for key in columns if "profit" in key or "margin" in key}
    keys = [fact.key for it in document.sections for fact in it.facts]
    keys += [fact.key for page in document.pages for fact in page.facts]
    assert not {key for key in keys if "profit" in key or "margin" in key}
    assert any("gain_total" in key for key in keys)  # of revenue


@pytest.mark.parametrize("id", ["stock", "competitors"])
def test_what_is_not_on_record_is_one_sentence(id: str) -> None:
    it = section(written(entry("A")), id)
    assert (len(it.sentences), it.tables, it.facts) == (1, (), ())


def test_currencies_and_aims_are_never_added_up() -> None:
    document = written(entry("A"), entry("B", cost=None), entry("C", currency="EUR"))
    assert document.currency is None
    keys = {fact.key for it in document.sections for fact in it.facts}
    assert not keys & {"gain_total", "revenue_now", "profit_now", "revenue_effect", "idle_value"}
    totals = {(row["currency"], row["aim"]): row["independent"] for row in rows(document, "totals")}
    assert totals == {("USD", "profit"): 120, ("USD", "revenue (cost unknown)"): 80, ("EUR", "profit"): 120}


def test_unknown_revenue_is_not_nothing() -> None:
    document = written(entry("A", abstained="out_of_stock", record={"keep": None}), entry("B", cost=None))
    found = {row["issue"]: row["revenue"] for row in rows(document, "gaps")}
    assert found == {"No unit cost": 1000, "Sold out": None}


def test_what_suggestions_do_without_ranks_last() -> None:
    document = written(
        entry("A", cost=None, standing={"competitor_price": 9.0, "competitor_date": "2026-11-16"}),
        entry("B", units=(900.0, 900.0)),
    )
    assert [row["issue"] for row in rows(document, "gaps")] == ["No unit cost", "No competitor's price"]
    assert [row["missing"] for row in rows(document, "gaps_by_product")] == [
        "No competitor's price",
        "No unit cost",
    ]


def test_an_empty_catalogue_is_refused() -> None:
    with pytest.raises(ValueError, match="import sales first"):
        written()


def test_a_catalogue_that_could_not_be_read_says_why() -> None:
    for language, reason in NO_PRICE.items():
        document = written(unpriced=[Unpriced(sku="X", store=None, reasons=NO_PRICE)], language=language)
        assert rows(document, "not_priced")[0]["why"] == reason
    assert (document.page_count, document.currency, document.period) == (0, None, "")


# Earlier reports


def test_causes_of_new_advice() -> None:
    before = entry("A").recommendation
    document = written(
        entry("A", record={"history_hash": "h3"}, earlier=before),  # the same advice on new sales
        entry("B", cost=5.0, earlier=replace(entry("B").recommendation, price=11.0, history_hash="h1")),
        entry("C", 11.0, 12.0, earlier=replace(entry("C").recommendation, price=11.0, rules_hash="r0")),
        entry("D"),
        last_report="2026-11-16T08:00:00+00:00",
    )
    found = facts(document, "changes")
    assert (found["advice_both"], found["advice_same"], found["advice_changed"]) == (3, 1, 2)
    assert (found["suggested"], found["followed"], found["advice_new"]) == (
        3,
        1,
        1,
    )  # C is charged what it was
    assert {row["sku"]: row["why"] for row in rows(document, "changes")} == {
        "B": "Another unit cost; new sales",
        "C": "Other rules",
    }


def test_the_track_record_names_its_misses_the_costliest_first() -> None:
    def said(sku: str, price: float, sold: float) -> tuple[Foretold, ...]:
        return (
            Foretold(sku=sku, store=None, date="2026-11-16", price=price, expected=around(20, 5), sold=sold),
        )

    document = written(
        entry("A", foretold=said("A", 10.0, 22.0)),
        entry("B", foretold=said("B", 10.0, 35.0)),
        entry("C", foretold=said("C", 50.0, 10.0)),
        last_report="2026-11-16T08:00:00+00:00",
    )
    found = facts(document, "track_record")
    assert (found["given"], found["given_inside"]) == (3, 1)
    assert found["given_share"] == pytest.approx(1 / 3)
    assert (found["units_expected"], found["units_sold"]) == (60, 67)
    assert found["error"] == pytest.approx((2 + 15 + 10) / 67)
    assert [(row["sku"], row["miss_value"]) for row in rows(document, "misses")] == [("C", -500), ("B", 150)]


def test_a_reduction_is_announced_in_whole_per_cent_and_never_rounded_up() -> None:
    cut = entry(
        "A", 19.0, 15.2, reference=Reference(profile="eu", price=18.5, discount=1 - 15.2 / 18.5, blocked=None)
    )
    bar = entry(
        "B", 18.0, 16.69,
        reference=Reference(profile="eu", price=16.5, discount=None, blocked="no_reduction"),
    )  # fmt: skip
    document = written(cut, bar)
    assert {row["sku"]: row["announced"] for row in rows(document, "promotions")} == {"A": 0.17, "B": None}
    said = {page.id: " ".join(page.sentences) for page in document.pages}
    assert "17% at most" in said["A"]
    assert "may not be announced" in said["B"]


def ruled(sku: str, ruling: Any, price: float | None) -> Verdict:
    at = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    return Verdict(
        decision_id=f"D-{sku}", verdict=ruling, price=price, effective_from=at.date() if price else None,
        reason=None, actor="me", at=at,
    )  # fmt: skip


def test_verdicts_show_as_status() -> None:
    found = [ruled("A", "approved", 12.0), ruled("B", "approved", 11.5), ruled("C", "rejected", None)]
    document = written(
        *(entry(sku) for sku in "ABCD"), statuses={verdict.decision_id: verdict for verdict in found}
    )
    assert {row["sku"]: row["status"] for row in rows(document, "actions")} == {
        "A": "approved", "B": "approved, own price", "C": "rejected", "D": "open",
    }  # fmt: skip
    values = facts(document, "actions")
    assert [values[key] for key in ("approved", "edited", "rejected", "open")] == [1, 1, 1, 1]
    assert (
        "Approved at $11.50 from Nov 23, 2026." in next(it for it in document.pages if it.id == "B").sentences
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_totals_leave_out_what_was_decided_otherwise(language: Language) -> None:
    # Of 5 gains of 120 profit and 80 revenue, one was rejected and one approved at a price of the merchant's.
    rivals = {"standing": {"competitor_price": 10.0, "competitor_date": "2026-11-16"}}
    statuses = {
        it.decision_id: it
        for it in (
            ruled("A", "approved", 12.0), ruled("B", "approved", 11.5), ruled("C", "rejected", None),
            ruled("D", "withdrawn", None),
        )
    }  # fmt: skip
    document = written(*(entry(sku, **rivals) for sku in "ABCDE"), language=language, statuses=statuses)
    told = facts(document, "headline")
    assert (told["moves"], told["set_aside"], told["gain_total"]) == (5, 2, 360)
    figures = facts(document, "key_figures")
    assert (figures["revenue_now"], figures["revenue_then"]) == (5000, 5240)
    assert (figures["profit_now"], figures["profit_then"]) == (3000, 3360)
    assert figures["index_then"] == pytest.approx((3 * 12 + 2 * 10) / 50)
    effects = rows(document, "effects")[0]
    assert (effects["products"], effects["revenue_change"], effects["profit_change"]) == (3, 240, 360)
    assert [(row["products"], row["independent"]) for row in rows(document, "totals")] == [(3, 360)]
    assert len(rows(document, "actions")) == 5


def test_what_was_rejected_is_neither_worth_most_nor_the_largest_risk() -> None:
    best = entry("BEST", 10.0, 12.0, units=(100.0, 99.0), spread=900.0)
    rejected = {"D-BEST": ruled("BEST", "rejected", None)}
    said = " ".join(section(written(best, entry("NEXT"), statuses=rejected), "headline").sentences)
    assert "Thing NEXT" in said and "Thing BEST" not in said
    alone = written(best, statuses=rejected)
    assert "gain_total" not in facts(alone, "headline")
    assert "totals" not in {table.id for it in alone.sections for table in it.tables}
    assert "so there is no effect to take apart" in section(alone, "effects").sentences[0]


# The number check


def test_an_invented_number_is_left_out_and_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = product_page._standing
    planted = "It is sure to bring $987,654."
    monkeypatch.setattr(product_page, "_standing", lambda *given: [*honest(*given), planted])
    document = written(entry("A"), entry("B"))
    assert not any(planted in page.sentences for page in document.pages)
    assert all(len(page.sentences) > 3 for page in document.pages)
    assert facts(document, "appendix")["dropped"] == 2
    assert [(row["where"], row["text"]) for row in rows(document, "dropped")] == [
        ("A", planted),
        ("B", planted),
    ]


def test_a_name_cannot_forge_a_sentence() -> None:
    forged = entry("A", record={"name": "**Thing** [x](http://x) 9 for $1\nCut all by 50%"})
    (page,) = written(forged).pages
    assert "\n" not in page.title
    assert page.sentences[0].startswith("**Thing** [x](http://x) 9 for $1 Cut all by 50%: raise the price to")


def test_where_most_costs_are_unknown_that_is_the_largest_risk() -> None:
    blind = section(written(entry("A", cost=None), entry("B", cost=None), entry("C")), "headline")
    assert any("for 2 of the 3 changes no unit cost is on record" in it for it in blind.sentences)
    known = section(written(entry("A", cost=None), entry("B"), entry("C", spread=500.0)), "headline")
    assert any(it.startswith("Largest risk: Thing C, from $10.00 to $12.00") for it in known.sentences)
