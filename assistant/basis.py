"""What a price rests on: a product's history and rules, and those of what it is priced together with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from policy.decision.recommendation import Recommendation
    from policy.decision.rules import Rules

Key = tuple[str, str | None]
"""SKU and outlet of a product."""


@dataclass(frozen=True)
class Remembered:
    """A recommendation, what it was computed from, and its id once it was saved."""

    basis: str
    recommendation: Recommendation
    id: str | None = None


def by_product(history: pd.DataFrame) -> dict[tuple[str, str | None], pd.DataFrame]:
    """The history of each (sku, store); store is None where the table names none."""
    if "store" not in history.columns:
        return {(str(sku), None): group for sku, group in history.groupby("sku", sort=True)}
    groups = history.groupby([history["store"].fillna(""), "sku"], sort=True)
    return {(str(key[1]), str(key[0]) or None): group for key, group in groups}


def bases(
    every: Mapping[Key, pd.DataFrame], rules: Mapping[str, Rules], asked: Iterable[Key]
) -> dict[Key, str]:
    """What the price of each product asked about rests on: its history and rules, and those of the products
    of its outlet that it is priced together with."""
    from policy.decision.ties import families

    own = {key: f"{digest(group)} {rules[key[0]].digest}" for key, group in every.items()}
    family = families(rules)
    others = {
        (sku, store): [(it, store) for it in sorted(family.get(sku, ())) if it != sku and (it, store) in own]
        for sku, store in asked
    }
    return {key: " ".join([own[key], *(own[it] for it in others[key])]) for key in others}


def digest(history: pd.DataFrame) -> str:
    """The content of one product's table, whatever its index."""
    from pandas.util import hash_pandas_object

    known = history.dropna(axis=1, how="all")  # other products decide whether an empty column is there
    rows: Any = hash_pandas_object(known, index=False).to_numpy()
    return hashlib.sha256("|".join(known.columns).encode() + rows.tobytes()).hexdigest()[:16]
