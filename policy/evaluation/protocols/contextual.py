"""Contextual dynamic pricing as published by Wang et al. 2024 (arXiv 2405.14219), and without covariates.

Demand in a period with covariates x is D = alpha . x + (beta . x) p + noise; in a square market it is
(alpha . x)^2 - (beta . x)^2 p + noise. Noise is N(0, 0.2^2) clipped to ±0.5, prices lie in [0, 10], nothing
costs anything, and the reward is p D, floored at 1e-5. Regret compares with the best price's reward *under
the same noise*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from policy.evaluation.baselines.bayes import GaussianBayes, GaussianPrior
from policy.evaluation.baselines.dispersion import CILS, CVP, MLECycle
from policy.evaluation.baselines.grid import UCB1, BayesUCB
from policy.evaluation.baselines.linear import ILSE, PUBLISHED, InflatedThompson
from policy.evaluation.baselines.meta import MetaDP, estimate_prior
from policy.evaluation.baselines.particles import ParticleBayes, UniformPrior
from policy.evaluation.interface import PricingPolicy, bare_observation
from policy.evaluation.protocols.regret import play_all
from policy.market.simulator import Observation, Outcome

PRICE_RANGE = (0.0, 10.0)
INTERCEPT = (1.0, 3.0)
"""Range of each intercept coefficient times sqrt(d), uniform."""
SLOPE = (-1.1, -0.1)
"""Range of each slope coefficient times sqrt(d), uniform."""
NOISE_SD, NOISE_LIMIT = 0.2, 0.5
REWARD_FLOOR = 1e-5


@dataclass(frozen=True, kw_only=True)
class ContextualSetting:
    """One published experiment."""

    name: str
    dimension: int
    """Number of covariates d; the first is always 1, the others are uniform on [0, 5] / sqrt(d)."""
    horizon: int = 100
    square_share: float = 0.0
    """Share of the markets that are square."""

    def __post_init__(self) -> None:
        if self.dimension < 1 or self.horizon < 2:
            raise ValueError(
                "`dimension` must be at least 1 and `horizon` at least 2, "
                f"got {self.dimension} and {self.horizon}."
            )
        if not 0 <= self.square_share <= 1:
            raise ValueError(f"`square_share` must be in [0, 1], got {self.square_share!r}.")


INF_4D = ContextualSetting(name="inf_4d", dimension=4)
INF_2D_SQ_MIX = ContextualSetting(name="inf_2d_sq mix", dimension=2, square_share=0.5)
INF_2D_SQ = ContextualSetting(name="inf_2d_sq all square", dimension=2, square_share=1.0)
NO_COVARIATES = ContextualSetting(name="no covariates", dimension=1)
NO_COVARIATES_LONG = ContextualSetting(name="no covariates, T = 1000", dimension=1, horizon=1000)

SUITES = {
    "contextual": (INF_4D, INF_2D_SQ_MIX, INF_2D_SQ),
    "no-covariates": (NO_COVARIATES, NO_COVARIATES_LONG),
}
"""The settings that a suite plays."""
SEED = 20_051
"""Seed of both suites; tuning has another."""


class ContextualMarkets:
    """B markets of one setting, played together. All luck is drawn before play, so every policy that plays
    the same seed meets the same markets, covariates and noise.

    `horizon`, `reference_price` (1), `price_low` and `price_high` are what a policy may know.
    """

    def __init__(self, setting: ContextualSetting, n: int, rng: np.random.Generator):
        """
        Parameters
        ----------
        setting
            The experiment.
        n
            Number of markets B; the first `square_share` of them are square.
        rng
            Source of coefficients, covariates and noise.
        """
        d, horizon, root = setting.dimension, setting.horizon, np.sqrt(setting.dimension)
        self.alpha = rng.uniform(*INTERCEPT, (n, d)) / root
        self.beta = rng.uniform(*SLOPE, (n, d)) / root
        self.square = np.arange(n) < round(setting.square_share * n)
        self.covariates = rng.uniform(0.0, 5.0, (n, horizon, d)) / root
        self.covariates[:, :, 0] = 1.0
        self.noise = np.clip(rng.normal(0.0, NOISE_SD, (n, horizon)), -NOISE_LIMIT, NOISE_LIMIT)
        self.horizon = horizon
        self.reference_price = np.ones(n)
        self.price_low, self.price_high = np.full(n, PRICE_RANGE[0]), np.full(n, PRICE_RANGE[1])
        self.t = 0
        self._last_price = np.ones(n)

    def __len__(self) -> int:
        return len(self.square)

    def line(self) -> tuple[NDArray, NDArray]:
        """Intercept and slope of mean demand in the coming period, each of shape (B,)."""
        x = self.covariates[:, self.t]
        intercept = np.clip((self.alpha * x).sum(axis=1), 0.0, 1e3)
        slope = (self.beta * x).sum(axis=1)
        intercept = np.where(self.square, intercept**2, intercept)
        return intercept, np.minimum(np.where(self.square, -(slope**2), slope), -1e-3)

    def best_price(self) -> NDArray:
        """The price with the highest mean reward in the coming period, shape (B,)."""
        intercept, slope = self.line()
        return np.clip(-intercept / (2 * slope), self.price_low, self.price_high)

    def expected_best(self) -> NDArray:
        """Mean reward at the best price of the coming period, shape (B,)."""
        intercept, slope = self.line()
        price = self.best_price()
        return np.maximum(price * (intercept + slope * price), REWARD_FLOOR)

    def observation(self) -> Observation:
        """What is known before pricing the coming period."""
        return bare_observation(
            self.t, last_price=self._last_price, setting=self, covariates=self.covariates[:, self.t]
        )

    def step(self, prices: NDArray) -> tuple[Outcome, NDArray]:
        """Charge `prices` (B,) in the coming period and move on.

        Returns
        -------
        The outcome, in which demand may be negative, and the period's regret (B,): reward of the best price
        less reward of the price charged, both under the noise that came.
        """
        if prices.shape != (len(self),) or not np.all(
            (prices >= self.price_low) & (prices <= self.price_high)
        ):
            raise ValueError(f"`prices` must be {len(self)} numbers in {list(PRICE_RANGE)}.")
        intercept, slope = self.line()
        noise, best = self.noise[:, self.t], self.best_price()
        mean = intercept + slope * prices
        reward = np.maximum(prices * (mean + noise), REWARD_FLOOR)
        reward_best = np.maximum(best * (intercept + slope * best + noise), REWARD_FLOOR)
        outcome = Outcome(
            price=prices,
            units=mean + noise,
            demand=mean + noise,
            views=np.full(len(self), np.nan),
            profit=reward,
            expected_profit=np.maximum(prices * mean, REWARD_FLOOR),
        )
        self._last_price = prices
        self.t += 1
        return outcome, reward_best - reward


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
