"""Training batches: histories from the prior with what the heads should have answered at each position."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from policy.learning.rollouts import OwnPricing
from policy.market import LoggingPolicies, Prior, Simulator
from policy.market.logged import trajectory_of
from policy.market.trajectory import Trajectory
from policy.model.panel import PATHS
from policy.model.tokens import tokenise
from policy.model.transformer import GRID, PolicyModel

DRAWS = 3
"""Demand draws per position that the mixture must explain jointly: one at the price charged, the others at
counterfactual prices, so that each component is a whole curve and not only a point."""


@dataclass(frozen=True)
class Batch:
    """One training batch. Axes: B products, T periods, J draws, G grid prices."""

    features: Tensor
    """Tokens at positions 0 to T - 1; position t speaks for period t. Shape (B, T, F)."""
    padding: Tensor
    """True where there is nothing to learn, shape (B, T)."""
    log_units: Tensor
    """Anchor level, shape (B, T)."""
    log_multiplier: Tensor
    """Log prices of the draws over the anchor price, shape (B, T, J)."""
    units: Tensor
    """Demand drawn at those prices, not limited by stock, shape (B, T, J)."""
    best: Tensor
    """Log of the best price over the anchor price, clipped to the grid, shape (B, T)."""

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


class PretrainingBatches(Dataset[Batch]):
    """Item `step` is the batch of that step, made from the seed and the step alone: a resumed run sees
    what an uninterrupted one would have seen."""

    def __init__(
        self,
        *,
        seed: int,
        size: int,
        steps: int,
        periods: int = 112,
        prior: Prior | None = None,
        player: PolicyModel | None = None,
        rollout_share: float = 0.0,
        rank: int = 0,
    ):
        """
        Parameters
        ----------
        player
            The network that prices part of the histories in a share `rollout_share` of the batches.
        rank
            Process that the batches are for; each has its own.
        """
        self._seed, self._rank = seed, rank
        self._size, self._steps, self._periods = size, steps, periods
        self._prior = prior or Prior()
        self._player, self._rollout_share = player, rollout_share

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng([self._seed, step, self._rank])
        player = self._player
        if player is not None and rng.random() >= self._rollout_share:
            player = None
        return make_batch(rng, self._prior, self._size, self._periods, player=player)


def make_batch(
    rng: np.random.Generator,
    prior: Prior,
    size: int,
    periods: int,
    *,
    player: PolicyModel | None = None,
) -> Batch:
    """Draw markets, let their sellers price them, and note at each period the demand at other prices and
    the best price. With a `player`, that network prices a stretch of each history itself."""
    markets = prior.sample(rng, size, periods)
    simulator = Simulator(markets, rng)
    sellers = LoggingPolicies(markets, rng)
    own = None if player is None else OwnPricing(player, markets, rng)
    cost_hidden = rng.random(size) < 0.35
    grid = np.exp(np.linspace(np.log(prior.price_range[0]), np.log(prior.price_range[1]), 57))
    candidates = markets.reference_price[:, None] * grid
    observations, outcomes, draws, draw_prices, best = [], [], [], [], []
    for t in range(periods):
        simulator.set_promo(sellers.promo(t))
        observation = simulator.observation()
        price = sellers.act(observation)
        if own is not None and own.plays(t):
            price = own.act(observation)
        other = markets.reference_price[:, None] * np.exp(rng.uniform(-0.9, 0.9, (size, DRAWS - 1)))
        # Half of the counterfactual prices lie near the last one, where decisions are made. The price about
        # to be charged would not do: a seller who feels demand sets it by the very shock to be foretold.
        near = observation.last_price[:, None] * np.exp(rng.normal(0.0, 0.15, (size, DRAWS - 1)))
        other = np.where(rng.random(other.shape) < 0.5, other, near)
        log_mean = simulator.log_mean_units(np.concatenate([other, candidates], axis=1))
        cost = np.where(cost_hidden, 0.0, markets.unit_cost[:, t])[:, None]
        value = (candidates - cost) * np.exp(log_mean[:, DRAWS - 1 :])
        best.append(np.take_along_axis(candidates, value.argmax(axis=1)[:, None], axis=1)[:, 0])
        counterfactual = simulator.draw_demand(log_mean[:, : DRAWS - 1], rng)
        outcome = simulator.step(price)
        if own is not None:
            own.observe(observation, outcome)
        draws.append(np.concatenate([outcome.demand[:, None], counterfactual], axis=1))
        draw_prices.append(np.concatenate([price[:, None], other], axis=1))
        observations.append(observation)
        outcomes.append(outcome)
    history = trajectory_of(observations, outcomes)
    keep = _observed_periods(rng, size, periods)
    # Periods that were not recorded go to the front as padding; the rest close ranks at the end.
    order = np.argsort(keep, axis=1, kind="stable")
    recorded = np.take_along_axis(keep, order, axis=1)
    history = _reorder(_hide_columns(history, rng, cost_hidden), order, recorded)
    start = markets.reference_price * np.exp(rng.normal(0.0, 0.1, size))
    tokens = tokenise(history, start_price=start, hidden=_hidden_outcomes(rng, size, periods))
    anchor = tokens.log_price[:, :-1]

    def arranged(rows: list[NDArray]) -> NDArray:
        stacked = np.stack(rows, axis=1)
        index = order if stacked.ndim == 2 else order[:, :, None]
        return np.take_along_axis(stacked, index, axis=1)

    limit = float(GRID[-1])
    return Batch(
        features=torch.from_numpy(tokens.features[:, :-1].copy()),
        padding=torch.from_numpy(~recorded),
        log_units=torch.from_numpy(tokens.log_units[:, :-1].astype(np.float32)),
        log_multiplier=torch.from_numpy(
            (np.log(arranged(draw_prices)) - anchor[:, :, None]).astype(np.float32)
        ),
        units=torch.from_numpy(arranged(draws).astype(np.float32)),
        best=torch.from_numpy(np.clip(np.log(arranged(best)) - anchor, -limit, limit).astype(np.float32)),
    )


def _observed_periods(rng: np.random.Generator, size: int, periods: int) -> NDArray:
    """Which periods are on record: all for most products, two thirds for some, at least one for each."""
    share = np.where(rng.random(size) < 0.15, rng.uniform(0.3, 0.95, size), 1.0)
    keep = rng.random((size, periods)) < share[:, None]
    keep[:, -1] = True
    return keep


def _hidden_outcomes(rng: np.random.Generator, size: int, periods: int) -> NDArray:
    """Outcomes to mask: scattered ones and stretches of one to eight, in half of the products."""
    scattered = rng.random((size, periods)) < rng.uniform(0.0, 0.2, (size, 1))
    t = np.arange(periods)
    stretches = np.zeros((size, periods), dtype=bool)
    for _ in range(4):
        start, length = rng.integers(0, periods, (size, 1)), rng.integers(1, 9, (size, 1))
        stretches |= (t >= start) & (t < start + length)
    return (scattered | stretches) & (rng.random((size, 1)) < 0.5)


def _hide_columns(history: Trajectory, rng: np.random.Generator, cost_hidden: NDArray) -> Trajectory:
    """Stores do not record everything: whole columns are unknown for some products."""

    def hide(path: NDArray, rows: NDArray) -> NDArray:
        return np.where(rows[:, None], np.nan, path)

    n = len(history)
    return replace(
        history,
        cost=hide(history.cost, cost_hidden),
        competitor_price=hide(history.competitor_price, rng.random(n) < 0.25),
        promo=hide(history.promo, rng.random(n) < 0.35),
        stock=hide(history.stock, rng.random(n) < 0.3),
        views=hide(history.views, rng.random(n) < 0.6),
    )


def _reorder(history: Trajectory, order: NDArray, recorded: NDArray) -> Trajectory:
    paths = {name: np.take_along_axis(getattr(history, name), order, axis=1) for name in (*PATHS, "day")}
    blank = {name: np.where(recorded, paths[name], np.nan) for name in PATHS}
    return Trajectory(period=history.period, **(paths | blank))
