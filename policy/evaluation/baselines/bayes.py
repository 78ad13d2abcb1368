"""Bayesian linear regression as a pricing policy: it knows the population that its market comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policy.evaluation.baselines.linear import LinearDemand, LinearModel
from policy.market.simulator import Observation


@dataclass(frozen=True, kw_only=True)
class GaussianPrior:
    """A normal population of linear demand curves: coefficients of z = (x, x p)."""

    mean: NDArray[np.float64]
    """Shape (2d,)."""
    covariance: NDArray[np.float64]
    """Shape (2d, 2d), positive definite."""
    noise_variance: float
    """Variance of units around the line, above 0."""
    noise_periods: float = np.inf
    """How many periods of data `noise_variance` is worth; inf where it is known."""

    def __post_init__(self) -> None:
        k = len(self.mean)
        if self.covariance.shape != (k, k) or np.linalg.eigvalsh(self.covariance).min() <= 0:
            raise ValueError(f"`covariance` must be positive definite, of shape {(k, k)}.")
        if not self.noise_variance > 0 or not self.noise_periods > 0:
            raise ValueError(
                "`noise_variance` and `noise_periods` must be above 0, "
                f"got {self.noise_variance!r} and {self.noise_periods!r}."
            )


class GaussianBayes(LinearDemand):
    """Conjugate Bayesian linear regression with a normal prior: greedy in the posterior mean, or Thompson
    sampling from the posterior.

    Parameters
    ----------
    prior
        The population, in the units of `model`.
    thompson
        Price for a draw from the posterior instead of its mean.
    model
        Scaling and guard; its `ridge` and `first_prices` are not used, since the prior takes their place.
    """

    def __init__(self, prior: GaussianPrior, *, thompson: bool, model: LinearModel | None = None):
        super().__init__(model)
        self._prior = prior
        self._thompson = thompson

    def act(self, observation: Observation) -> NDArray:
        theta, covariance = self._posterior()
        if self._thompson:
            root = np.linalg.cholesky(covariance)
            theta = theta + np.einsum("bij,bj->bi", root, self._rng.normal(size=theta.shape))
        price = self._best(*self._line(theta, observation), observation)
        return np.clip(price * self._reference, observation.price_low, observation.price_high)

    def _posterior(self) -> tuple[NDArray, NDArray]:
        """Posterior mean (B, 2d) and covariance (B, 2d, 2d) of the coefficients."""
        prior, b, k = self._prior, len(self._low), len(self._prior.mean)
        if not self._periods:
            return np.tile(prior.mean, (b, 1)), np.tile(prior.covariance, (b, 1, 1))
        precision = np.linalg.inv(prior.covariance)
        moment = self._moment / self._scale()[:, None]
        noise = np.full(b, prior.noise_variance)
        for _ in range(1 if np.isinf(prior.noise_periods) else 3):
            # With unknown noise: coefficients given the noise, the noise given coefficients, in turn.
            covariance = np.linalg.inv(self._gram / noise[:, None, None] + precision)
            mean = np.einsum("bij,bj->bi", covariance, moment / noise[:, None] + precision @ prior.mean)
            if np.isfinite(prior.noise_periods):
                freedom = max(self._periods - k, 1)
                known, seen = prior.noise_periods, float(self._periods)
                residual = self._noise_variance(mean) * freedom
                noise = (known * prior.noise_variance + residual) / (known + seen)
        return mean, covariance
