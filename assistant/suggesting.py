"""Suggestions under limits and circumstances that a merchant names for one question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from policy.decision.recommendation import Recommendation
    from policy.decision.rules import Rules

ASKED = "asked_limit"
"""Stands for a rule where the limit is the merchant's own of this question."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one question. They narrow the rules in force and never lift one."""

    max_change_percent: float | None = None
    price_ending: float | None = None
    min_price: float | None = None
    max_price: float | None = None
    min_margin_percent: float | None = None

    def within(self, rules: Rules) -> Rules:
        """The rules with these limits. Raises ValueError for limits that cannot be."""
        change = None if self.max_change_percent is None else self.max_change_percent / 100
        margin = None if self.min_margin_percent is None else self.min_margin_percent / 100
        return replace(
            rules,
            min_margin=_most(rules.min_margin, margin),
            max_change=_least(rules.max_change, change),
            price_ending=rules.price_ending if self.price_ending is None else self.price_ending,
            lowest_price=_most(rules.lowest_price, self.min_price),
            highest_price=_least(rules.highest_price, self.max_price),
        )


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """Circumstances of one question in place of the last ones on record, store currency and units."""

    unit_cost: float | None = None
    cost_percent: float | None = None
    """A change of the unit cost on record, per cent, signed."""
    competitor_price: float | None = None
    stock: float | None = None

    def in_history(self, history: pd.DataFrame, skus: Sequence[str]) -> pd.DataFrame:
        """The history as if the newest record of these products, in every outlet, said so.

        Raises `QuestionError` for a change of a cost that is not on record.
        """
        given = {"cost": self.unit_cost, "competitor_price": self.competitor_price, "stock": self.stock}
        changed = history.copy()
        outlet = [changed[key].fillna("") for key in ("store", "sku") if key in changed]
        last = changed[changed["sku"].isin(skus)].sort_values("date").groupby(outlet).tail(1).index
        for column, value in given.items():
            if value is not None:
                if column not in changed:
                    changed[column] = float("nan")
                changed.loc[last, column] = value
        if self.cost_percent is not None:
            if "cost" not in changed:
                changed["cost"] = float("nan")
            known = changed.groupby(outlet)["cost"].transform("last")
            for row in last:
                cost = None if math.isnan(known[row]) else float(known[row])
                sku = str(changed.loc[row, "sku"])
                changed.loc[row, "cost"] = assumed_cost(cost, self.unit_cost, self.cost_percent, sku)
        return changed


def assumed_cost(known: float | None, given: float | None, percent: float | None, sku: str) -> float | None:
    """A unit cost to assume: the one given, or the known one so many per cent higher; None where nothing is
    assumed. Raises `QuestionError` for a change of a cost that is not on record."""
    from policy.decision.given import require_cost

    if percent is None:
        return given
    return require_cost(known if given is None else given, sku) * (1 + percent / 100)


def own_limits(suggested: Recommendation, before: Rules, after: Rules) -> Recommendation:
    """The suggestion with `ASKED` where a limit of this question, not a rule, moved the price."""
    narrowed = {name for name in _NARROWED if getattr(before, name) != getattr(after, name)}
    clamps = tuple(
        replace(clamp, rule=ASKED) if clamp.rule in narrowed else clamp for clamp in suggested.clamps
    )
    return replace(suggested, clamps=clamps)


_NARROWED = ("max_change", "min_margin", "price_ending", "lowest_price", "highest_price")
"""Rules that limits narrow: the names of their fields in `Rules` too."""


def _least(one: float | None, other: float | None) -> float | None:
    return min((x for x in (one, other) if x is not None), default=None)


def _most(one: float | None, other: float | None) -> float | None:
    return max((x for x in (one, other) if x is not None), default=None)
