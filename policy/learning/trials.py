"""Whole trials of the policy in simulated markets: what reinforcement learning learns from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policy.market import LoggingPolicies, Prior, Simulator
from policy.model.reader import HistoryReader
from policy.model.transformer import GRID, PolicyModel

TRIAL_PRIOR = replace(Prior(), stock_chance=0.0)
"""Trials are without stock limits: inventory is a problem of its own."""

_GRID = GRID.double().numpy()


@dataclass(frozen=True)
class Trials:
    """B trials of T periods played by one policy, after a logged history of L periods.

    In markets rewards are expected profits over the best expected profit of the period, clipped to [-1, 1]
    (published protocols have units of their own, `policy.learning.protocols.play.Arena.worth`): free of
    currency, of the level of units and of the luck of a single period; what a price does to later demand
    (memory, stockpiling) earns no credit. The simulator knows both; a merchant
    does not, so they serve in training only.
    """

    features: Tensor
    """Tokens, shape (B, L + T, F)."""
    logged: int
    actions: Tensor
    """Index of the grid price charged, shape (B, T)."""
    allowed: Tensor
    """Which grid prices were allowed, shape (B, T, G)."""
    log_chance: Tensor
    """Log probability of the action under the policy that played, shape (B, T)."""
    rewards: Tensor
    """Shape (B, T)."""
    expected_rewards: Tensor
    """Mean reward over the policy's own choice in the same state, shape (B, T): what the immediate part of
    an action's advantage is measured against."""

    def to(self, device: torch.device) -> Trials:
        """The trials on a device."""
        moved: dict[str, Any] = {
            k: v.to(device) if isinstance(v, Tensor) else v for k, v in vars(self).items()
        }
        return Trials(**moved)


def masked_log_softmax(logits: Tensor, allowed: Tensor) -> Tensor:
    """Log probabilities over the allowed prices; others get -inf. Shapes (..., G)."""
    return logits.masked_fill(~allowed, -torch.inf).log_softmax(dim=-1)


def entropy_of(log_chances: Tensor, allowed: Tensor) -> Tensor:
    """Mean entropy of the choice among allowed prices, shapes (..., G) to a scalar."""
    return -(log_chances.exp() * log_chances.masked_fill(~allowed, 0.0)).sum(dim=-1).mean()


def draw(chance: NDArray, rng: np.random.Generator) -> NDArray[np.int64]:
    """One index a row by probabilities (B, K), shape (B,)."""
    point = rng.random((len(chance), 1)) * chance.sum(axis=1, keepdims=True)
    # The last action with any chance, where rounding leaves the point beyond the sum.
    last = chance.shape[1] - 1 - (chance[:, ::-1] > 0).argmax(axis=1)
    return np.minimum((chance.cumsum(axis=1) <= point).sum(axis=1), last)


def allowed_prices(log_price: NDArray, low: NDArray, high: NDArray) -> NDArray:
    """Which grid prices lie in [low, high], or the nearest one where none does, shape (B, G).

    Parameters
    ----------
    log_price
        Log of the anchor price the grid is relative to, shape (B,).
    low, high
        Allowed range in currency, shape (B,).
    """
    prices = log_price[:, None] + _GRID
    inside = (prices >= np.log(low)[:, None] - 1e-9) & (prices <= np.log(high)[:, None] + 1e-9)
    middle = (np.log(low) + np.log(high)) / 2
    nearest = np.abs(prices - middle[:, None]).argmin(axis=1)
    inside[np.arange(len(inside)), nearest] |= ~inside.any(axis=1)
    return inside


def play_trials(
    model: PolicyModel,
    rng: np.random.Generator,
    *,
    markets: int,
    logged: int,
    horizon: int,
    prior: Prior,
    choose: Callable[[Tensor, Tensor], Tensor] = masked_log_softmax,
) -> Trials:
    """Let the policy's price head play.

    Parameters
    ----------
    rng
        Draws the markets, their luck, the logged sellers and the actions.
    logged
        Periods of the sellers' own pricing before the trial, L.
    horizon
        Periods that the policy prices, T.
    choose
        Log chances of the prices from logits and mask, shapes (B, G): the price head's own by default.
    """
    drawn = prior.sample(rng, markets, logged + horizon)
    simulator = Simulator(drawn, rng)
    sellers = LoggingPolicies(drawn, rng)
    reader = HistoryReader(model, drawn.reference_price)
    for t in range(logged):
        simulator.set_promo(sellers.promo(t))
        observation = simulator.observation()
        price = np.clip(sellers.act(observation), drawn.price_low, drawn.price_high)
        reader.observe(observation, simulator.step(price))
    return play_on(reader, simulator, rng, horizon=horizon, choose=choose)


def play_on(
    reader: HistoryReader,
    simulator: Simulator,
    rng: np.random.Generator,
    *,
    horizon: int,
    choose: Callable[[Tensor, Tensor], Tensor] = masked_log_softmax,
) -> Trials:
    """Let the price head play `horizon` periods after the history that the reader has seen; arguments as of
    `play_trials`."""
    drawn, logged = simulator.markets, len(reader.observations)
    rows = np.arange(len(drawn))
    actions, masks, chances, rewards, means = [], [], [], [], []
    for _ in range(horizon):
        observation = simulator.observation()
        reading = reader.read(observation)
        allowed = allowed_prices(reading.log_price, observation.price_low, observation.price_high)
        mask = torch.from_numpy(allowed)
        log_chance = choose(reading.price_logits.float(), mask)
        chance = log_chance.exp().double().numpy()
        action = draw(chance, rng)
        candidates = np.clip(
            np.exp(reading.log_price[:, None] + _GRID),
            drawn.price_low[:, None],
            drawn.price_high[:, None],
        )
        profit = simulator.expected_profit(candidates)
        best = np.maximum(np.where(allowed, profit, -np.inf).max(axis=1, keepdims=True), 1e-9)
        reward = np.clip(profit / best, -1.0, 1.0)
        actions.append(action)
        masks.append(allowed)
        chances.append(log_chance[torch.from_numpy(rows), torch.from_numpy(action)])
        rewards.append(reward[rows, action])
        means.append((chance * reward).sum(axis=1))
        reader.observe(observation, simulator.step(candidates[rows, action]))
    # The last token speaks for the period after the trial: it is not needed.
    final = reader.tokens(reader.observations[-1])
    return Trials(
        features=torch.from_numpy(final.features[:, : logged + horizon].copy()),
        logged=logged,
        actions=torch.from_numpy(np.stack(actions, axis=1)),
        allowed=torch.from_numpy(np.stack(masks, axis=1)),
        log_chance=torch.stack(chances, dim=1),
        rewards=torch.from_numpy(np.stack(rewards, axis=1)).float(),
        expected_rewards=torch.from_numpy(np.stack(means, axis=1)).float(),
    )


def trial_lengths(
    rng: np.random.Generator, *, horizons: tuple[int, int], longest_log: int
) -> tuple[int, int]:
    """Logged periods before a trial and periods of the trial: half of the trials are cold starts, and none
    ends on a day that the policy could count on."""
    logged = int(rng.integers(1, longest_log + 1)) if rng.random() < 0.5 else 0
    return logged, int(rng.integers(horizons[0], horizons[1] + 1))
