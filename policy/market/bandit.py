"""The five-armed Gaussian bandit of the Decision-Pretrained Transformer (Lee et al. 2023, arXiv 2306.14892).

Arm means are uniform on [0, 1], rewards have standard deviation 0.3, and 500 rounds are played. An arm's
number stands for a price, so that what plays our markets plays the bandit: `act` returns arm numbers.
Regret is measured in means.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy.market.setting import bare_observation
from policy.market.simulator import Observation, Outcome

ARMS, ROUNDS, NOISE_SD = 5, 500, 0.3
PRIOR_MEAN, PRIOR_VARIANCE = 0.5, 1 / 12
"""Moments of the uniform distribution of arm means."""


class Bandits:
    """B bandits played together. Rewards of every arm and round are drawn before play, so every policy that
    plays the same seed meets the same luck."""

    def __init__(self, n: int, rng: np.random.Generator, *, rounds: int = ROUNDS):
        self.means = rng.uniform(0.0, 1.0, (n, ARMS))
        # One noise a round for all arms: only one arm's reward is ever seen, so its law is that of K noises.
        self.noise = rng.normal(0.0, NOISE_SD, (n, rounds))
        self.horizon = rounds
        self.reference_price = np.ones(n)
        self.price_low, self.price_high = np.zeros(n), np.full(n, ARMS - 1.0)
        self.t = 0
        self._last = np.zeros(n)

    def __len__(self) -> int:
        return len(self.means)

    def expected_best(self) -> NDArray:
        """Mean of the best arm, shape (B,)."""
        return self.means.max(axis=1)

    def observation(self) -> Observation:
        """What is known before a round: nothing but its number and the arm pulled last."""
        return bare_observation(self.t, last_price=self._last, setting=self)

    def step(self, prices: NDArray) -> tuple[Outcome, NDArray]:
        """Pull arms `prices` (B,), whole numbers from 0 to 4, and move on.

        Returns
        -------
        The outcome, whose units and profit are the reward, and the regret in means, shape (B,).
        """
        if prices.shape != (len(self),) or not np.isin(prices, np.arange(ARMS)).all():
            raise ValueError(f"`prices` must be {len(self)} arm numbers from 0 to {ARMS - 1}.")
        mean = self.means[np.arange(len(self)), prices.astype(np.int64)]
        reward = mean + self.noise[:, self.t]
        unknown = np.full(len(self), np.nan)
        outcome = Outcome(prices, reward, reward, unknown, reward, mean)
        self._last = prices
        self.t += 1
        return outcome, self.expected_best() - mean
