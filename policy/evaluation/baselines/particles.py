"""The exact-prior Bayes reference: a policy that knows the distribution its markets are drawn from.

The posterior over coefficients drawn uniformly from a box has no closed form, so it is carried by weighted
particles: sequential Monte Carlo with adaptive tempering, resampling and random-walk Metropolis moves (Del
Moral, Doucet and Jasra 2006). Demand is linear in a vector phi of functions of the coefficients, so three
sufficient statistics hold the whole history and a move costs the same in every period.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from policy.evaluation.baselines.linear import covariates_of
from policy.market.setting import Setting
from policy.market.simulator import Observation, Outcome

MOVES = 8
"""Metropolis steps after each resampling."""


@dataclass(frozen=True, kw_only=True)
class UniformPrior:
    """Demand alpha . x + (beta . x) p, or its square (alpha . x)^2 - (beta . x)^2 p, with uniform
    coefficients and normal noise."""

    intercept: tuple[float, float]
    """Range of each of the d coefficients alpha."""
    slope: tuple[float, float]
    """Range of each of the d coefficients beta, below 0."""
    noise_sd: float
    square_chance: float = 0.0

    def __post_init__(self) -> None:
        if not self.slope[1] < 0:
            raise ValueError(f"`slope` must lie below 0, got {self.slope!r}.")
        if not self.noise_sd > 0:
            raise ValueError(f"`noise_sd` must be above 0, got {self.noise_sd!r}.")
        if not 0 <= self.square_chance <= 1:
            raise ValueError(f"`square_chance` must be in [0, 1], got {self.square_chance!r}.")


class ParticleCloud:
    """Posterior of B markets within one family (linear or square), N weighted particles each."""

    def __init__(
        self, prior: UniformPrior, *, square: bool, shape: tuple[int, int, int], rng: np.random.Generator
    ):
        """
        Parameters
        ----------
        prior
            Ranges of the coefficients.
        square
            The family.
        shape
            B markets, N particles, d covariates.
        rng
            Source of particles, resampling and moves.
        """
        b, n, d = shape
        self._square, self._rng = square, rng
        self._variance = prior.noise_sd**2
        self._low = np.repeat([prior.intercept[0], prior.slope[0]], d)
        self._width = np.repeat([prior.intercept[1], prior.slope[1]], d) - self._low
        self._d, self._pairs = d, np.triu_indices(d)
        # Particles live in the unit cube of the prior box.
        self.unit = rng.random((b, n, 2 * d))
        self.log_weight = np.full((b, n), -np.log(n))
        self.log_evidence = np.zeros(b)
        k = 2 * (len(self._pairs[0]) if square else d)
        self._gram, self._moment = np.zeros((b, k, k)), np.zeros((b, k))

    def curve(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Intercept and slope of every particle's demand at covariates x (B, d), each of shape (B, N)."""
        phi, z = self._phi(self.unit), self._regressors(x)
        half = z.shape[1]
        return (phi[..., :half] @ z[:, :, None])[..., 0], (phi[..., half:] @ z[:, :, None])[..., 0]

    def update(self, rows: NDArray, x: NDArray, price: NDArray, units: NDArray) -> None:
        """Take in one period of the markets `rows` (R,): covariates (R, d), prices and units (R,)."""
        half = self._regressors(x)
        z = np.concatenate([half, half * price[:, None]], axis=1)
        left = np.ones(len(rows))
        active = np.arange(len(rows))
        while len(active):
            r = rows[active]
            error = units[active, None] - (self._phi(self.unit[r]) @ z[active][:, :, None])[..., 0]
            gain = -(error**2) / (2 * self._variance)
            step = self._largest_step(self.log_weight[r], gain, left[active])
            weight = self.log_weight[r] + step[:, None] * gain
            total = logsumexp(weight, axis=1)
            self.log_evidence[r] += total
            self.log_weight[r] = weight - total[:, None]
            self._gram[r] += step[:, None, None] * z[active, :, None] * z[active, None, :]
            self._moment[r] += (step * units[active])[:, None] * z[active]
            left[active] -= step
            tired = _effective(self.log_weight[r]) < 0.501 * weight.shape[1]
            if tired.any():
                self._rejuvenate(r[tired])
            active = active[left[active] > 1e-12]

    def _regressors(self, x: NDArray) -> NDArray:
        """What the intercept (and, with a price, the slope) is linear in: x, or its products x_i x_j."""
        if not self._square:
            return x
        i, j = self._pairs
        return x[:, i] * x[:, j] * np.where(i == j, 1.0, 2.0)

    def _phi(self, unit: NDArray) -> NDArray:
        """Coefficients of `_regressors` for particles in the unit cube, shape (..., K)."""
        theta = self._low + self._width * unit
        if not self._square:
            return theta
        i, j = self._pairs
        alpha, beta = theta[..., : self._d], theta[..., self._d :]
        return np.concatenate([alpha[..., i] * alpha[..., j], -beta[..., i] * beta[..., j]], axis=-1)

    def _log_likelihood(self, rows: NDArray, unit: NDArray) -> NDArray:
        """Up to a constant per market, of particles (R, N, 2d): shape (R, N)."""
        phi = self._phi(unit)
        fit = ((phi @ self._gram[rows]) * phi).sum(axis=2) - 2 * (phi @ self._moment[rows][:, :, None])[
            ..., 0
        ]
        return -fit / (2 * self._variance)

    def _largest_step(self, log_weight: NDArray, gain: NDArray, left: NDArray) -> NDArray:
        """How much of an observation may be taken in at once, so that half of the particles stay effective,
        shape (R,)."""
        half = 0.5 * gain.shape[1]
        step = left.copy()
        hard = np.flatnonzero(_effective(log_weight + step[:, None] * gain) < half)
        low, high = np.zeros(len(hard)), step[hard]
        for _ in range(30 if len(hard) else 0):
            middle = (low + high) / 2
            fits = _effective(log_weight[hard] + middle[:, None] * gain[hard]) >= half
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        step[hard] = np.maximum(low, 1e-9)
        return step

    def _rejuvenate(self, rows: NDArray) -> None:
        """Resample systematically, then move every particle within the posterior."""
        n, k = self.unit.shape[1:]
        weight = np.exp(self.log_weight[rows])
        mean = (weight[:, :, None] * self.unit[rows]).sum(axis=1, keepdims=True)
        centred = self.unit[rows] - mean
        covariance = np.einsum("rn,rni,rnj->rij", weight, centred, centred)
        root = np.linalg.cholesky(covariance + 1e-14 * np.eye(k))
        edges = np.cumsum(weight, axis=1)
        points = (np.arange(n) + self._rng.random((len(rows), 1))) / n
        # One sorted search for all rows: each row is shifted into an interval of its own.
        shift = 2.0 * np.arange(len(rows))[:, None]
        found = np.searchsorted((edges / edges[:, -1:] + shift).ravel(), (points + shift).ravel())
        chosen = np.minimum(found.reshape(len(rows), n) - n * np.arange(len(rows))[:, None], n - 1)
        unit = np.take_along_axis(self.unit[rows], chosen[:, :, None], axis=1)
        value = self._log_likelihood(rows, unit)
        for _ in range(MOVES):
            # Long and short steps in turn: the posterior may be a thin curved sheet.
            scale = 2.38 / np.sqrt(k) * self._rng.choice([1.0, 0.5, 0.15], size=(len(rows), n, 1))
            proposal = unit + scale * (self._rng.normal(size=unit.shape) @ root.transpose(0, 2, 1))
            inside = ((proposal > 0) & (proposal < 1)).all(axis=2)
            new = self._log_likelihood(rows, proposal)
            accept = inside & (np.log(self._rng.random(value.shape)) < new - value)
            unit = np.where(accept[:, :, None], proposal, unit)
            value = np.where(accept, new, value)
        self.unit[rows] = unit
        self.log_weight[rows] = -np.log(n)


class ParticleBayes:
    """Exact-prior Bayes: prices for the posterior mean of demand, which maximises the expected reward of the
    period, or (Thompson sampling) for one draw from the posterior.

    Parameters
    ----------
    prior
        The distribution that the markets are drawn from.
    thompson
        Price for a draw instead of the mean.
    particles
        Number of particles N per market and family.
    """

    def __init__(self, prior: UniformPrior, *, thompson: bool, particles: int = 300):
        self._prior, self._thompson, self._particles = prior, thompson, particles

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._rng = rng
        self._markets = len(markets)
        self._clouds: list[ParticleCloud] = []
        self._log_prior: list[float] = []

    def _begin(self, d: int) -> None:
        """Draw the particles of each family that has a chance, once the number of covariates is known."""
        chances = {False: 1 - self._prior.square_chance, True: self._prior.square_chance}
        for square, chance in chances.items():
            if chance > 0:
                shape = (self._markets, self._particles, d)
                self._clouds.append(ParticleCloud(self._prior, square=square, shape=shape, rng=self._rng))
                self._log_prior.append(float(np.log(chance)))

    def _family_weights(self) -> NDArray:
        """Posterior probability of each family, shape (families, B)."""
        log = np.stack(
            [prior + cloud.log_evidence for prior, cloud in zip(self._log_prior, self._clouds, strict=True)]
        )
        return np.exp(log - logsumexp(log, axis=0))

    def act(self, observation: Observation) -> NDArray:
        x = covariates_of(observation)
        if not self._clouds:
            self._begin(x.shape[1])
        family = self._family_weights()
        weight = np.concatenate(
            [f[:, None] * np.exp(c.log_weight) for f, c in zip(family, self._clouds, strict=True)], axis=1
        )
        curves = [cloud.curve(x) for cloud in self._clouds]
        intercept = np.concatenate([a for a, _ in curves], axis=1)
        slope = np.concatenate([b for _, b in curves], axis=1)
        if self._thompson:
            rows = np.arange(self._markets)
            edges = np.cumsum(weight, axis=1)
            point = self._rng.random((self._markets, 1)) * edges[:, -1:]
            one = np.minimum((edges < point).sum(axis=1), weight.shape[1] - 1)
            a, b = intercept[rows, one], slope[rows, one]
        else:
            a, b = (weight * intercept).sum(axis=1), (weight * slope).sum(axis=1)
        return np.clip((observation.unit_cost - a / b) / 2, observation.price_low, observation.price_high)

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        x = covariates_of(observation)
        if not self._clouds:
            self._begin(x.shape[1])
        # A family that the data have ruled out needs no more updates.
        for family, cloud in zip(self._family_weights(), self._clouds, strict=True):
            rows = np.flatnonzero(family > 1e-8)
            cloud.update(rows, x[rows], outcome.price[rows], outcome.units[rows])


def _effective(log_weight: NDArray) -> NDArray:
    """Effective number of particles (sum w)^2 / sum w^2, shape (R,)."""
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return weight.sum(axis=1) ** 2 / (weight**2).sum(axis=1)
