"""Our own policies on the published protocols. They join a suite by being named here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from policy.evaluation.interface import PricingPolicy
from policy.evaluation.protocols.inventory import InventoryPolicy
from policy.market.contextual import ContextualSetting
from policy.market.inventory import InventoryProblem

Policy = TypeVar("Policy")


@dataclass(frozen=True)
class Ours(Generic[Policy]):
    """Policies that run networks of ours; their names end in "(ours)"."""

    policies: Mapping[str, Callable[[], Policy]] = field(default_factory=dict)
    """Name and maker of each."""
    model_hash: str = ""
    """Hash of the weights they run, as results files name it."""


def on_contextual(setting: ContextualSetting) -> Ours[PricingPolicy]:
    """P1 and P2: trained on the prior of `setting`, one of those in `protocols.contextual`."""
    return Ours()


def on_bandit() -> Ours[PricingPolicy]:
    """P4: prices are arm numbers."""
    return Ours()


def on_inventory(problem: InventoryProblem) -> Ours[InventoryPolicy]:
    """P3: trained on the prior that the baselines also know, not on the shop's chances."""
    return Ours()
