"""Pricing policy: sales history in, demand curve and recommended price out. Knows no language model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import gymnasium

if TYPE_CHECKING:
    from policy.decision.recommendation import Recommendation
    from policy.decision.rules import Rules
    from policy.history import HistoryError, canonical_history
    from policy.pipeline import PricingPipeline

_HOME = {
    "HistoryError": "policy.history",
    "PricingPipeline": "policy.pipeline",
    "Recommendation": "policy.decision.recommendation",
    "Rules": "policy.decision.rules",
    "canonical_history": "policy.history",
}

__all__ = ["HistoryError", "PricingPipeline", "Recommendation", "Rules", "canonical_history"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import policy` does not wait for torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'policy' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


# `gymnasium.make` finds environments of packages that were imported; these classes load on first use.
gymnasium.register(id="policy/PricingMarket-v0", entry_point="policy.market.environments:PricingMarket")
gymnasium.register(id="policy/SeedShop-v0", entry_point="policy.market.environments:SeedShop")
