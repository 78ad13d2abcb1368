"""Policies for contextual pricing as in `policy.market.contextual`, and the harness that plays them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from policy.decision.interface import PricingPolicy
from policy.evaluation.baselines.bayes import GaussianBayes, GaussianPrior
from policy.evaluation.baselines.dispersion import CILS, CVP, MLECycle
from policy.evaluation.baselines.grid import UCB1, BayesUCB
from policy.evaluation.baselines.linear import ILSE, PUBLISHED, InflatedThompson
from policy.evaluation.baselines.meta import MetaDP, estimate_prior
from policy.evaluation.baselines.particles import ParticleBayes, UniformPrior
from policy.evaluation.protocols.regret import play_all
from policy.market.contextual import (
    INF_2D_SQ,
    INF_2D_SQ_MIX,
    INF_4D,
    INTERCEPT,
    NO_COVARIATES,
    NO_COVARIATES_LONG,
    NOISE_SD,
    PRICE_RANGE,
    SLOPE,
    ContextualMarkets,
    ContextualSetting,
)

SUITES = {
    "contextual": (INF_4D, INF_2D_SQ_MIX, INF_2D_SQ),
    "no-covariates": (NO_COVARIATES, NO_COVARIATES_LONG),
}
"""The settings that a suite plays."""
SEED = 20_051
"""Seed of both suites; tuning has another."""


def exact_prior(setting: ContextualSetting) -> UniformPrior:
    """The distribution that a setting's markets are drawn from. Noise is taken as normal: its clipping
    touches one draw in eighty."""
    root = float(np.sqrt(setting.dimension))
    return UniformPrior(
        intercept=(INTERCEPT[0] / root, INTERCEPT[1] / root),
        slope=(SLOPE[0] / root, SLOPE[1] / root),
        noise_sd=NOISE_SD,
        square_chance=setting.square_share,
    )


def matched_prior(setting: ContextualSetting) -> GaussianPrior:
    """The normal prior with the moments of a setting's linear markets."""
    d = setting.dimension
    ranges = np.array([INTERCEPT, SLOPE]) / np.sqrt(d)
    return GaussianPrior(
        mean=np.repeat(ranges.mean(axis=1), d),
        covariance=np.diag(np.repeat((ranges[:, 1] - ranges[:, 0]) ** 2 / 12, d)),
        noise_variance=NOISE_SD**2,
    )


GUARDED = replace(PUBLISHED, slope_limit=-0.05)
"""The published linear model with a sign guard."""


def estimated_prior(
    setting: ContextualSetting, rng: np.random.Generator, *, markets: int = 500
) -> GaussianPrior:
    """What Meta-DP knows: the prior estimated from as many other markets' logs at uniform random prices."""
    others = ContextualMarkets(setting, markets, rng)
    features = np.empty((markets, setting.horizon, 2 * setting.dimension))
    units = np.empty((markets, setting.horizon))
    for t in range(setting.horizon):
        x, price = others.covariates[:, t], rng.uniform(*PRICE_RANGE, markets)
        features[:, t] = np.concatenate([x, x * price[:, None]], axis=1)
        units[:, t] = others.step(price)[0].units
    return estimate_prior(features, units)


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """Settings of the textbook baselines, the best in results/tuning.csv."""

    cils: float
    thompson: float
    cvp: tuple[float, tuple[float, float]]
    """Share and first prices."""
    mle_cycle: tuple[float, ...]
    ucb1: float


_MIX = Tuned(cils=0.3, thompson=0.01, cvp=(0.5, (2.0, 4.0)), mle_cycle=(2.0, 4.0), ucb1=0.3)
TUNED = {
    INF_4D: Tuned(cils=0.05, thompson=0.01, cvp=(0.1, (1.0, 2.0)), mle_cycle=(1.0, 2.0), ucb1=0.1),
    INF_2D_SQ_MIX: _MIX,
    INF_2D_SQ: _MIX,
    NO_COVARIATES: Tuned(cils=0.1, thompson=0.01, cvp=(0.5, (2.0, 4.0)), mle_cycle=(2.0, 4.0), ucb1=0.1),
    NO_COVARIATES_LONG: Tuned(cils=0.1, thompson=0.05, cvp=(0.5, (1.0, 2.0)), mle_cycle=(2.0, 4.0), ucb1=0.1),
}
META_SEED = 30_002
"""Seed of the other markets that Meta-DP learns from."""


def baselines(setting: ContextualSetting) -> dict[str, Callable[[], PricingPolicy]]:
    """Name and maker of every baseline and Bayes reference of one of the settings above."""
    exact, matched, tuned = exact_prior(setting), matched_prior(setting), TUNED[setting]
    others = estimated_prior(setting, np.random.default_rng(META_SEED))
    opened = replace(GUARDED, first_prices=tuned.cvp[1])
    return {
        "ILSE as published": lambda: ILSE(PUBLISHED),
        "Thompson sampling as published, c = .1": lambda: InflatedThompson(0.1, PUBLISHED),
        "ILSE with sign guard": lambda: ILSE(GUARDED),
        "CILS": lambda: CILS(tuned.cils, GUARDED),
        "CVP": lambda: CVP(tuned.cvp[0], opened),
        "MLE-CYCLE": lambda: MLECycle(tuned.mle_cycle, GUARDED),
        "UCB1 on a price grid": lambda: UCB1(tuned.ucb1),
        "Bayes-UCB on a price grid": BayesUCB,
        "linear Thompson sampling, c = .05": lambda: InflatedThompson(0.05, GUARDED),
        "linear Thompson sampling, c tuned": lambda: InflatedThompson(tuned.thompson, GUARDED),
        "Meta-DP": lambda: MetaDP(others, GUARDED),
        "Gaussian-prior Bayes, greedy": lambda: GaussianBayes(matched, thompson=False, model=GUARDED),
        "Gaussian-prior Bayes, Thompson": lambda: GaussianBayes(matched, thompson=True, model=GUARDED),
        "exact-prior Bayes, greedy": lambda: ParticleBayes(exact, thompson=False),
        "exact-prior Bayes, Thompson": lambda: ParticleBayes(exact, thompson=True),
    }


def run(
    setting: ContextualSetting,
    policies: Mapping[str, Callable[[], PricingPolicy]],
    *,
    markets: int,
    seed: int,
) -> dict[str, NDArray]:
    """Play every policy on the same markets with the same luck.

    Parameters
    ----------
    setting
        The experiment.
    policies
        Name and maker of each policy.
    markets
        Number of markets B.
    seed
        Markets, noise and each policy's own randomness depend on it alone.

    Returns
    -------
    Regret of each policy in each market and period, in the units of the reward, shape (B, T).
    """
    played = play_all(partial(ContextualMarkets, setting), policies, markets=markets, seed=seed)
    return {name: found.regret for name, found in played}
