"""How each published protocol is learned: its task and the settings of both stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from policy.learning.ppo import PPOSettings
from policy.learning.protocols.bandit import BanditTask
from policy.learning.protocols.contextual import ContextualTask
from policy.learning.protocols.inventory import InventoryTask
from policy.learning.protocols.play import Task
from policy.learning.protocols.train import ProtocolSettings
from policy.market.contextual import INF_2D_SQ_MIX, INF_4D, NO_COVARIATES


@dataclass(frozen=True)
class Stages:
    """One protocol's two runs."""

    pretrained: Callable[[], Task]
    """Task of the first stage."""
    first: ProtocolSettings
    reinforced: Callable[[], Task]
    """Task of the second: where horizons vary, the first learns on the short one alone."""
    second: PPOSettings


_PPO = PPOSettings(
    trials=96, minibatch=48, gae_lambda=0.98, entropy=0.001, learning_rate=6e-4, by_period=True
)


STAGES = {
    "inf-4d": Stages(
        lambda: ContextualTask(INF_4D),
        ProtocolSettings(iterations=60, trials=64, window=32),
        lambda: ContextualTask(INF_4D),
        replace(_PPO, iterations=60),
    ),
    "inf-2d-sq-mix": Stages(
        lambda: ContextualTask(INF_2D_SQ_MIX),
        ProtocolSettings(iterations=60, trials=64, window=32),
        lambda: ContextualTask(INF_2D_SQ_MIX),
        replace(_PPO, iterations=60),
    ),
    "no-covariates": Stages(
        lambda: ContextualTask(NO_COVARIATES, longest=1000),
        ProtocolSettings(iterations=40, trials=64, window=32),
        lambda: ContextualTask(NO_COVARIATES, horizons=(100, 300, 1000)),
        replace(_PPO, iterations=180),
    ),
    "bandit": Stages(BanditTask, ProtocolSettings(), BanditTask, PPOSettings()),
    "inventory": Stages(InventoryTask, ProtocolSettings(), InventoryTask, PPOSettings()),
}
"""By the name that `pricing-assistant pretrain --protocol` takes."""
