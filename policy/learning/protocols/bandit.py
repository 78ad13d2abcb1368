"""The five-armed bandit of `policy.market.bandit` as a task to learn.

An action says how hopeful to be: action k pulls the arm with the highest index

    m + HOPE[k] * s * sqrt(log max(1, L s^2 / noise^2)),

m and s the posterior mean and standard deviation, L the rounds left: the form of Lai (1987, Annals of
Statistics 15(3)), under which nothing is looked at that cannot pay in the rounds left. The textbook's rule
has one number for all rounds; the network sets it anew before each. (Were actions arms, an arm that seems
worse would be looked at by a fresh draw every round, as in Thompson sampling; hope keeps to it until it is
clear.)

Arms are independent under one prior, so an arm's number says nothing: tokens have the arms in the order of
their posterior means. Posteriors are those of the baselines, normal with the moments of the uniform prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from policy.learning.protocols.play import ACTIONS
from policy.market.bandit import ARMS, NOISE_SD, PRIOR_MEAN, PRIOR_VARIANCE, ROUNDS, Bandits

HOPE = np.linspace(0.8, 1.4, 7)
"""One for each action that there is. Even the least is enough to look at every arm that could be the best, so
that no network settles for good on an arm that only looked best early."""

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
        """Numbers of the arms that these actions pull, shapes (B,)."""
        place = np.take_along_axis(self.places(), action[:, None], axis=1)
        return np.take_along_axis(self.order, place, axis=1)[:, 0]

    def places(self) -> NDArray[np.int64]:
        """Place in the order of the arm that each action pulls, shape (B, 7)."""
        mean, _ = self.posterior()
        return (mean[:, None] + HOPE[:, None] * self._width()[:, None]).argmax(axis=2)

    def _width(self) -> NDArray[np.float64]:
        """What a hope of 1 adds to the posterior mean of each arm in this order, shape (B, 5)."""
        _, sd = self.posterior()
        left = max(self._rounds - self._gone, 1)
        return sd * np.sqrt(np.log(np.maximum(left * sd**2 / NOISE_SD**2, 1.0)))

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
        # Hope at which the arm passes the leader; 2 stands for more, and for never.
        width = self._width()
        wider = width - width[:, :1]
        needed = np.minimum(gap / np.where(wider > 0, wider, 1e-9), 2.0)
        per_arm = [
            4 * gap,
            4 * sd,
            np.log1p(count) / 2,
            2 * needed,
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
        """Of the actions that would pull the same arm, the least hopeful: most rounds leave no choice."""
        places = self.places()
        other = places[:, 1:] != places[:, :-1]
        return np.pad(other, ((0, 0), (1, ACTIONS - len(HOPE))), constant_values=((0, 0), (1, 0)))


class BanditArena:
    """B bandits in play, with their means."""

    def __init__(self, bandits: Bandits):
        self.horizon = bandits.horizon
        self._left = bandits.horizon
        self.memory = BanditMemory(len(bandits), rounds=bandits.horizon)
        self._bandits = bandits

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
        return _padded(np.take_along_axis(worth, self.memory.places(), axis=1))

    def target(self) -> NDArray[np.float64]:
        """The action that pulls the best arm; where none does, even over those allowed."""
        means = np.take_along_axis(self._bandits.means, self.memory.order, axis=1)
        allowed = self.memory.allowed()
        right = allowed & _padded(self.memory.places() == means.argmax(axis=1)[:, None]).astype(np.bool_)
        right = np.where(right.any(axis=1, keepdims=True), right, allowed)
        return right / right.sum(axis=1, keepdims=True)

    def step(self, action: NDArray[np.int64]) -> None:
        arm = self.memory.arm(action)
        outcome, _ = self._bandits.step(arm.astype(np.float64))
        self.memory.learn(arm, outcome.units)
        self._left -= 1


def _padded(values: NDArray) -> NDArray[np.float64]:
    """Values of the actions that there are, shape (B, 7), and 0 for the others of the price head."""
    return np.pad(values, ((0, 0), (0, ACTIONS - len(HOPE))))


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
