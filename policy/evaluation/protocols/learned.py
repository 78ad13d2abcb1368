"""Networks trained on the published protocols, as policies of the protocols' harnesses.

They know what their memory holds, no more: the markets' truth serves in training only.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from policy.evaluation.baselines.linear import covariates_of
from policy.learning.protocols.bandit import BanditMemory
from policy.learning.protocols.contextual import OFFSETS, ContextualMemory
from policy.learning.protocols.inventory import InventoryMemory
from policy.learning.protocols.play import Memory, TokenReader
from policy.learning.protocols.stages import Stage
from policy.learning.trials import draw, masked_log_softmax
from policy.market.contextual import ContextualSetting
from policy.market.inventory import InventoryProblem
from policy.market.setting import Setting
from policy.market.simulator import Observation, Outcome
from policy.model.adapters import merged
from policy.model.loading import EMBEDDED, LoadedModel, load_model
from policy.model.transformer import PolicyModel

WEIGHTS = EMBEDDED.parent / "protocols"
"""Trained networks that ship with the package: a folder for each protocol."""


def trained_network(protocol: str, *, stage: Stage) -> PolicyModel:
    """The shipped network of a protocol, after decision pretraining ("dpt") or PPO on top of it ("ppo").

    Raises
    ------
    FileNotFoundError
        There is none for this protocol.
    ValueError
        There is no such stage.
    """
    return merged(_loaded(protocol, stage).network).eval()


def trained_hash(protocol: str, *, stage: Stage) -> str:
    """Hash of a shipped network's weights, as results files name it."""
    loaded = _loaded(protocol, stage)
    return "+".join(digest[:12] for digest in (loaded.digest, loaded.adapter_digest) if digest)


def _loaded(protocol: str, stage: Stage) -> LoadedModel:
    if stage not in get_args(Stage):
        raise ValueError(f"`stage` must be 'dpt' or 'ppo', got {stage!r}.")
    folder = WEIGHTS / protocol
    return load_model(str(folder / "model"), adapter=str(folder / "ppo") if stage == "ppo" else None)


class NetworkPlayer:
    """Reads a memory's tokens as they come and picks actions from the price head."""

    def __init__(self, network: PolicyModel, memory: Memory, *, draws: np.random.Generator | None):
        """Actions are drawn with this generator; the likeliest is played if None."""
        self._reader, self._memory, self._draws = TokenReader(network), memory, draws

    def chances(self) -> NDArray[np.float64]:
        """Chances of the actions in the coming period, shape (B, ACTIONS); to be asked for once a period."""
        allowed = torch.from_numpy(self._memory.allowed())
        log_chances = masked_log_softmax(self._reader.logits(self._memory.tokens()), allowed)
        return log_chances.exp().double().numpy()

    def act(self) -> NDArray[np.int64]:
        """Actions for the coming period, shape (B,)."""
        chances = self.chances()
        return chances.argmax(axis=1) if self._draws is None else draw(chances, self._draws)


class TrainedBandit:
    """Arms of `policy.market.bandit`: the likeliest action, or a draw.

    On 4,000 bandits of a seed of its own the first stage had a regret of 6.6 by the likeliest, 8.2 by draws;
    after PPO the two are equal within errors.
    """

    def __init__(self, network: PolicyModel, *, draws: bool = False):
        self._network, self._draws = network, draws

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._memory = BanditMemory(len(markets), rounds=markets.horizon)
        self._player = NetworkPlayer(self._network, self._memory, draws=rng if self._draws else None)

    def act(self, observation: Observation) -> NDArray:
        return self._memory.arm(self._player.act()).astype(np.float64)

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        self._memory.learn(outcome.price.astype(np.int64), outcome.units)


class TrainedInventory:
    """Prices of `policy.market.inventory`: the likeliest action, or a draw.

    Over 3,000 markets of the prior the two lose the same share of the optimum within errors, 0.66 to 0.69 %
    (error 0.06), after either stage.
    """

    def __init__(self, network: PolicyModel, *, draws: bool = False):
        self._network, self._draws = network, draws

    def reset(self, problem: InventoryProblem, replications: int, rng: np.random.Generator) -> None:
        self._memory = InventoryMemory(
            replications, prices=problem.prices, stock=problem.stock, horizon=problem.horizon
        )
        self._player = NetworkPlayer(self._network, self._memory, draws=rng if self._draws else None)

    def act(self, t: int, stock: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._player.act()

    def observe(self, choice: NDArray[np.int64], sold: NDArray[np.bool_]) -> None:
        self._memory.learn(choice, sold)


class TrainedContextual:
    """Prices of `policy.market.contextual`: the mean, in logs, of the price head's distribution, or a draw
    from it, which goes on exploring."""

    def __init__(self, network: PolicyModel, setting: ContextualSetting, *, draws: bool = False):
        self._network, self._setting, self._draws = network, setting, draws

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._memory = ContextualMemory(self._setting, len(markets), horizon=markets.horizon)
        self._player = NetworkPlayer(self._network, self._memory, draws=rng if self._draws else None)

    def act(self, observation: Observation) -> NDArray:
        self._memory.tell(covariates_of(observation))
        offset = OFFSETS[self._player.act()] if self._draws else self._player.chances() @ OFFSETS
        return self._memory.price(offset)

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        self._memory.observe(outcome.price, outcome.units)
