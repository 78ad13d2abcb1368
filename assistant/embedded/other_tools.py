"""Tools that are not ours: called when a message names them or a caller insists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

OWN = frozenset(
    {
        "find_products", "recommend", "explain", "what_if", "catalogue_overview",
        "break_even", "forecast", "clearance", "promotion", "target_price", "reference_price", "unit_price",
        "price_test",
        "compare", "elasticity", "competitors", "data_quality", "track_record", "audit",
        "fine_tuning_readiness", "about_assistant",
        "show_rules", "approve", "reject", "set_rules", "undo", "import_sales", "start_fine_tuning",
        "start_report",
    }
)  # fmt: skip
"""The tools this model knows how to use."""

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"|“([^”]+)”")
_COMMON = frozenset(
    {"get", "set", "the", "tool", "my", "find", "list", "price", "product", "products", "function"}
)


def named_tool(text: str, tools: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The first tool that is not ours and that a message names, by its whole name or a telling word of it."""
    said = set(re.findall(r"\w+", text.lower()))
    for tool in tools:
        name = str(tool["function"]["name"])
        if name in OWN:
            continue
        if name.lower() in said or said & (set(name.lower().split("_")) - _COMMON):
            return tool
    return None


def arguments_for(tool: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Arguments by the types a schema asks for: numbers, quotations and words in the order of the message."""
    schema = tool["function"].get("parameters", {})
    numbers = [float(number) for number in _NUMBER.findall(text)]
    quoted = [next(part for part in match if part) for match in _QUOTED.findall(text)]
    required = schema.get("required", list(schema.get("properties", {})))
    return {
        name: _argument(rule, text, numbers, quoted)
        for name, rule in schema.get("properties", {}).items()
        if name in required
    }


def _argument(rule: Mapping[str, Any], text: str, numbers: list[float], quoted: list[str]) -> Any:
    """One value of the type a rule asks for; each number and quotation is used once."""
    if "enum" in rule:
        return next((value for value in rule["enum"] if str(value).lower() in text.lower()), rule["enum"][0])
    if options := [option for option in rule.get("anyOf", ()) if option.get("type") != "null"]:
        return _argument(options[0], text, numbers, quoted)
    kind = rule.get("type", "string")
    if kind == "integer":
        return int(numbers.pop(0)) if numbers else 0
    if kind == "number":
        return numbers.pop(0) if numbers else 0.0
    if kind == "boolean":
        return True
    if kind == "array":
        return [_argument(rule.get("items", {}), text, numbers, quoted)]
    if kind == "object":
        inner = {"function": {"parameters": rule}}
        return arguments_for(inner, text)
    return quoted.pop(0) if quoted else text
