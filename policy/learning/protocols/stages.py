"""How each published protocol is learned: its task and the settings of both stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from policy.learning.ppo import PPOSettings
from policy.learning.protocols.bandit import BanditTask
from policy.learning.protocols.contextual import ContextualTask
from policy.learning.protocols.inventory import InventoryTask
from policy.learning.protocols.play import Task
from policy.learning.protocols.train import ProtocolSettings
from policy.market.contextual import INF_2D_SQ_MIX, INF_4D, NO_COVARIATES, NO_COVARIATES_LONG


@dataclass(frozen=True)
class Stages:
    """One protocol's two runs."""

    pretrained: Callable[[], Task]
    """Task of the first stage."""
    first: ProtocolSettings
    reinforced: Callable[[], Task]
    """Task of the second: where horizons vary, the first learns on the short one alone."""
    second: PPOSettings


Stage = Literal["dpt", "ppo"]
"""Decision pretraining, or PPO on top of it."""

_PPO = PPOSettings(
    trials=96, minibatch=48, gae_lambda=0.98, entropy=0.001, learning_rate=6e-4, by_period=True
)

STAGES = {
    "inf-4d": Stages(
        lambda: ContextualTask(INF_4D),
        ProtocolSettings(iterations=60, trials=64, window=32),
        lambda: ContextualTask(INF_4D),
        replace(_PPO, iterations=80, gae_lambda=0.9, entropy=0.0005),
    ),
    "inf-2d-sq-mix": Stages(
        lambda: ContextualTask(INF_2D_SQ_MIX),
        ProtocolSettings(iterations=60, trials=64, window=32),
        lambda: ContextualTask(INF_2D_SQ_MIX),
        replace(_PPO, iterations=80, gae_lambda=0.9, entropy=0.0005),
    ),
    "no-covariates": Stages(
        lambda: ContextualTask(NO_COVARIATES, longest=1000),
        ProtocolSettings(iterations=40, trials=64, window=32),
        lambda: ContextualTask(NO_COVARIATES, horizons=(100, 300)),
        replace(_PPO, iterations=100),
    ),
    "no-covariates-long": Stages(
        lambda: ContextualTask(NO_COVARIATES, longest=1000),
        ProtocolSettings(iterations=40, trials=64, window=32),
        lambda: ContextualTask(NO_COVARIATES_LONG),
        replace(_PPO, iterations=20, trials=64, minibatch=16, epochs=2, gae_lambda=0.99, entropy=0.002),
    ),
    "bandit": Stages(
        BanditTask,
        ProtocolSettings(iterations=16, trials=64, minibatch=16, layers=1, window=8, learning_rate=2e-3),
        BanditTask,
        PPOSettings(
            iterations=50,
            minibatch=16,
            epochs=1,
            gae_lambda=0.97,
            entropy=0.003,
            learning_rate=1e-3,
            critic_learning_rate=2e-3,
            critic_epochs=3,
            by_period=True,
            critic_curve=5.0,
        ),
    ),
    "inventory": Stages(
        InventoryTask,
        ProtocolSettings(iterations=100, layers=1, window=8, learning_rate=2e-3, sharpen=3.0),
        InventoryTask,
        PPOSettings(
            iterations=80,
            trials=256,
            epochs=2,
            gae_lambda=0.97,
            entropy=0.0,
            learning_rate=5e-4,
            by_period=True,
            critic_curve=3.0,
        ),
    ),
}
"""By the name that `pricing-assistant pretrain --protocol` takes."""
