"""The HTML beside the chat: nothing of a merchant's file gets through as markup."""

from __future__ import annotations

import json
import re
from html import unescape

from assistant.evidence import Evidence
from assistant.facts import Fact
from assistant.grounding import MERCHANT, Cited
from assistant.panels import facts_table, headline, notice
from assistant.wording import wording

EVIL = "<img src=x onerror=alert(1)>"


def a_fact(key: str, value: str, *, label: str = "Label", raw: float | None = None) -> Fact:
    return Fact(id=f"CAN-LAV-200.{key}", key=key, label=label, value=value, raw=raw, unit="USD")


def evidence(*facts: Fact, title: str = "Lavender Candle") -> Evidence:
    return Evidence(title=title, language="en", facts=facts, recommendation=None)


def test_names_are_never_markup() -> None:
    shown = headline(evidence(a_fact("price", EVIL, label=EVIL), title=EVIL))
    shown += facts_table([a_fact("price", EVIL, label=EVIL)], wording("en"))
    shown += notice(EVIL, EVIL, kind="error")
    assert "<img" not in shown
    assert shown.count("&lt;img") == 7


def test_an_interval_stands_beside_its_quantity() -> None:
    table = facts_table([a_fact("gain", "+$12.30"), a_fact("gain_range", "-$1.10 to +$25.00")], wording("en"))
    assert table.count("<tr ") == 1
    assert table.index("+$12.30") < table.index("-$1.10 to +$25.00")


def test_an_interval_without_its_quantity_has_a_row_of_its_own() -> None:
    assert facts_table([a_fact("gain_range", "-$1.10 to +$25.00")], wording("en")).count("<tr ") == 1


def test_how_it_was_worked_out_is_folded_away() -> None:
    table = facts_table([a_fact("price", "$15.49"), a_fact("driver.stock", "-$0.60")], wording("en"))
    assert table.index("$15.49") < table.index("<details>") < table.index("-$0.60")
    assert "<details>" not in facts_table([a_fact("price", "$15.49")], wording("en"))


def test_the_numbers_of_the_answer_come_first_each_with_its_fact() -> None:
    facts = [a_fact("price", "$15.49"), a_fact("gain", "+$12.30"), a_fact("gain_range", "-$1.10 to +$25.00")]
    cited = [Cited(0, 6, "-$1.10", "CAN-LAV-200.gain_range"), Cited(9, 11, "17", MERCHANT)]
    table = facts_table(facts, wording("en"), cited=cited, every=facts)
    assert table.index("+$12.30") < table.index("<details>") < table.index("$15.49")
    (data,) = re.findall(r'data-cited="([^"]*)"', table)
    assert [(it["text"], it["fact"]) for it in json.loads(unescape(data))] == [
        ("-$1.10", "CAN-LAV-200.gain"),
        ("17", MERCHANT),
    ]
    assert 'data-fact="CAN-LAV-200.gain"' in table


def test_series_stand_side_by_side() -> None:
    keys = [("date.1", "Nov 23"), ("units.1", "33"), ("date.2", "Nov 30"), ("units.2", "31")]
    table = facts_table([a_fact(key, value) for key, value in keys], wording("en"))
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", table)
    assert rows == [("Nov 23", "33"), ("Nov 30", "31")]


def test_the_headline_of_a_price_asked_about_is_of_that_price() -> None:
    asked = [
        Fact(f"CAN-LAV-200.at_17.{key}", key, "Label", value, raw, "USD")
        for key, value, raw in (("price", "$17.00", 17.0), ("current_price", "$18.00", 18.0))
    ]
    shown = headline(evidence(*asked, a_fact("price", "$15.49", raw=15.49), a_fact("change", "-13.9%")))
    assert "$17.00" in shown and "$15.49" not in shown and "-13.9%" not in shown


def test_the_headline_goes_from_the_price_now_to_the_suggested_one() -> None:
    facts = a_fact("price", "$15.49"), a_fact("current_price", "$18.00"), a_fact("change", "-13.9%")
    shown = headline(evidence(*facts))
    assert shown.index("$18.00") < shown.index("→") < shown.index("$15.49") < shown.index("-13.9%")


def test_a_kept_price_is_shown_once() -> None:
    shown = headline(evidence(a_fact("price", "$18.00"), a_fact("current_price", "$18.00")))
    assert shown.count("$18.00") == 1
    assert "no change" in shown


def test_no_facts_make_no_table() -> None:
    assert facts_table([], wording("en")) == ""


def test_an_error_names_no_option_of_the_command_line() -> None:
    for text in (
        "Fix these rows, or load with --skip-bad-rows to set them aside.",
        "请修正这些行，或用 --skip-bad-rows 载入以搁置它们。",
    ):
        shown = notice("Error", text, kind="error")
        assert "skip" not in shown
        assert "Fix these rows." in shown or "请修正这些行。" in shown
