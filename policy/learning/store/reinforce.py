"""Reinforcement learning in a store's own markets: PPO on whole trials, by the adapter of the price head.

Trials go on from the store's present, in markets drawn from the adapted posterior, with some of each
product's real past as what the policy has read. Only the price head's part of the adapter is trained: it
reads what the fitted network makes of a history, and whatever it learns to charge, the forecasts stay as they
were fitted. Training the rest as well earned a little more, and cost forecasts more than the fit had gained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from policy.learning.ppo import PPOSettings, update
from policy.learning.processes import Processes
from policy.learning.store.fit import Fit
from policy.learning.store.markets import (
    StoreDemand,
    draw_markets,
    long_enough,
    open_markets,
    past_periods,
)
from policy.learning.trials import Trials, play_on
from policy.learning.values import Critic
from policy.model.adapters import parameter_groups
from policy.model.reader import HistoryReader
from policy.model.transformer import PolicyModel

PRICE_HEAD = "price_head"
"""Layer whose part of the adapter is trained."""


@dataclass(frozen=True, kw_only=True)
class ReinforceSettings:
    """The reinforcement learning of a store's adapter."""

    iterations: int = 16
    trials: int = 64
    horizons: tuple[int, int] = (12, 26)
    """Shortest and longest trial."""
    longest_past: int = 40
    """Most real periods that a trial begins with; half of the trials begin with none."""
    learning_rate: float = 2e-3
    critic_learning_rate: float = 1e-3

    @property
    def ppo(self) -> PPOSettings:
        return PPOSettings(trials=self.trials, horizons=self.horizons, epochs=2)


class Reinforce:
    """PPO on an adapter that was fitted; `state` and `load` are for checkpoints."""

    def __init__(self, fit: Fit, demand: StoreDemand, settings: ReinforceSettings, *, seed: int):
        self.fit = fit
        self._demand, self._settings, self._seed = demand, settings, seed
        torch.manual_seed(seed)
        network = fit.network
        for name, parameter in network.named_parameters():
            parameter.requires_grad_("lora_" in name and name.startswith(PRICE_HEAD))
        self._critic = Critic(network.backbone.config.hidden_size).to(network.device)
        self._optimiser = torch.optim.Adam(
            parameter_groups(
                network,
                self._critic,
                rate=settings.learning_rate,
                head_rate=settings.critic_learning_rate,
            )
        )
        self._processes = Processes.current()
        self.iteration = 0

    def iterate(self) -> float:
        """One iteration; returns the mean reward of its trials: profit over the best price's."""
        settings, network = self._settings, self.fit.network
        rng = np.random.default_rng([self._seed, 1, self.iteration])
        trials = play_store(network, self._demand, rng, settings)
        update(
            network,
            self._critic,
            self._optimiser,
            trials.to(network.device),
            settings.ppo,
            rng,
            self._processes,
        )
        self.iteration += 1
        return float(trials.rewards.mean())

    def state(self) -> dict[str, Any]:
        return {
            "critic": self._critic.state_dict(),
            "reinforce": self._optimiser.state_dict(),
            "iteration": self.iteration,
        }

    def load(self, state: dict[str, Any]) -> None:
        self._critic.load_state_dict(state["critic"])
        self._optimiser.load_state_dict(state["reinforce"])
        self.iteration = state["iteration"]


def play_store(
    network: PolicyModel, demand: StoreDemand, rng: np.random.Generator, settings: ReinforceSettings
) -> Trials:
    """Trials of the price head in markets drawn from what is believed of the store."""
    horizon = int(rng.integers(settings.horizons[0], settings.horizons[1] + 1))
    longest = min(settings.longest_past, int(demand.panel.lengths.max()))
    past = int(rng.integers(1, longest + 1)) if rng.random() < 0.5 else 0
    products = rng.choice(np.flatnonzero(long_enough(demand.panel, past)), settings.trials)
    markets = draw_markets(demand, rng, horizon=horizon, products=products)
    simulator = open_markets(demand, markets, rng, products=products)
    reader = HistoryReader(network, markets.reference_price)
    for observation, outcome in past_periods(demand.panel.take(products), past):
        reader.observe(observation, outcome)
    return play_on(reader, simulator, rng, horizon=horizon)


def head_reward(
    network: PolicyModel, demand: StoreDemand, settings: ReinforceSettings, *, seed: int
) -> NDArray[np.float64]:
    """Mean reward of the price head in each of as many markets as two iterations have, the same for any
    network, shape (N,)."""
    rng = np.random.default_rng([seed, 2])
    played = [play_store(network, demand, rng, settings).rewards.mean(dim=1) for _ in range(2)]
    return torch.cat(played).double().numpy()
