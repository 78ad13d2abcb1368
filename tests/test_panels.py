"""The HTML beside the chat: nothing of a merchant's file gets through as markup."""

from __future__ import annotations

from assistant.facts import Fact
from assistant.panels import facts_table, headline, notice
from assistant.session import Evidence
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
    assert table.count("<tr>") == 1
    assert table.index("+$12.30") < table.index("-$1.10 to +$25.00")


def test_an_interval_without_its_quantity_has_a_row_of_its_own() -> None:
    assert facts_table([a_fact("gain_range", "-$1.10 to +$25.00")], wording("en")).count("<tr>") == 1


def test_how_it_was_worked_out_is_folded_away() -> None:
    table = facts_table([a_fact("price", "$15.49"), a_fact("driver.stock", "-$0.60")], wording("en"))
    assert table.index("$15.49") < table.index("<details>") < table.index("-$0.60")
    assert "<details>" not in facts_table([a_fact("price", "$15.49")], wording("en"))


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
