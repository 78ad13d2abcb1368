"""Which products rules leave no price for, before the rules are set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.decision.evidence import weigh
from policy.decision.limits import apply
from policy.decision.recommend import labels_of
from policy.decision.rules import Rules, RulesInfeasible
from policy.decision.settle import Candidate, circumstances_of, settle
from policy.decision.situation import situation_of
from policy.decision.ties import Key
from policy.history import canonical_history
from policy.model.panel import make_panel


def conflicts(history: pd.DataFrame, rules: Mapping[str, Rules]) -> dict[Key, tuple[str, ...]]:
    """The rules that exclude each other in the next period, by (store, sku); nothing where a price is left.

    Every rule is asked, those of days, markets, competitors and other products among them. Whether a price
    is left does not hang on which the policy would choose, so that no network is needed.

    Parameters
    ----------
    history
        A canonical history.
    rules
        By sku, for every product of the history.
    """
    frame, report = canonical_history(history)
    panel, labels = make_panel(frame, report.period), labels_of(frame)
    situation, abstain = situation_of(panel, maximise_profit=True), weigh(panel).abstain
    candidates = {}
    for row, key in enumerate(panel.keys):
        now = circumstances_of(panel, situation, row, rules=rules[key[1]], currency=labels[row].currency)
        candidates[key] = Candidate(
            rules=rules[key[1]],
            now=now,
            wanted=None if abstain[row] else now.current_price,
            off_sale=abstain[row] in ("stale_data", "out_of_stock"),
            mean_objective=partial(_nearness, now.current_price),
        )
    settled = settle(candidates)
    found = {key: settled[key].conflict or _own(it) for key, it in candidates.items()}
    return {key: rules for key, rules in found.items() if rules}


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
