"""Meta-DP: learn across products what the next product's demand is likely to be (Bastani, Simchi-Levi and
Zhu 2022, "Meta dynamic pricing: transfer learning across experiments", arXiv 1902.10918)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy.evaluation.baselines.bayes import GaussianBayes, GaussianPrior
from policy.evaluation.baselines.linear import LinearModel
from policy.market import LoggingPolicies, Prior, Simulator, simulate_log
from policy.market.trajectory import Trajectory

TUNED_WIDENING = 1.0
"""Widening of the estimated prior: results/tuning.csv."""
NOISE_PERIODS = 5.0
"""Periods of data that other products' noise is worth for a new one."""
EM_STEPS = 200


def estimate_prior(
    features: NDArray, units: NDArray, *, widening: float = 1.0, noise_periods: float = np.inf
) -> GaussianPrior:
    """The population of linear demand curves behind other products' logs.

    Each product's least-squares estimate scatters around the population mean by the population's covariance
    plus its own estimation error. Both moments are fitted by maximum likelihood (expectation-maximisation
    for a normal random-effects model), so that products whose prices hardly varied count for little. Then
    the covariance is widened by a multiple of the identity that shrinks as products are added: an estimated
    prior must not stop exploration.

    Parameters
    ----------
    features
        z = (x, x p) of N products over T periods, shape (N, T, 2d).
    units
        Units sold, shape (N, T).
    widening
        The multiple, in mean prior variances over sqrt(N).
    noise_periods
        See `GaussianPrior`.

    Raises
    ------
    ValueError
        Fewer than 2d + 2 products, or not more than 2d periods of each.
    """
    n, periods, k = features.shape
    if n < k + 2 or periods <= k:
        raise ValueError(
            f"A prior over {k} coefficients needs {k + 2} products and {k + 1} periods of each, "
            f"got {n} and {periods}."
        )
    gram = np.einsum("nti,ntj->nij", features, features)
    moment = np.einsum("nti,nt->ni", features, units)
    theta = np.einsum("nij,nj->ni", np.linalg.pinv(gram), moment)
    residual = units - np.einsum("nti,ni->nt", features, theta)
    noise = np.maximum((residual**2).sum(axis=1) / (periods - k), 1e-9)
    information, moment = gram / noise[:, None, None], moment / noise[:, None]
    pooled = np.linalg.inv(information.sum(axis=0))
    mean = pooled @ moment.sum(axis=0)
    # Start wide: expectation-maximisation can only shrink slowly, but hardly grow from zero.
    covariance = np.diag(np.maximum((theta - mean).var(axis=0), 1e-9))
    for _ in range(EM_STEPS):
        precision = np.linalg.inv(covariance)
        within = np.linalg.inv(information + precision)
        each = np.einsum("nij,nj->ni", within, moment + precision @ mean)
        mean = each.mean(axis=0)
        covariance = (each - mean).T @ (each - mean) / n + within.mean(axis=0)
    covariance = covariance + widening * np.trace(covariance) / (k * np.sqrt(n)) * np.eye(k)
    return GaussianPrior(
        mean=mean,
        covariance=covariance,
        noise_variance=float(np.median(noise)),
        noise_periods=noise_periods,
    )


def logged_features(log: Trajectory, reference_price: NDArray) -> tuple[NDArray, NDArray]:
    """Features (N, T, 2) and units (N, T) of N products' logs, without covariates, in the scale of
    `LinearModel`: prices over the reference price, units over their mean."""
    relative = log.price / reference_price[:, None]
    mean = np.maximum(log.units.mean(axis=1, keepdims=True), 0.1)
    return np.stack([np.ones_like(relative), relative], axis=2), log.units / mean


def prior_from_simulated_logs(
    prior: Prior,
    rng: np.random.Generator,
    *,
    products: int = 1000,
    periods: int = 40,
    widening: float = TUNED_WIDENING,
) -> GaussianPrior:
    """What a seller of `products` other products from `prior` would know, from their logs as their sellers
    priced them. The noise differs between products, so the prior's figure is worth few periods."""
    markets = prior.sample(rng, products, periods)
    log, _ = simulate_log(Simulator(markets, rng), LoggingPolicies(markets, rng), periods)
    features, units = logged_features(log, markets.reference_price)
    return estimate_prior(features, units, widening=widening, noise_periods=NOISE_PERIODS)


class MetaDP(GaussianBayes):
    """Thompson sampling under a prior estimated from other products: `MetaDP(estimate_prior(...))`."""

    tuned = LinearModel(slope_limit=-0.5)

    def __init__(self, prior: GaussianPrior, model: LinearModel | None = None):
        super().__init__(prior, thompson=True, model=model)
