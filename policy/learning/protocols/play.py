"""Playing a protocol: what its markets, its memory and the network owe each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from policy.learning.trials import Trials, draw, masked_log_softmax
from policy.model.transformer import GRID, PolicyModel

ACTIONS = len(GRID)
"""Width of the price head. A protocol says what its actions mean; those it has no use for are not allowed."""


class Memory(Protocol):
    """What a seller remembers of B markets, and so all that the network may know of them."""

    def tokens(self) -> NDArray[np.float32]:
        """Token before the coming period, shape (B, F). What is known of that period is told beforehand."""

    def allowed(self) -> NDArray[np.bool_]:
        """Which actions there are in the coming period, shape (B, ACTIONS)."""


class Arena(Protocol):
    """B markets in play, as training sees them: with the truth."""

    @property
    def horizon(self) -> int:
        """Number of periods T."""

    @property
    def memory(self) -> Memory: ...

    def worth(self) -> NDArray[np.float64]:
        """What each action in the coming period is worth to the trial, in a unit of the protocol's own: its
        expected reward less that of the best where nothing else hangs on it; where it changes what is left to
        sell or, on the bandit, what is known, that counts too. Over a trial the sum differs from minus the
        regret by nothing that depends on the actions. Shape (B, ACTIONS); anything where not allowed."""

    def target(self) -> NDArray[np.float64]:
        """Distribution over actions that stands for the best one, rows sum to 1, shape (B, ACTIONS)."""

    def step(self, action: NDArray[np.int64]) -> None:
        """Play actions (B,), tell the memory what came of it, and move on."""


class Task(Protocol):
    """A protocol to learn."""

    @property
    def name(self) -> str: ...

    @property
    def features(self) -> int:
        """Width F of a token."""

    @property
    def longest(self) -> int:
        """Most periods of a trial."""

    def begin(self, markets: int, rng: np.random.Generator) -> Arena:
        """Draw markets from the protocol's prior, and the length of the trial where it varies."""


@dataclass(frozen=True)
class Played:
    """Trials, and what decision pretraining would have had the policy do in them."""

    trials: Trials
    targets: Tensor
    """Shape (B, T, ACTIONS)."""


class TokenReader:
    """Reads tokens one by one, keeping the decoder's keys and values."""

    def __init__(self, network: PolicyModel):
        self._network = network
        self._cache = DynamicCache(config=network.backbone.config)

    @torch.inference_mode()
    def logits(self, tokens: NDArray[np.float32]) -> Tensor:
        """Price logits (B, ACTIONS) after one more token (B, F)."""
        hidden = self._network.hidden_states(
            torch.from_numpy(tokens[:, None]).to(self._network.device), cache=self._cache
        )
        return self._network.answer(hidden).price_logits[:, 0].cpu()


def play(network: PolicyModel, arena: Arena, rng: np.random.Generator, *, explore: float = 0.0) -> Played:
    """Let the price head play all periods.

    Parameters
    ----------
    explore
        In half of the markets, this share of the actions is drawn evenly from those allowed.
    """
    reader = TokenReader(network)
    features, actions, masks, chances, rewards, means, targets = ([] for _ in range(7))
    for _ in range(arena.horizon):
        tokens, allowed, worth = arena.memory.tokens(), arena.memory.allowed(), arena.worth()
        mask = torch.from_numpy(allowed)
        log_chance = masked_log_softmax(reader.logits(tokens), mask)
        chance = log_chance.exp().double().numpy()
        if explore:
            even = allowed / allowed.sum(axis=1, keepdims=True)
            share = explore * (np.arange(len(tokens)) % 2 == 0)[:, None]
            chance = (1 - share) * chance + share * even
        action = draw(chance, rng)
        rows = np.arange(len(action))
        features.append(tokens)
        actions.append(action)
        masks.append(allowed)
        chances.append(log_chance[torch.arange(len(action)), torch.from_numpy(action)])
        rewards.append(worth[rows, action])
        means.append(np.where(allowed, chance * worth, 0.0).sum(axis=1))
        targets.append(arena.target())
        arena.step(action)
    trials = Trials(
        features=torch.from_numpy(np.stack(features, axis=1)),
        logged=0,
        actions=torch.from_numpy(np.stack(actions, axis=1)),
        allowed=torch.from_numpy(np.stack(masks, axis=1)),
        log_chance=torch.stack(chances, dim=1),
        rewards=torch.from_numpy(np.stack(rewards, axis=1)).float(),
        expected_rewards=torch.from_numpy(np.stack(means, axis=1)).float(),
    )
    return Played(trials, torch.from_numpy(np.stack(targets, axis=1)).float())
