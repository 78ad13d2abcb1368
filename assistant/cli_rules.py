"""The rules of `recommend`: options for the whole table, a file for categories, products and all the rest."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from policy.decision.rules import Rules

_OPTIONS = {
    "max_change": "max_change",
    "max_increase": "max_increase",
    "max_decrease": "max_decrease",
    "min_margin": "min_margin",
    "price_ending": "price_ending",
    "map": "minimum_advertised_price",
}
"""Option and the rule that it sets."""

_LAYERS = ("store", "categories", "products")


def add_rules(command: argparse.ArgumentParser) -> None:
    """The options that set rules. Only those that were typed are in the result."""
    rules = command.add_argument_group("rules, which hold whatever the model says (`none` lifts one)")

    def option(name: str, kind: Any, metavar: str, text: str) -> None:
        rules.add_argument(name, type=kind, metavar=metavar, default=argparse.SUPPRESS, help=text)

    option("--max-change", _fraction, "SHARE", "largest step up or down (default: 20%%)")
    option("--max-increase", _fraction, "SHARE", "largest step up, within the largest step")
    option("--max-decrease", _fraction, "SHARE", "largest step down, within the largest step")
    option("--min-margin", _fraction, "SHARE", "smallest margin (default: 10%%)")
    option("--price-ending", _amount, "ENDING", "0.99 for 4.99, 9 for 139")
    option("--map", _amount, "PRICE", "minimum advertised price")
    rules.add_argument(
        "--rules",
        metavar="JSON",
        help='a file with all kinds of rules: {"store": {...}, "categories": {"mugs": {...}}, "products": '
        '{"MUG-4": {"pack_of": {"sku": "MUG", "units": 4}}}}; options that are typed go before its "store"',
    )


def rules_for(arguments: argparse.Namespace, history: pd.DataFrame) -> Rules | dict[str, Rules]:
    """The rules of every product of a table: one set for all, or by SKU where a file gives them.

    Raises `InputError` for rules that cannot be, or that are about what the table does not hold.
    """
    from policy.decision.rules import Rules

    try:
        if arguments.rules is None:
            return Rules(**_typed(arguments))
        category = {}
        if "category" in history:
            known = history[history["category"].notna()]
            category = dict(zip(known["sku"].astype(str), known["category"].astype(str), strict=True))
        skus = sorted(set(history["sku"].astype(str)))
        layers = _layers(arguments, skus=set(skus), categories=set(category.values()))
        return {
            sku: Rules.layered(
                [
                    layers["store"],
                    layers["categories"].get(category.get(sku, ""), {}),
                    layers["products"].get(sku, {}),
                ]
            )
            for sku in skus
        }
    except ValueError as error:
        raise _input_error(error) from error


def rule_layers(
    arguments: argparse.Namespace, *, skus: set[str], categories: set[str]
) -> dict[str, dict[str, Any]]:
    """The rules that were typed or are in a file, by scope: `store`, `categories`, `products`.

    Raises `InputError` for rules that cannot be, or that are about what the shop does not hold.
    """
    from policy.decision.rules import Rules

    try:
        layers = _layers(arguments, skus=skus, categories=categories)
        for fields in (layers["store"], *layers["categories"].values(), *layers["products"].values()):
            Rules.from_dict(fields)
    except ValueError as error:
        raise _input_error(error) from error
    return layers


def _typed(arguments: argparse.Namespace) -> dict[str, Any]:
    return {rule: getattr(arguments, name) for name, rule in _OPTIONS.items() if hasattr(arguments, name)}


def _layers(
    arguments: argparse.Namespace, *, skus: set[str], categories: set[str]
) -> dict[str, dict[str, Any]]:
    layers: dict[str, dict[str, Any]] = {name: {} for name in _LAYERS}
    if arguments.rules is not None:
        layers = _read(Path(arguments.rules))
    _require_held(layers["categories"], categories, "category")
    _require_held(layers["products"], skus, "product")
    return layers | {"store": layers["store"] | _typed(arguments)}


def _input_error(error: ValueError) -> ValueError:
    from assistant.cli_commands import InputError

    return InputError(str(error))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}.") from error
    wanted = ", ".join(f'"{name}"' for name in _LAYERS)
    parts = [values, *values.values()] if isinstance(values, dict) else [values]
    if not all(isinstance(part, dict) for part in parts) or set(values) - set(_LAYERS):
        raise ValueError(f"{path} must be an object of objects: {wanted}, any of them.")
    for name in _LAYERS[1:]:
        if wrong := [key for key, part in values.get(name, {}).items() if not isinstance(part, dict)]:
            raise ValueError(f"{path}: the rules of {wrong[0]!r} in {name!r} must be an object.")
    return {name: values.get(name, {}) for name in _LAYERS}


def _require_held(layer: Mapping[str, Any], held: set[str], what: str) -> None:
    if unknown := sorted(set(layer) - held):
        raise ValueError(
            f"The rules name {len(unknown)} that no row of sales has as its {what}, the first is "
            f"{unknown[0]!r}. Check how it is written."
        )


def _fraction(text: str) -> float | None:
    """`20%` and `0.2` are 0.2; `none` is None."""
    if text.lower() == "none":
        return None
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share; write 20% or 0.2, or none") from None
    if value >= 1 and not text.endswith("%"):
        raise argparse.ArgumentTypeError(f"{text} is more than everything; write {text}% or {value / 100:g}")
    return value


def _amount(text: str) -> float | None:
    """A number, or `none`."""
    if text.lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
