"""Which products rules leave no price for, before the rules are set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from policy.decision.bounds import Circumstances
from policy.decision.limits import apply
from policy.decision.recommendation import AbstentionCode
from policy.decision.rules import Rules, RulesInfeasible
from policy.decision.settle import Candidate, settle
from policy.decision.ties import Key


def conflicts(
    now: Mapping[Key, Circumstances],
    rules: Mapping[str, Rules],
    abstained: Mapping[Key, AbstentionCode | None],
) -> dict[Key, tuple[str, ...]]:
    """The rules that exclude each other, by (store, sku), where they leave a product no price.

    Every rule is asked, as when prices are recommended, those that tie products together too. Whether a
    price is left does not hang on which one the policy wants, so that no network is needed.

    Parameters
    ----------
    now
        What rules ask about each product of the shop (`PricingPipeline.circumstances` under these rules).
    rules
        By sku.
    abstained
        Why the policy recommends no price for a product, which then keeps its price whatever others do;
        None where it does.
    """
    candidates = {
        key: Candidate(
            rules=rules[key[1]],
            now=it,
            wanted=None if abstained[key] else it.current_price,
            off_sale=abstained[key] in ("stale_data", "out_of_stock"),
            mean_objective=partial(_nearness, it.current_price),
        )
        for key, it in now.items()
    }
    settled = settle(candidates)
    found = {key: settled[key].conflict or _own(it) for key, it in candidates.items()}
    return {key: broken for key, broken in found.items() if broken}


def _own(it: Candidate) -> tuple[str, ...]:
    """The rules of one product that exclude each other, whether or not it is to be priced."""
    try:
        apply(it.now.current_price, it.rules, it.now)
    except RulesInfeasible as conflict:
        return conflict.rules
    return ()


def _nearness(to: float, prices: list[float]) -> NDArray[np.float64]:
    """Stands for an objective: the nearer to a price the better, shape (P,)."""
    return -np.abs(np.asarray(prices) - to)
