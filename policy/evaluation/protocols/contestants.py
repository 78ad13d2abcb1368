"""Our own policies on the published protocols. They join a suite by being named here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from policy.decision.interface import PricingPolicy
from policy.evaluation.protocols.inventory import InventoryPolicy
from policy.evaluation.protocols.learned import (
    TrainedBandit,
    TrainedContextual,
    TrainedInventory,
    trained_hash,
    trained_network,
)
from policy.learning.protocols.stages import Stage
from policy.market.contextual import (
    INF_2D_SQ,
    INF_2D_SQ_MIX,
    INF_4D,
    NO_COVARIATES,
    NO_COVARIATES_LONG,
    ContextualSetting,
)
from policy.market.inventory import InventoryProblem

Policy = TypeVar("Policy")

PRETRAINED, REINFORCED = "decision-pretrained network (ours)", "after PPO on whole trials (ours)"


@dataclass(frozen=True)
class Ours(Generic[Policy]):
    """Policies that run networks of ours; their names end in "(ours)"."""

    policies: Mapping[str, Callable[[], Policy]] = field(default_factory=dict)
    """Name and maker of each."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """Hash of the weights that each runs, as results files name it."""


CONTEXTUAL: dict[ContextualSetting, dict[str, tuple[str, Stage, bool]]] = {
    INF_4D: {PRETRAINED: ("inf-4d", "dpt", False)},
    INF_2D_SQ_MIX: {
        PRETRAINED: ("inf-2d-sq-mix", "dpt", False),
        REINFORCED: ("inf-2d-sq-mix", "ppo", False),
    },
    # All square: the networks of the mix, which do not know it.
    INF_2D_SQ: {
        PRETRAINED: ("inf-2d-sq-mix", "dpt", False),
        REINFORCED: ("inf-2d-sq-mix", "ppo", False),
    },
    NO_COVARIATES: {
        PRETRAINED: ("no-covariates", "dpt", False),
        REINFORCED: ("no-covariates", "ppo", True),
    },
    NO_COVARIATES_LONG: {
        PRETRAINED: ("no-covariates", "dpt", False),
        REINFORCED: ("no-covariates-long", "ppo", True),
    },
}
"""By setting and name: folder of the network, its stage, and whether prices are drawn from the price head
(where it has learned to explore) or are its mean."""


def on_contextual(setting: ContextualSetting) -> Ours[PricingPolicy]:
    """P1 and P2: trained on the prior of `setting`, one of those in `protocols.contextual`."""
    known = INF_2D_SQ_MIX if setting == INF_2D_SQ else setting
    policies: dict[str, Callable[[], PricingPolicy]] = {}
    hashes = {}
    for name, (folder, stage, draws) in CONTEXTUAL[setting].items():
        network = trained_network(folder, stage=stage)
        policies[name] = lambda n=network, d=draws: TrainedContextual(n, known, draws=d)  # type: ignore[misc]
        hashes[name] = trained_hash(folder, stage=stage)
    return Ours(policies, hashes)


def on_bandit() -> Ours[PricingPolicy]:
    """P4: prices are arm numbers."""
    first, second = (trained_network("bandit", stage=stage) for stage in ("dpt", "ppo"))
    policies: dict[str, Callable[[], PricingPolicy]] = {
        PRETRAINED: lambda: TrainedBandit(first),
        REINFORCED: lambda: TrainedBandit(second, draws=True),
    }
    return Ours(policies, _hashes("bandit"))


def on_inventory(problem: InventoryProblem) -> Ours[InventoryPolicy]:
    """P3: trained on the prior that the baselines also know, not on the shop's chances; for the horizon of
    training alone."""
    if problem.horizon != InventoryProblem().horizon:
        return Ours()
    first, second = (trained_network("inventory", stage=stage) for stage in ("dpt", "ppo"))
    policies: dict[str, Callable[[], InventoryPolicy]] = {
        PRETRAINED: lambda: TrainedInventory(first),
        REINFORCED: lambda: TrainedInventory(second, draws=True),
    }
    return Ours(policies, _hashes("inventory"))


def _hashes(folder: str) -> dict[str, str]:
    return {
        PRETRAINED: trained_hash(folder, stage="dpt"),
        REINFORCED: trained_hash(folder, stage="ppo"),
    }
