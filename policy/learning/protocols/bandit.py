"""The five-armed bandit of `policy.market.bandit` as a task to learn.

Arms are independent under one prior, so an arm's number says nothing. Before every round the arms are put in
the order of their posterior means, and action k is the arm that looks k-th best: what holds for one numbering
of the arms then holds for all of them. Posteriors are those of the baselines, normal with the moments of the
uniform prior; the network is free to make something else of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from policy.learning.protocols.play import ACTIONS
from policy.market.bandit import ARMS, NOISE_SD, PRIOR_MEAN, PRIOR_VARIANCE, ROUNDS, Bandits

FEATURES = 7 * ARMS + 4
"""Width of a token: seven numbers of each arm, four of the bandit."""


def knowledge_gain(mean: NDArray, sd: NDArray) -> NDArray[np.float64]:
    """Expected rise of the highest posterior mean by one more pull of each arm, shapes (B, K).

    The knowledge gradient of Frazier, Powell and Dayanik (2008, SIAM Journal on Control and Optimization
    47(5)): a pull moves the arm's posterior mean by s Z, Z standard normal, s = sd^2 / sqrt(sd^2 + noise^2);
    with c the best of the other arms the rise is s (z N(z) + n(z)) at z = -|mean - c| / s.
    """
    best_two = np.sort(mean, axis=1)[:, -2:]
    other = np.where(mean == best_two[:, 1:], best_two[:, :1], best_two[:, 1:])
    move = sd**2 / np.sqrt(sd**2 + NOISE_SD**2)
    z = -np.abs(mean - other) / move
    return move * (z * ndtr(z) + np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))


class BanditMemory:
    """What was pulled and earned in B bandits of T rounds, and nothing else."""

    def __init__(self, bandits: int, *, rounds: int = ROUNDS):
        self._rounds, self._gone = rounds, 0
        self._count, self._total = np.zeros((bandits, ARMS)), np.zeros((bandits, ARMS))
        self._surprise = np.zeros(bandits)
        self._look_back()

    def arm(self, action: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the arms that stand at these places of the order, shapes (B,)."""
        return np.take_along_axis(self.order, action[:, None], axis=1)[:, 0]

    def learn(self, arm: NDArray[np.int64], reward: NDArray) -> None:
        """Take in what each bandit's arm number (B,) earned (B,)."""
        rows = np.arange(len(arm))
        expected = self._mean[rows, arm]
        spread = np.sqrt(self._sd[rows, arm] ** 2 + NOISE_SD**2)
        self._surprise = (reward - expected) / spread
        self._count[rows, arm] += 1
        self._total[rows, arm] += reward
        self._gone += 1
        self._look_back()

    def _look_back(self) -> None:
        precision = 1 / PRIOR_VARIANCE + self._count / NOISE_SD**2
        self._mean = (PRIOR_MEAN / PRIOR_VARIANCE + self._total / NOISE_SD**2) / precision
        self._sd = 1 / np.sqrt(precision)
        self.order = np.argsort(-self._mean, axis=1, kind="stable")
        """Arm numbers by falling posterior mean, shape (B, 5)."""

    def posterior(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Posterior means and standard deviations in this order, shape (B, 5) each."""
        mean, sd = (np.take_along_axis(x, self.order, axis=1) for x in (self._mean, self._sd))
        return mean, sd

    def tokens(self) -> NDArray[np.float32]:
        mean, sd = self.posterior()
        count = np.take_along_axis(self._count, self.order, axis=1)
        left = max(self._rounds - self._gone, 1)
        gap = mean[:, :1] - mean  # to the arm that looks best, (B, 5)
        both = np.sqrt(sd**2 + sd[:, :1] ** 2)
        z = gap / both
        # Expected improvement of an arm on the leader, were both known, and what a single pull may bring.
        gain = both * (np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) - z * ndtr(-z))
        once = knowledge_gain(mean, sd)
        bound = mean + 2 * sd
        per_arm = [
            4 * gap,
            4 * sd,
            np.log1p(count) / 2,
            6 * (bound - bound.max(axis=1, keepdims=True)),
            np.minimum(z, 6.0),
            np.log(gain * left + 1e-3) / 2,
            np.log(once * left + 1e-3) / 2,
        ]
        own = [
            mean[:, 0],
            self._surprise,
            np.full(len(mean), np.log1p(self._gone) / 2),
            np.full(len(mean), np.log1p(left) / 2),
        ]
        return np.concatenate([*per_arm, np.stack(own, axis=1)], axis=1, dtype=np.float32)

    def allowed(self) -> NDArray[np.bool_]:
        return np.tile(np.arange(ACTIONS) < ARMS, (len(self._count), 1))


class BanditArena:
    """B bandits in play, with their means."""

    def __init__(self, bandits: Bandits):
        self.horizon = bandits.horizon
        self._left = bandits.horizon
        self.memory = BanditMemory(len(bandits), rounds=bandits.horizon)
        self._bandits = bandits

    def _means(self) -> NDArray[np.float64]:
        """Means in the memory's order, shape (B, 5)."""
        return np.take_along_axis(self._bandits.means, self.memory.order, axis=1)

    def worth(self) -> NDArray[np.float64]:
        """What a pull costs and teaches, with m the posterior means, M the highest of them:

            m_a - M + (rounds left after this one) * E[rise of M by a pull of a].

        Over a trial the M's telescope, and the sum is that of the means pulled less T times the first M, in
        expectation: the bandit's own objective, with the luck of rewards and of the bandit drawn taken out
        of each round. With true means a policy learns of the rare bandit where it stops looking too early
        only when it meets one.
        """
        mean, sd = self.memory.posterior()
        worth = mean - mean[:, :1] + (self._left - 1) * knowledge_gain(mean, sd)
        return np.pad(worth, ((0, 0), (0, ACTIONS - ARMS)))

    def target(self) -> NDArray[np.float64]:
        return np.eye(ACTIONS)[self._means().argmax(axis=1)]

    def step(self, action: NDArray[np.int64]) -> None:
        arm = self.memory.arm(action)
        outcome, _ = self._bandits.step(arm.astype(np.float64))
        self.memory.learn(arm, outcome.units)
        self._left -= 1


@dataclass(frozen=True)
class BanditTask:
    """Bandits from the prior, arm means uniform on [0, 1]."""

    rounds: int = ROUNDS
    name: str = "bandit"
    features: int = FEATURES

    @property
    def longest(self) -> int:
        return self.rounds

    def begin(self, markets: int, rng: np.random.Generator) -> BanditArena:
        return BanditArena(Bandits(markets, rng, rounds=self.rounds))
