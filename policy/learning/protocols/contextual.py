"""Contextual pricing as a task: tokens from running Bayesian regressions, prices about the estimated best.

Mean demand is linear in a vector of coefficients, in a square market in their products, so the normal
posterior given the population's moments is a few running sums. It is what the network is told; what it
learns is what that posterior lacks: coefficients are uniform and not normal, and a price teaches.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from policy.learning.protocols.play import ACTIONS
from policy.market.contextual import (
    INTERCEPT,
    NOISE_SD,
    PRICE_RANGE,
    REWARD_FLOOR,
    SLOPE,
    ContextualMarkets,
    ContextualSetting,
)

OFFSETS = 1.4 * np.sinh((np.arange(ACTIONS) - ACTIONS // 2) / 4) / np.sinh(ACTIONS // 2 / 4)
"""Log price over the estimated best price that each action stands for, shape (ACTIONS,): steps of 2 % in the
middle, where prices end up, and of a quarter at the ends, from which they may have to come."""

LOWEST_PRICE = 0.05
"""Prices below are of no use in any market of the prior, and their logarithms are far."""

OWN_FEATURES = 18
"""Features beside the covariates."""


class Regression:
    """Posterior of B markets' coefficients within one family, normal with the population's moments.

    Demand is phi . z + noise, z = (r, r p), where the regressors r are the covariates x (d of them) or, in
    the square family, their products x_i x_j (i <= j, twice where i < j).
    """

    def __init__(self, setting: ContextualSetting, markets: int, *, square: bool):
        self._pairs = np.triu_indices(setting.dimension)
        self._square = square
        mean, covariance, self._least, self._most = _population(setting.dimension, square)
        precision = np.linalg.inv(covariance)
        self._precision = np.tile(precision, (markets, 1, 1))
        self._moment = np.tile(precision @ mean, (markets, 1))
        self._update()
        self.log_evidence = np.zeros(markets)

    def line(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Mean and covariance of (intercept, slope) at covariates x (B, d): shapes (B, 2) and (B, 2, 2).

        The mean is clipped to what the population can hold.
        """
        r = self._regressors(x)
        basis = np.zeros((*r.shape[:1], 2, 2 * r.shape[1]))
        basis[:, 0, : r.shape[1]], basis[:, 1, r.shape[1] :] = r, r
        mean = np.einsum("bik,bk->bi", basis, self._mean)
        least, most = (np.einsum("bik,k->bi", basis, limit) for limit in (self._least, self._most))
        covariance = np.einsum("bik,bkl,bjl->bij", basis, self._covariance, basis)
        return np.clip(mean, least, most), covariance

    def observe(self, x: NDArray, price: NDArray, units: NDArray) -> NDArray:
        """Take in a period, shapes (B, d), (B,), (B,); returns the surprise in predictive standard
        deviations, shape (B,)."""
        r = self._regressors(x)
        z = np.concatenate([r, r * price[:, None]], axis=1)
        variance = NOISE_SD**2 + np.einsum("bi,bij,bj->b", z, self._covariance, z)
        surprise = (units - (z * self._mean).sum(axis=1)) / np.sqrt(variance)
        self.log_evidence += -0.5 * (surprise**2 + np.log(variance))
        self._precision += z[:, :, None] * z[:, None, :] / NOISE_SD**2
        self._moment += z * units[:, None] / NOISE_SD**2
        self._update()
        return surprise

    def _update(self) -> None:
        self._covariance = np.linalg.inv(self._precision)
        self._mean = np.einsum("bij,bj->bi", self._covariance, self._moment)

    def _regressors(self, x: NDArray) -> NDArray:
        if not self._square:
            return x
        i, j = self._pairs
        return x[:, i] * x[:, j] * np.where(i == j, 1.0, 2.0)


@cache
def _population(dimension: int, square: bool) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Mean (K,), covariance (K, K), least and most (K,) of a family's coefficients over the protocol's
    markets, from a fixed sample of 200,000."""
    rng, root = np.random.default_rng(0), np.sqrt(dimension)
    alpha = rng.uniform(*INTERCEPT, (200_000, dimension)) / root
    beta = rng.uniform(*SLOPE, (200_000, dimension)) / root
    if square:
        i, j = np.triu_indices(dimension)
        alpha, beta = alpha[:, i] * alpha[:, j], -beta[:, i] * beta[:, j]
    phi = np.concatenate([alpha, beta], axis=1)
    return phi.mean(axis=0), np.cov(phi.T).reshape(phi.shape[1], -1), phi.min(axis=0), phi.max(axis=0)


class ContextualMemory:
    """What a seller knows of B markets of one setting: running regressions, the covariates told for the
    coming period, and how far past prices were spread."""

    def __init__(self, setting: ContextualSetting, markets: int, *, horizon: int):
        self._horizon, self._t = horizon, 0
        self._families = []
        shares = {False: 1 - setting.square_share, True: setting.square_share}
        self._may_be_square = setting.square_share > 0
        self._log_prior = np.log([share for share in shares.values() if share > 0])
        for square, share in shares.items():
            if share > 0:
                self._families.append(Regression(setting, markets, square=square))
        self._x = np.ones((markets, setting.dimension))
        self._scale = 5.0 / np.sqrt(setting.dimension)
        zero = np.zeros(markets)
        self._surprise, self._offset = zero, zero
        self._sum, self._squares = zero.copy(), zero.copy()  # of log prices
        self._token: NDArray[np.float32] | None = None

    def tell(self, covariates: NDArray) -> None:
        """The covariates of the coming period, shape (B, d)."""
        self._x = covariates
        chance = self._family_chances()
        lines = [family.line(covariates) for family in self._families]
        a, b = np.einsum("fb,fbi->ib", chance, np.stack([mean for mean, _ in lines]))
        self._best = np.clip(-a / (2 * b), LOWEST_PRICE, PRICE_RANGE[1])
        within = np.einsum("fb,fbij->bij", chance, np.stack([covariance for _, covariance in lines]))
        own = [np.log(np.clip(-m[:, 0] / (2 * m[:, 1]), LOWEST_PRICE, PRICE_RANGE[1])) for m, _ in lines]
        self._token = self._features(a, b, within, chance[-1] if self._may_be_square else 0.0 * a, own)

    def tokens(self) -> NDArray[np.float32]:
        """Token before the coming period, whose covariates have been told, shape (B, F)."""
        assert self._token is not None, "`tell` comes before `tokens`"
        return self._token

    def allowed(self) -> NDArray[np.bool_]:
        """Actions whose price may be charged, shape (B, ACTIONS); that of no offset always."""
        price = self._best[:, None] * np.exp(OFFSETS)
        inside = (price >= LOWEST_PRICE) & (price <= PRICE_RANGE[1])
        inside[:, ACTIONS // 2] = True
        return inside

    def price(self, offset: NDArray) -> NDArray:
        """Prices at log offsets (B,) or (B, P) from the estimated best, in the same shape."""
        best = self._best if offset.ndim == 1 else self._best[:, None]
        return np.clip(best * np.exp(offset), LOWEST_PRICE, PRICE_RANGE[1])

    def observe(self, price: NDArray, units: NDArray) -> None:
        """Take in the period that was told, shapes (B,)."""
        chance = self._family_chances()
        surprises = [family.observe(self._x, price, units) for family in self._families]
        self._surprise = (chance * np.stack(surprises)).sum(axis=0)
        self._offset = np.log(price / self._best)
        self._sum += np.log(price)
        self._squares += np.log(price) ** 2
        self._t += 1
        self._token = None

    def _family_chances(self) -> NDArray:
        """Posterior probability of each family, shape (families, B)."""
        log = self._log_prior[:, None] + np.stack([family.log_evidence for family in self._families])
        chance = np.exp(log - log.max(axis=0))
        return np.asarray(chance / chance.sum(axis=0))

    def _features(
        self, a: NDArray, b: NDArray, covariance: NDArray, square: NDArray, own: list[NDArray]
    ) -> NDArray[np.float32]:
        """The token, from intercept and slope (B,), their covariance (B, 2, 2), the chance that the market is
        square (B,) and each family's own best log price (B,)."""
        log_best = np.log(self._best)
        sd_a, sd_b = np.sqrt(covariance[:, 0, 0]) / a, np.sqrt(covariance[:, 1, 1]) / -b
        # Of log(-a / 2b), by the delta method.
        cross = covariance[:, 0, 1] / (a * b)
        sd_best = np.sqrt(np.maximum(sd_a**2 + sd_b**2 - 2 * cross, 0.0))
        mean = self._sum / max(self._t, 1)
        spread = np.sqrt(np.maximum(self._squares / max(self._t, 1) - mean**2, 0.0))
        one = np.ones_like(a)
        columns = [
            one * np.log1p(self._t) / 5,
            one * np.log1p(self._horizon - self._t) / 5,
            log_best / 2,
            np.log(PRICE_RANGE[1]) / 2 - log_best / 2,
            np.log(a) / 3,
            np.log(-b) / 3,
            np.log(sd_a + 1e-3) / 3,
            np.log(sd_b + 1e-3) / 3,
            cross / (sd_a * sd_b + 1e-9),
            np.log(sd_best + 1e-3) / 3,
            sd_best,
            square,
            4 * square * (1 - square),
            np.clip(own[-1] - own[0], -2, 2),
            np.clip(self._surprise, -4, 4) / 2,
            self._offset,
            np.log(spread + 1e-3) / 3,
            np.clip(mean - log_best, -2, 2) if self._t else 0 * one,
            *(self._x[:, i] / self._scale for i in range(1, self._x.shape[1])),
        ]
        return np.stack(columns, axis=1).astype(np.float32)


class ContextualArena:
    """B markets of one setting in play, with the truth."""

    def __init__(self, setting: ContextualSetting, markets: int, rng: np.random.Generator, *, scale: float):
        """
        Parameters
        ----------
        scale
            Reward that counts as 1.
        """
        self._markets, self._scale = ContextualMarkets(setting, markets, rng), scale
        # Square markets come first; minibatches are drawn at random, but exploration is not.
        self._markets.square = rng.permuted(self._markets.square)
        self.horizon = setting.horizon
        self.memory = ContextualMemory(setting, markets, horizon=setting.horizon)
        self.memory.tell(self._markets.covariates[:, 0])

    def worth(self) -> NDArray[np.float64]:
        intercept, slope = self._markets.line()
        price = self.memory.price(np.broadcast_to(OFFSETS, (len(intercept), ACTIONS)))
        reward = np.maximum(price * (intercept[:, None] + slope[:, None] * price), REWARD_FLOOR)
        return (reward - self._markets.expected_best()[:, None]) / self._scale

    def target(self) -> NDArray[np.float64]:
        offset = np.log(np.maximum(self._markets.best_price(), LOWEST_PRICE)) - np.log(
            self.memory.price(np.zeros(len(self._markets)))
        )
        return spread_over_neighbours(offset)

    def step(self, action: NDArray[np.int64]) -> None:
        price = self.memory.price(OFFSETS[action])
        outcome, _ = self._markets.step(price)
        self.memory.observe(price, outcome.units)
        if self._markets.t < self.horizon:
            self.memory.tell(self._markets.covariates[:, self._markets.t])


def spread_over_neighbours(offset: NDArray) -> NDArray[np.float64]:
    """A log offset (B,) as a distribution over the two actions on either side whose mean it is, shape
    (B, ACTIONS)."""
    offset = np.clip(offset, OFFSETS[0], OFFSETS[-1])
    left = np.clip(np.searchsorted(OFFSETS, offset, side="right") - 1, 0, ACTIONS - 2)
    share = (offset - OFFSETS[left]) / (OFFSETS[left + 1] - OFFSETS[left])
    target = np.zeros((len(offset), ACTIONS))
    rows = np.arange(len(offset))
    target[rows, left], target[rows, left + 1] = 1 - share, share
    return target


class ContextualTask:
    """One published experiment to learn, over one or several horizons."""

    def __init__(
        self,
        setting: ContextualSetting,
        *,
        horizons: tuple[int, ...] | None = None,
        longest: int | None = None,
    ):
        """
        Parameters
        ----------
        horizons
            Lengths of trials to choose from evenly; the setting's own if None.
        longest
            Periods that the network is to hold, where it will play longer trials than these.
        """
        self._setting = setting
        self._horizons = horizons or (setting.horizon,)
        self.name = setting.name
        self.features = OWN_FEATURES + setting.dimension - 1
        self.longest = longest or max(self._horizons)
        sample = ContextualMarkets(setting, 20_000, np.random.default_rng(0))
        self._scale = float(np.median(sample.expected_best()))

    def begin(self, markets: int, rng: np.random.Generator) -> ContextualArena:
        """Draw markets and a horizon."""
        horizon = int(rng.choice(self._horizons))
        setting = replace(self._setting, horizon=horizon)
        return ContextualArena(setting, markets, rng, scale=self._scale)
