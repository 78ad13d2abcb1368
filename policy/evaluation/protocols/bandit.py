"""Policies for the five-armed bandit of `policy.market.bandit`, and the harness that plays them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from policy.decision.interface import PricingPolicy
from policy.evaluation.protocols.regret import play_all
from policy.market.bandit import NOISE_SD, PRIOR_MEAN, PRIOR_VARIANCE, ROUNDS, Bandits
from policy.market.setting import Setting
from policy.market.simulator import Observation, Outcome

SEED = 20_052
"""Seed of the suite."""


class ArmPolicy:
    """Counts and mean rewards of each arm; subclasses give each arm an index, and the highest is pulled."""

    try_all = True
    """Whether each arm is pulled once before indices count."""

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._rng = rng
        shape = (len(markets), int(markets.price_high[0]) + 1)
        self._count, self._total = np.zeros(shape), np.zeros(shape)

    def act(self, observation: Observation) -> NDArray:
        index = self._index()
        if self.try_all:
            index = np.where(self._count > 0, index, np.inf)
        return index.argmax(axis=1).astype(np.float64)

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        rows, arm = np.arange(len(self._count)), outcome.price.astype(np.int64)
        self._count[rows, arm] += 1
        self._total[rows, arm] += outcome.units

    def _index(self) -> NDArray:
        """Shape (B, K)."""
        raise NotImplementedError

    def _posterior(self) -> tuple[NDArray, NDArray]:
        """Mean and variance of each arm's mean under the normal prior with the uniform's moments, (B, K)."""
        precision = 1 / PRIOR_VARIANCE + self._count / NOISE_SD**2
        return (PRIOR_MEAN / PRIOR_VARIANCE + self._total / NOISE_SD**2) / precision, 1 / precision


class EmpiricalGreedy(ArmPolicy):
    """The arm with the highest mean reward so far."""

    def _index(self) -> NDArray:
        return self._total / np.maximum(self._count, 1)


class UCB(ArmPolicy):
    """Mean reward + width / sqrt(n), the published form; width 1 there, 0.5 tuned."""

    def __init__(self, width: float = 1.0):
        self._width = width

    def _index(self) -> NDArray:
        count = np.maximum(self._count, 1)
        return self._total / count + self._width / np.sqrt(count)


class Thompson(ArmPolicy):
    """A draw from each arm's posterior."""

    try_all = False

    def _index(self) -> NDArray:
        mean, variance = self._posterior()
        return self._rng.normal(mean, np.sqrt(variance))


class PublishedThompson(ArmPolicy):
    """Thompson sampling as in the published code, whose posterior mean weighs the prior by
    v / (v + n s^2) (v prior variance, s^2 noise variance) where Bayes' rule has s^2 / (s^2 + n v)."""

    try_all = False

    def _index(self) -> NDArray:
        _, variance = self._posterior()
        weight = PRIOR_VARIANCE / (PRIOR_VARIANCE + self._count * NOISE_SD**2)
        mean = weight * PRIOR_MEAN + (1 - weight) * self._total / np.maximum(self._count, 1)
        return self._rng.normal(mean, np.sqrt(variance))


class PosteriorUCB(ArmPolicy):
    """Posterior mean + `deviations` posterior standard deviations."""

    try_all = False

    def __init__(self, deviations: float = 2.0):
        self._deviations = deviations

    def _index(self) -> NDArray:
        mean, variance = self._posterior()
        return mean + self._deviations * np.sqrt(variance)


BASELINES: dict[str, Callable[[], PricingPolicy]] = {
    "empirical greedy": EmpiricalGreedy,
    "UCB": UCB,
    "Thompson sampling": Thompson,
    "Thompson sampling as published": PublishedThompson,
    "UCB(.5)": lambda: UCB(0.5),
    "Bayes-UCB(2 sigma)": PosteriorUCB,
}


def run(
    policies: Mapping[str, Callable[[], PricingPolicy]],
    *,
    markets: int,
    seed: int,
    rounds: int = ROUNDS,
) -> dict[str, NDArray]:
    """Play every policy on the same bandits with the same luck.

    Returns
    -------
    Regret in means of each policy in each bandit and round, shape (B, T).
    """
    played = play_all(partial(Bandits, rounds=rounds), policies, markets=markets, seed=seed)
    return {name: found.regret for name, found in played}
