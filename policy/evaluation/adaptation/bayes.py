"""Bayes with a refitted prior: what a statistician would do who has the training prior but not the network.

Empirical Bayes (Robbins 1956; Efron and Morris 1973) over particles. The products of a store are taken for
draws from one population; its means and spreads start at the training prior's, are refitted to the store by
expectation maximisation, and each product's posterior is that under the refitted population.

What it assumes of demand, which is less than the markets hold: one unchanging curve of the prior's families
times a promotion's lift, a level that wanders (a random walk and an autoregressive shock) with two yearly
harmonics, counts that are negative binomial. It knows no regimes, no memory of past prices, no stockpiling,
no holidays, no steep curves, and takes prices for set without regard to demand, which endogenous sellers do
not. Given a particle (curve, noise, how the level wanders) all the rest is linear and normal, so it is
followed by a Kalman filter with a Laplace step for the counts (Rao-Blackwellised particles; West, Harrison
and Migon 1985, JASA 80(389)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from policy.evaluation.adaptation.stores import Store, with_coming
from policy.market import Prior
from policy.market.demand import FAMILIES, DemandCurves
from policy.market.paths import PERIODS_PER_YEAR
from policy.market.trajectory import Trajectory
from policy.model.posterior import Posterior
from policy.model.transformer import GRID

PARTICLES, COMPONENTS = 1024, 64
"""Particles, the same for all products of a store, and how many of them stand for each posterior."""

STEPS = 4
"""Steps of expectation maximisation. Particles are drawn anew for each: reweighted ones would let the few in
the tails, which weigh most, draw the population to themselves."""

BLOCK = 4
"""Products followed at once: their covariances stay in a core's own cache."""

OWN_WEIGHT, FAMILY_WEIGHT = 1.0, 12.0
"""Products that the training prior counts for in the refitted population; more of them for the chances of
families, of which little is seen and the likeliest is all of one."""

USUAL_SD = 0.1
"""Of the log of the price that curves are relative to, about the median price charged."""

_GRID = GRID.double().numpy()
_NEWTON, _LEAP = 5, 1.5


Moments = tuple[float, float]
"""Mean and standard deviation of a normal."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """What the products of a store are draws from: means and standard deviations of normals."""

    log_elasticity: Moments
    log_dispersion: Moments
    log_shock_sd: Moments
    log_walk_sd: Moments
    promo_lift: Moments
    season_sd: float
    """Of each coefficient of the first yearly harmonic; half of it for the second."""
    families: NDArray[np.float64]
    """Chance of each of `FAMILIES`."""


NOISE = ("log_elasticity", "log_dispersion", "log_shock_sd", "log_walk_sd")
"""What a particle draws from normals, cut off at the ends of the training prior's ranges: without ends, one
product that follows no model has its sales foretold to be anything."""


def population_of(prior: Prior) -> Population:
    """A prior's own means and spreads; log-uniform ranges as normals of the same mean and spread."""

    def normal(bounds: tuple[float, float]) -> Moments:
        low, high = np.log(bounds)
        return float(low + high) / 2, float((high - low) / np.sqrt(12))

    chances = np.array([float(name in prior.families) for name in FAMILIES])
    mean, sd = prior.season_sd
    return Population(
        log_elasticity=prior.log_elasticity,
        log_dispersion=normal(prior.dispersion),
        log_shock_sd=normal(prior.shock_sd),
        log_walk_sd=normal(prior.walk_sd),
        promo_lift=prior.promo_lift,
        season_sd=float(np.hypot(mean, sd) / np.sqrt(2)),
        families=chances / chances.sum(),
    )


@dataclass(frozen=True)
class _Particles:
    """N demand processes without their levels."""

    curves: DemandCurves
    noise: NDArray[np.float64]
    """In the order of `NOISE`, shape (N, 4)."""
    persistence: NDArray[np.float64]
    """Autocorrelation of the shock, shape (N,)."""
    usual: NDArray[np.float64]
    """Log of the usual price over the median price charged, shape (N,)."""


def _draw(population: Population, rng: np.random.Generator, n: int) -> _Particles:
    moments: list[Moments] = [getattr(population, name) for name in NOISE[1:]]
    ranges = (Prior.dispersion, Prior.shock_sd, Prior.walk_sd)
    drawn = [
        np.clip(rng.normal(mean, sd, n), *np.log(bounds))
        for (mean, sd), bounds in zip(moments, ranges, strict=True)
    ]
    # Each family with its chance: the prior draws families evenly, so enough of them are drawn and sampled.
    prior = replace(
        Prior(), log_elasticity=population.log_elasticity, steep_chance=0.0, competitor_chance=1.0
    )
    pool = prior.sample(rng, 4 * n, 1).demand
    assert isinstance(pool, DemandCurves)
    chance = population.families[pool.family]
    curves = pool.take(rng.choice(4 * n, n, p=chance / chance.sum()))
    noise = np.column_stack([np.log(curves.elasticity), *drawn])
    return _Particles(curves, noise, rng.uniform(0.0, 0.97, n), rng.normal(0.0, USUAL_SD, n))


@dataclass
class _State:
    """Normal belief of level, shock, lift and harmonics of B products under N particles. D = 7."""

    mean: NDArray[np.float64]
    """Shape (B, N, D)."""
    covariance: NDArray[np.float64]
    """Shape (B, N, D, D)."""
    log_likelihood: NDArray[np.float64]
    """Of all units so far, shape (B, N)."""


class _Summary(NamedTuple):
    """What refitting needs of B products under N particles."""

    weight: NDArray[np.float64]
    """Of each particle, rows sum to 1, shape (B, N)."""
    mean: NDArray[np.float64]
    """Of the lift and the two coefficients of the first harmonic, shape (B, N, 3)."""
    variance: NDArray[np.float64]


class _Filter:
    """Follows B products under N particles from period to period."""

    def __init__(self, history: Trajectory, particles: _Particles, population: Population, *, periods: int):
        """
        Parameters
        ----------
        history
            Periods with units, then those ahead without.
        periods
            How many have units.
        """
        self._particles, self._history = particles, history
        _, self.dispersion, shock_sd, walk_sd = np.exp(particles.noise).T
        n, b = len(self.dispersion), len(history)
        rho = particles.persistence
        self.keep = np.ones((n, 7))
        self.keep[:, 1] = rho
        self.added = np.zeros((n, 7))
        self.added[:, 0], self.added[:, 1] = walk_sd**2, shock_sd**2 * (1 - rho**2)
        median = np.median(np.log(history.price[:, :periods]), axis=1)
        self.log_usual = median[:, None] + particles.usual  # (B, N)
        with np.errstate(invalid="ignore"):
            log_rival = np.log(history.competitor_price)
        known = np.isfinite(log_rival)
        usual_rival = np.where(known, log_rival, 0.0)[:, :periods].mean(axis=1, keepdims=True)
        self._log_rival = np.where(known, log_rival - usual_rival, 0.0)
        first = np.log(np.nanmean(history.units[:, :8], axis=1) + 0.5)
        lift, season = population.promo_lift, population.season_sd
        mean = np.zeros((b, n, 7))
        mean[:, :, 0], mean[:, :, 2] = first[:, None], lift[0]
        start = np.array([2.0, 0.0, lift[1], season, season, season / 2, season / 2]) ** 2
        covariance = np.zeros((b, n, 7, 7))
        covariance[:, :, np.arange(7), np.arange(7)] = start
        covariance[:, :, 1, 1] = shock_sd**2
        self.state = _State(mean, covariance, np.zeros((b, n)))

    def step(self, t: int) -> None:
        """Go to period t, and learn from its units where there are any."""
        state, regressors = self.state, self.regressors(t)[:, None, :]  # (B, 1, D)
        if t:
            state.mean = state.mean * self.keep
            state.covariance *= self.keep[:, :, None] * self.keep[:, None, :]
            state.covariance[..., np.arange(7), np.arange(7)] += self.added
        units = self._history.units[:, t]
        if not np.isfinite(units).any():
            return
        price = self._history.price[:, t, None]
        rival = np.repeat(np.exp(self._log_rival[:, t])[None], len(self.dispersion), axis=0)
        multiplier = np.exp(np.log(price) - self.log_usual).T
        offset = self._particles.curves.log_demand(multiplier, rival).T  # (B, N)
        spread = (state.covariance * regressors[:, :, None, :]).sum(axis=-1)  # (B, N, D)
        forecast = (state.mean * regressors).sum(axis=-1) + offset
        variance = (spread * regressors).sum(axis=-1)
        found, information, gained = _laplace(units[:, None], forecast, variance, self.dispersion)
        state.log_likelihood += gained
        state.mean += spread * ((found - forecast) / variance)[..., None]
        shrink = information / (1 + variance * information)
        state.covariance -= (spread * shrink[..., None])[..., None] * spread[..., None, :]

    def summary(self) -> _Summary:
        """What refitting needs."""
        state, told = self.state, slice(2, 5)
        variance = np.diagonal(state.covariance, axis1=2, axis2=3)
        return _Summary(_normalised(state.log_likelihood), state.mean[..., told], variance[..., told])

    def regressors(self, t: int) -> NDArray:
        """What level, shock, lift and harmonics are multiplied by in period t, shape (B, D)."""
        day, promo = self._history.day[:, t], np.nan_to_num(self._history.promo[:, t])
        angle = 2 * np.pi * day / (7 * PERIODS_PER_YEAR[1])
        one = np.ones_like(promo)
        waves = [f(k * angle) for k in (1, 2) for f in (np.sin, np.cos)]
        return np.stack([one, one, promo, *waves], axis=1)

    def curves(self, chosen: NDArray, log_price: NDArray, t: int) -> NDArray:
        """Log of demand relative to that at the usual price in period t.

        Parameters
        ----------
        chosen
            Particles, shape (B, K).
        log_price
            Shape (B, G).

        Returns
        -------
        Shape (B, K, G).
        """
        usual = np.take_along_axis(self.log_usual, chosen, axis=1)
        multiplier = np.exp(log_price[:, None, :] - usual[:, :, None])
        rival = np.broadcast_to(np.exp(self._log_rival[:, t, None]), chosen.shape)
        taken = self._particles.curves.take(chosen.ravel())
        flat = taken.log_demand(multiplier.reshape(-1, log_price.shape[1]), rival.reshape(-1, 1))
        return flat.reshape(multiplier.shape)


def _laplace(
    units: NDArray, mean: NDArray, variance: NDArray, dispersion: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """The most likely log mean given units and a normal belief of it, the information in the units there, and
    the log chance of the units: Laplace's approximation. All of shape (B, N)."""
    log_mu = mean.copy()
    for _ in range(_NEWTON):
        mu = np.exp(np.clip(log_mu, -15.0, 18.0))
        gradient = (units - mu) / (1 + dispersion * mu) - (log_mu - mean) / variance
        information = mu * (1 + dispersion * units) / (1 + dispersion * mu) ** 2
        log_mu += np.clip(gradient / (information + 1 / variance), -_LEAP, _LEAP)
    mu = np.exp(np.clip(log_mu, -15.0, 18.0))
    information = mu * (1 + dispersion * units) / (1 + dispersion * mu) ** 2
    size = 1 / dispersion
    chance = (
        gammaln(units + size)
        - gammaln(size)
        - gammaln(units + 1)
        + units * (log_mu - np.log(size + mu))
        - size * np.log1p(dispersion * mu)
    )
    prior = -((log_mu - mean) ** 2) / (2 * variance)
    return log_mu, information, chance + prior - 0.5 * np.log1p(variance * information)


@dataclass(frozen=True)
class BayesAnswers:
    """Posteriors for every period ahead, B * H rows each."""

    as_trained: Posterior
    """Under the training prior's own population."""
    refitted: Posterior
    population: Population
    """The refitted one."""


def bayes_posteriors(
    store: Store, periods: int, *, seed: int, particles: int = PARTICLES, prior: Prior | None = None
) -> BayesAnswers:
    """Filter the last periods of a store, refit the population, and answer for the periods ahead.

    Parameters
    ----------
    prior
        Where the population begins; the training prior where None.
    """
    rng = np.random.default_rng(seed)
    history = with_coming(store.recent(periods), store.coming)
    population = start = population_of(prior or Prior())
    answers = []
    for step in range(1 + STEPS):
        drawn = _draw(population, rng, particles)
        seen, parts = [], []
        for first in range(0, len(history), BLOCK):
            block = history.take(slice(first, first + BLOCK))
            following = _Filter(block, drawn, population, periods=periods)
            for t in range(periods):
                following.step(t)
            seen.append(following.summary())
            if step in (0, STEPS):
                parts.append(_answer(following, block, periods, rng))
        if parts:
            answers.append(joined(parts))
        if step < STEPS:
            population = _refit(start, drawn, _Summary(*map(np.concatenate, zip(*seen, strict=True))))
    return BayesAnswers(answers[0], answers[1], population)


def joined(parts: list[Posterior]) -> Posterior:
    """The rows of several posteriors, one after the other."""
    return Posterior(
        weights=np.concatenate([part.weights for part in parts]),
        log_units=np.concatenate([part.log_units for part in parts]),
        dispersion=np.concatenate([part.dispersion for part in parts]),
        log_price=np.concatenate([part.log_price for part in parts]),
    )


def _refit(start: Population, drawn: _Particles, seen: _Summary) -> Population:
    """The population likeliest to have given the posteriors of the products and, counted as `OWN_WEIGHT` and
    `FAMILY_WEIGHT` products more, the one at the start."""
    total = seen.weight.sum(axis=0)  # (N,)
    b = len(seen.weight)

    def moments(first: Moments, weight: NDArray, mean: NDArray, variance: NDArray | float = 0.0) -> Moments:
        centre = (OWN_WEIGHT * first[0] + (weight * mean).sum()) / (OWN_WEIGHT + b)
        own = OWN_WEIGHT * (first[1] ** 2 + (first[0] - centre) ** 2)
        square = own + (weight * (variance + (mean - centre) ** 2)).sum()
        return float(centre), float(np.sqrt(square / (OWN_WEIGHT + b)))

    noise = {name: moments(getattr(start, name), total, drawn.noise[:, i]) for i, name in enumerate(NOISE)}
    waves = (seen.weight[..., None] * (seen.variance[..., 1:] + seen.mean[..., 1:] ** 2)).sum()
    counts = np.bincount(drawn.curves.family, weights=total, minlength=len(FAMILIES))
    return Population(
        **noise,
        promo_lift=moments(start.promo_lift, seen.weight, seen.mean[..., 0], seen.variance[..., 0]),
        season_sd=float(np.sqrt((2 * OWN_WEIGHT * start.season_sd**2 + waves) / (2 * (OWN_WEIGHT + b)))),
        families=(FAMILY_WEIGHT * start.families + counts) / (FAMILY_WEIGHT + b),
    )


def _answer(following: _Filter, history: Trajectory, periods: int, rng: np.random.Generator) -> Posterior:
    """Resample particles by weight, draw each one's level and go on with it."""
    state, ahead = following.state, history.price.shape[1] - periods
    b = len(history)
    weight = _normalised(state.log_likelihood)
    edges = weight.cumsum(axis=1)
    points = (np.arange(COMPONENTS) + rng.random((b, 1))) / COMPONENTS
    chosen = np.minimum((edges[:, None, :] < points[:, :, None]).sum(axis=2), weight.shape[1] - 1)  # (B, K)
    at = (np.arange(b)[:, None], chosen)
    covariance = state.covariance[at]
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(7))
    drawn = state.mean[at] + np.einsum("bkij,bkj->bki", root, rng.normal(size=(b, COMPONENTS, 7)))
    centre = np.median(following.log_usual, axis=1)
    curves = np.zeros((b, ahead, COMPONENTS, len(_GRID)))
    for h in range(ahead):
        noise = rng.normal(size=drawn.shape) * np.sqrt(following.added[chosen])
        drawn = drawn * following.keep[chosen] + noise
        level = (drawn * following.regressors(periods + h)[:, None, :]).sum(axis=2)
        curves[:, h] = level[:, :, None] + following.curves(chosen, centre[:, None] + _GRID, periods + h)
    return Posterior(
        weights=np.full((b * ahead, COMPONENTS), 1 / COMPONENTS),
        log_units=curves.reshape(b * ahead, COMPONENTS, len(_GRID)),
        dispersion=np.repeat(following.dispersion[chosen], ahead, axis=0),
        log_price=np.repeat(centre, ahead),
    )


def _normalised(log_weight: NDArray) -> NDArray:
    """Rows that sum to 1."""
    return np.exp(log_weight - logsumexp(log_weight, axis=1, keepdims=True))
