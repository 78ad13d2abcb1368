"""The rules' values as facts, in the words of `changes.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel.numbers import get_currency_precision

from assistant.facts import Sheet, day, labels, money, percent
from assistant.tools.writing import WORDS
from assistant.wording import Language, wording

FRACTIONS = ("max_change", "max_increase", "max_decrease", "min_margin")
MONEY = ("lowest_price", "highest_price", "minimum_advertised_price")
CLAUSE_FRACTIONS = ("floor", "low", "high", "min_saving")
DATES = ("emergency_since",)
ENDING = "price_ending"
PART = "."
"""Between a rule and a part of it in the key of a fact."""


def add_rule(
    sheet: Sheet, field: str, value: Any, *, names: Mapping[str, str], currency: str | None = None
) -> None:
    """One rule as a fact.

    Parameters
    ----------
    value
        In JSON types, as `Rules.to_dict` gives it; None or nothing where the rule is off.
    names
        Names of products by SKU, for packs.
    """
    words, label = wording(sheet.language, WORDS), rule_label(field, sheet.language)
    if value is None or value == []:
        sheet.add(field, words("values.off"), None, "text", label)
    elif isinstance(value, bool):
        sheet.add(field, words("values.yes" if value else "values.no"), None, "text", label)
    elif field in FRACTIONS:
        sheet.percent(field, value, label=label)
    elif field in MONEY:
        sheet.price(field, value, label=label)
    elif field in DATES:
        sheet.day(field, value, label=label)
    elif field == ENDING:
        text = f"{value:.2f}".lstrip("0") if 0 < value < 1 else f"{value:g}"
        sheet.add(field, words("values.whole") if value == 0 else text, float(value), "money", label)
    elif isinstance(value, str):
        sheet.add(field, value, None, "text", label)
    else:
        sheet.add(field, _clause(field, value, sheet.language, names, currency), None, "text", label)
        for i, clause in enumerate(value if isinstance(value, list) else [value]):
            _add_parts(sheet, f"{field}{PART}{i}", clause, label)


def _add_parts(sheet: Sheet, key: str, clause: Mapping[str, Any], label: str) -> None:
    """The numbers and days in a clause, each a fact: what is said is checked against them."""
    for name, value in clause.items():
        part = f"{key}{PART}{name}"
        if name in ("start", "end", "until"):
            sheet.day(part, value, label=label)
        elif name in CLAUSE_FRACTIONS:
            sheet.percent(part, value, label=label)
        elif name == "price":
            sheet.price(part, value, label=label)
        elif name == "max_age_days":
            sheet.add(part, f"{value}", value, "day", label)
        elif name == "units":
            sheet.add(part, f"{value}", value, "units", label)


def as_shown(rules: Mapping[str, Any], currency: str | None) -> dict[str, Any]:
    """The rules as exact as they are shown: a yes is to what was read, not to more decimals."""
    decimals = get_currency_precision(currency) if currency else 2

    def rounded(name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: rounded(key, part) for key, part in value.items()}
        if isinstance(value, list):
            return [rounded(name, part) for part in value]
        if isinstance(value, float) and name in (*FRACTIONS, *CLAUSE_FRACTIONS):
            return round(value, 3)
        if isinstance(value, float) and name in (*MONEY, "price"):
            return round(value, decimals)
        return value

    return {name: rounded(name, value) for name, value in rules.items()}


def rule_label(field: str, language: Language) -> str:
    """What a rule is called."""
    return str(labels(language)["rule_fields"][field])


def _clause(
    field: str, value: Any, language: Language, names: Mapping[str, str], currency: str | None
) -> str:
    """A rule that takes more than one number, in one phrase."""
    words, comma = wording(language, WORDS), str(labels(language)["answer"]["comma"])
    if field == "freezes":
        return comma.join(
            words(
                "values.freeze_because" if it["reason"] else "values.freeze",
                start=day(it["start"], language),
                end=day(it["end"], language),
                reason=it["reason"],
            )
            for it in value
        )
    if field == "minimum_by_market":
        return comma.join(
            words("values.minimum", market=it["market"], price=money(it["price"], currency, language))
            for it in value
        )
    if field == "below_cost_exception":
        return words(
            "values.exception",
            until=day(value["until"], language),
            floor=percent(value["floor"], language),
            reason=value["reason"],
            by=value["granted_by"],
        )
    if field == "competitor_index":
        ends = {side: value[side] for side in ("low", "high") if value[side] is not None}
        shown = {side: percent(end, language) for side, end in ends.items()}
        return words("values.index_" + "_".join(shown), days=f"{value['max_age_days']}", **shown)
    saving = value["min_saving"]
    return words(
        "values.pack_saving" if saving else "values.pack",
        units=f"{value['units']}",
        name=names.get(value["sku"], value["sku"]),
        saving=percent(saving, language),
    )
