"""The report's words in both languages, the spool behind its tables, and sentences that lose their check."""

from __future__ import annotations

import tomllib
from string import Formatter
from typing import Any, get_args

import prompts
from assistant.facts import Sheet
from assistant.report.case import Risk
from assistant.report.sections.changes import CAUSES
from assistant.report.spool import Ordered, Spool
from assistant.report.statements import FILE, Statements
from assistant.report.totals import adding_decimals
from assistant.wording import LANGUAGES


def flat(tree: dict[str, Any], path: str = "") -> dict[str, frozenset[str]]:
    """Placeholders by dotted key."""
    found: dict[str, frozenset[str]] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= flat(value, f"{path}{key}.")
        else:
            found[f"{path}{key}"] = frozenset(name for _, name, _, _ in Formatter().parse(value) if name)
    return found


def test_both_languages_say_the_same_things() -> None:
    words = {language: flat(tomllib.loads(prompts.load(language, FILE))) for language in LANGUAGES}
    assert set(words["en"]) == set(words["zh"])
    for key, names in words["en"].items():
        # A unit of time or a count may be said in one language only; a price or a gain may not.
        assert names ^ words["zh"][key] <= {"period", "products", "stock_known"}, key


def test_every_code_has_words() -> None:
    for language in LANGUAGES:
        words = Statements(language).words
        assert all(words(f"risks.{risk}") for risk in get_args(Risk))
        assert all(words(f"changes.cause_{cause}", period="week") for cause in CAUSES)


def test_rows_come_group_by_group_by_weight_then_as_they_were_added() -> None:
    rows: Ordered[Any] = Ordered(Spool(), lambda value: value)
    for name, group, weight in (("a", 1, 9.0), ("b", 0, 1.0), ("c", 0, 5.0), ("d", 0, 1.0)):
        rows.add({"name": name, "half": 0.1}, weight=weight, group=group)
    first, second = iter(rows), iter(rows)
    assert next(first)["name"] == next(second)["name"] == "c"  # two readers at once
    assert [row["name"] for row in rows] == ["c", "b", "d", "a"]
    assert next(first) == {"name": "b", "half": 0.1}


def test_only_the_sentence_with_the_wrong_number_goes() -> None:
    statements = Statements("en")
    sheet = Sheet("report", "en", currency="USD", section="report")
    sheet.price("approved_price", 12.5)
    said = ["Approved at $12.50.", "Approved at $13.50.", "", "All is\nwell."]
    assert statements.checked("here", said, sheet.facts) == ("Approved at $12.50.", "All is well.")
    (dropped,) = statements.dropped
    assert (dropped.where, dropped.text, dropped.figures) == ("here", "Approved at $13.50.", "$13.50")


def test_printed_parts_add_up_where_cents_can_help() -> None:
    assert adding_decimals("USD", 160.77, 20.35, 140.42) == 2  # 161 is not 20 + 140
    assert adding_decimals("USD", 107.93, 104.26, 3.67) == 0  # 108 is 104 + 4
