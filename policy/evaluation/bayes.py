"""The Bayes reference: pricing by the exact posterior, where the prior over markets allows to compute it.

In a static market demand depends on a few numbers that never change: family, elasticity and the family's
own shape, level, dispersion. Their posterior given the sales so far is followed by particles: sequential
Monte Carlo with tempering, resampling and Metropolis moves (Chopin 2002, Biometrika 89(3), "A sequential
particle filter method for static models"; Del Moral, Doucet and Jasra 2006, JRSS B 68(3)). A policy that
learns in context approximates this posterior; what it earns is to be measured against what this one does.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, log_ndtr, ndtr

from policy.market import Observation, Prior
from policy.market.demand import DemandCurves
from policy.market.setting import Setting
from policy.market.simulator import Outcome

_STILL = (1e-9, 1e-9)  # a log-uniform range cannot be zero; this is as good

STATIC_PRIOR = replace(
    Prior(),
    shock_sd=_STILL,
    walk_sd=_STILL,
    season_sd=(0.0, 0.0),
    trend=(0.0, 0.0),
    peak_chance=0.0,
    holiday_chance=0.0,
    regime_chance=0.0,
    memory_chance=0.0,
    competitor_chance=0.0,
    stock_chance=0.0,
    intermittent_chance=0.0,
    period_chances=(0.0, 1.0, 0.0),
)
"""The training prior restricted to markets that stand still: demand depends on our price and count noise
alone (costs may change, but are seen). All that is unknown is drawn as in training."""

VIEWS_OFFSET, VIEWS_NOISE = 4.0, 0.1
"""Log traffic is share * log level + offset + normal noise, with a share uniform in [0, 1]: what `Prior`
draws, and so part of what a seller knows of the level."""

_CHUNK = 50  # markets worked on at once: keeps memory flat
_SWEEPS = 4  # Metropolis sweeps after each resampling


class PriorMap:
    """Maps standard normal coordinates onto the prior over static demand: quantile functions, tabulated
    from draws, one for each parameter within each family.

    Given the family the prior's parameters are independent of each other, so that such a map is exact but
    for the tables' own error, about 1/400 in a quantile's level. Moves in the normal coordinates need no
    density of the prior but the normal's.
    """

    reach, points = 4.5, 1025

    def __init__(self, prior: Prior, rng: np.random.Generator, *, draws: int = 100_000):
        markets = prior.sample(rng, draws, 1)
        curves = markets.demand
        assert isinstance(curves, DemandCurves)
        self.families = np.unique(curves.family)
        drawn = {f.name: getattr(curves, f.name) for f in fields(DemandCurves) if f.name != "family"}
        drawn |= {"level": markets.log_level[:, 0], "log_dispersion": np.log(markets.dispersion)}
        # What does not vary is known, not inferred.
        self.known = {name: float(values[0]) for name, values in drawn.items() if np.ptp(values) < 1e-6}
        self.names = tuple(name for name in drawn if name not in self.known)
        chance = ndtr(np.linspace(-self.reach, self.reach, self.points))
        self._tables = np.zeros((int(self.families.max()) + 1, len(self.names), self.points))
        for family in self.families:
            for i, name in enumerate(self.names):
                values = np.sort(drawn[name][curves.family == family])
                self._tables[family, i] = np.interp(chance, np.linspace(0.0, 1.0, len(values)), values)

    def __call__(self, family: NDArray, z: NDArray) -> dict[str, NDArray]:
        """Parameters by name, shape (...), for families (...) and normal coordinates (..., D)."""
        step = 2 * self.reach / (self.points - 1)
        position = np.clip((z + self.reach) / step, 0.0, self.points - 1.001)
        left = position.astype(np.int64)
        part = position - left
        index = (family[..., None], np.arange(len(self.names)))
        values = (1 - part) * self._tables[(*index, left)] + part * self._tables[(*index, left + 1)]
        out = {name: values[..., i] for i, name in enumerate(self.names)}
        return out | {name: np.full(family.shape, value) for name, value in self.known.items()}


@cache
def prior_map(prior: Prior) -> PriorMap:
    """The map for a prior; its tables are made once and always from the same draws."""
    return PriorMap(prior, np.random.default_rng(0))


class ParticlePosterior:
    """Posterior over the demand of B static markets: N weighted particles each."""

    def __init__(self, prior: Prior, markets: int, rng: np.random.Generator, *, particles: int = 512):
        if particles < 4 or particles % 2:
            raise ValueError(f"`particles` must be even and at least 4, got {particles}.")
        self._rng = rng
        self._map = prior_map(prior)
        self.family = rng.choice(self._map.families, (markets, particles))
        self._z = rng.normal(size=(markets, particles, len(self._map.names)))
        self.log_weights = np.zeros((markets, particles))
        self._x, self._units, self._log_views = (np.zeros((markets, 0)) for _ in range(3))

    @property
    def weights(self) -> NDArray:
        """Posterior weight of each particle, rows sum to 1, shape (B, N)."""
        w = np.exp(self.log_weights - self.log_weights.max(axis=1, keepdims=True))
        return w / w.sum(axis=1, keepdims=True)

    def parameters(self) -> dict[str, NDArray]:
        """Demand parameters of each particle by name, shape (B, N): fields of `DemandCurves` without the
        family, `level` (log units per period at the reference price) and `log_dispersion`."""
        return self._map(self.family, self._z)

    def log_units(self, rows: NDArray, multipliers: NDArray, particles: NDArray) -> NDArray:
        """Log of mean units under chosen particles of chosen markets.

        Parameters
        ----------
        rows
            Markets, shape (R,).
        multipliers
            Price over reference price, shape (R, P).
        particles
            Which particles, shape (R, M).

        Returns
        -------
        Shape (R, M, P).
        """
        at = (rows[:, None], particles)
        values = self._map(self.family[at], self._z[at])
        return _log_units(self.family[at], values, multipliers)

    def update(self, multipliers: NDArray, units: NDArray, views: NDArray) -> None:
        """Take in one period: price over reference price, units sold and traffic, shape (B,) each."""
        self._x = np.column_stack([self._x, multipliers])
        self._units = np.column_stack([self._units, units])
        self._log_views = np.column_stack([self._log_views, np.log(views) - VIEWS_OFFSET])
        for start in range(0, len(units), _CHUNK):
            self._temper(np.arange(start, min(start + _CHUNK, len(units))))

    def _temper(self, rows: NDArray) -> None:
        """Bring in the last period's likelihood by as many powers as it takes for half of the particles,
        by effective number, to live through each; resample and move in between."""
        enough = self.log_weights.shape[1] / 2
        power = np.zeros(len(rows))
        gain = self._log_likelihood(rows, self.family[rows], self._z[rows], last_only=True)[1]
        while len(rows):
            low, high = np.zeros(len(rows)), 1.0 - power
            whole = _effective(self.log_weights[rows] + high[:, None] * gain) >= enough
            for _ in range(20):
                middle = (low + high) / 2
                fine = _effective(self.log_weights[rows] + middle[:, None] * gain) >= enough
                low, high = np.where(fine, middle, low), np.where(fine, high, middle)
            step = np.where(whole, 1.0 - power, low)
            self.log_weights[rows] += step[:, None] * gain
            rows, power = rows[~whole], (power + step)[~whole]
            if len(rows):
                self._resample(rows)
                gain = self._move(rows, power)

    def _resample(self, rows: NDArray) -> None:
        """Systematic resampling; weights become even."""
        n = self.log_weights.shape[1]
        place = (np.arange(n) + self._rng.random((len(rows), 1))) / n
        total = self.weights[rows].cumsum(axis=1)
        total[:, -1] = 1.0
        # One sorted search for all rows: shifting row i by i keeps the rows apart.
        shift = np.arange(len(rows))[:, None]
        parent = np.searchsorted((total + shift).ravel(), (place + shift).ravel()).reshape(len(rows), n)
        parent = np.minimum(parent - shift * n, n - 1)
        # The halves of `_move` are to be alike: particles are shuffled.
        parent = self._rng.permuted(parent, axis=1)
        self.family[rows] = self.family[rows[:, None], parent]
        self._z[rows] = self._z[rows[:, None], parent]
        self.log_weights[rows] = 0.0

    def _move(self, rows: NDArray, power: NDArray) -> NDArray:
        """Metropolis sweeps at the tempered posterior; returns the last period's log-likelihood, (R, N).

        Half of the particles move along differences between particles of the other half (ter Braak 2006,
        Statistics and Computing 16), some of them to another family as well; then the halves change roles.
        """
        rng, (r, n, d) = self._rng, self._z[rows].shape
        family, z = self.family[rows], self._z[rows]
        before, gain = self._log_likelihood(rows, family, z)
        target = before + power[:, None] * gain - 0.5 * (z**2).sum(axis=2)
        for sweep in range(2 * _SWEEPS):
            own = slice(0, n // 2) if sweep % 2 else slice(n // 2, n)
            other = n // 2 if sweep % 2 else 0
            shape = (r, n // 2)
            pair = other + rng.integers(n // 2, size=(2, *shape))
            index = np.arange(r)[:, None]
            reach = 2.38 / np.sqrt(2 * d) * rng.choice([1.0, 0.5, 0.2], (*shape, 1))
            step = reach * (z[index, pair[0]] - z[index, pair[1]]) + 0.01 * rng.normal(size=(*shape, d))
            new_z = z[:, own] + step
            switches = rng.random(shape) < 0.3
            new_family = np.where(switches, rng.choice(self._map.families, shape), family[:, own])
            new_before, new_gain = self._log_likelihood(rows, new_family, new_z)
            new_target = new_before + power[:, None] * new_gain - 0.5 * (new_z**2).sum(axis=2)
            accept = np.log(rng.random(shape)) < new_target - target[:, own]
            family[:, own] = np.where(accept, new_family, family[:, own])
            z[:, own] = np.where(accept[..., None], new_z, z[:, own])
            gain[:, own] = np.where(accept, new_gain, gain[:, own])
            target[:, own] = np.where(accept, new_target, target[:, own])
        self.family[rows], self._z[rows] = family, z
        return gain

    def _log_likelihood(
        self, rows: NDArray, family: NDArray, z: NDArray, *, last_only: bool = False
    ) -> tuple[NDArray, NDArray]:
        """Log-likelihood of the periods before the last one (0 with `last_only`) and what the last one
        adds, up to what does not depend on the particle, shape (R, N) each."""
        first = self._x.shape[1] - 1 if last_only else 0
        values = self._map(family, z)
        log_mean = _log_units(family, values, self._x[rows, first:])
        units = self._units[rows, None, first:]
        size = np.exp(-values["log_dispersion"])[..., None]
        mean = np.exp(log_mean)
        by_period = (
            gammaln(units + size)
            - gammaln(size)
            + units * log_mean
            - (units + size) * np.log(size + mean)
            + size * np.log(size)
        )
        seen = self._log_views[rows]
        traffic = _traffic_log_likelihood(values["level"], seen)
        known = _traffic_log_likelihood(values["level"], seen[:, :-1]) if seen.shape[1] > 1 else 0.0
        before = by_period[..., :-1].sum(axis=2) + (0.0 if last_only else known)
        return before, by_period[..., -1] + traffic - known


def _log_units(family: NDArray, values: dict[str, NDArray], multipliers: NDArray) -> NDArray:
    """Log of mean units for particles (R, N) at prices over the reference price (R, P), shape (R, N, P)."""
    names = [f.name for f in fields(DemandCurves) if f.name != "family"]
    curves = DemandCurves(family=family.ravel(), **{name: values[name].ravel() for name in names})
    m = np.repeat(multipliers, family.shape[1], axis=0)
    log_demand = curves.log_demand(m, np.ones((len(m), 1))).reshape(*family.shape, -1)
    return log_demand + values["level"][..., None]


def _traffic_log_likelihood(level: NDArray, log_views: NDArray) -> NDArray:
    """Log-likelihood of log traffic (R, t) given log levels (R, N), the unknown share in [0, 1] integrated
    out, up to what does not depend on the level, shape (R, N)."""
    mean = log_views.mean(axis=1)[:, None]
    sd = VIEWS_NOISE / np.sqrt(log_views.shape[1])
    size = np.where(np.abs(level) < 1e-9, 1e-9, level)
    ends = (size - mean) / sd, np.broadcast_to(-mean / sd, level.shape)
    low, high = np.minimum(*ends), np.maximum(*ends)
    # In the lower tail, where the logarithm of a normal probability keeps its digits.
    low, high = np.where(low > 0, -high, low), np.where(low > 0, -low, high)
    top = log_ndtr(high)
    return top + np.log(-np.expm1(np.minimum(log_ndtr(low) - top, -1e-12))) - np.log(np.abs(size))


def _effective(log_weights: NDArray) -> NDArray:
    """Effective number of particles, 1 / sum of squared weights, shape (B, N) to (B,)."""
    w = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return w.sum(axis=1) ** 2 / (w**2).sum(axis=1)


class _Bayes:
    """Follows the posterior; subclasses say how to price by it. Starts at the prior, not at a test price."""

    candidates = 49

    def __init__(self, prior: Prior = STATIC_PRIOR, *, particles: int = 512):
        self._prior, self._particles = prior, particles

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._rng = rng
        self._reference = markets.reference_price
        self._posterior = ParticlePosterior(self._prior, len(markets), rng, particles=self._particles)

    def act(self, observation: Observation) -> NDArray:
        price = np.empty(len(self._reference))
        for start in range(0, len(price), _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, len(price)))
            price[rows] = self._price(rows, observation)
        return price

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        if (observation.promo != 0).any() or np.isfinite(observation.competitor_price).any():
            raise ValueError("This posterior knows static markets only: no promotion, no competitor.")
        if np.isfinite(observation.stock).any():
            raise ValueError("This posterior knows static markets only: no limited stock.")
        self._posterior.update(outcome.price / self._reference, outcome.units, outcome.views)

    def _price(self, rows: NDArray, observation: Observation) -> NDArray:
        raise NotImplementedError

    def _best(self, rows: NDArray, observation: Observation, particles: NDArray, weights: NDArray) -> NDArray:
        """The allowed price with the highest mean profit over weighted particles (R, M), shape (R,)."""
        low, high = np.log(observation.price_low[rows]), np.log(observation.price_high[rows])
        step = (high - low) / (self.candidates - 1)
        prices = np.exp(low[:, None] + step[:, None] * np.arange(self.candidates))
        log_units = self._posterior.log_units(rows, prices / self._reference[rows, None], particles)
        units = np.einsum("rm,rmp->rp", weights, np.exp(log_units))
        profit = (prices - observation.unit_cost[rows, None]) * units
        best, row = profit.argmax(axis=1), np.arange(len(rows))
        # A parabola through the best candidate and its neighbours.
        inner = np.clip(best, 1, self.candidates - 2)
        left, mid, right = (profit[row, inner + i] for i in (-1, 0, 1))
        bend = left - 2 * mid + right
        shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
        shift = np.where(best == inner, np.clip(shift, -1.0, 1.0), 0.0)
        return prices[row, best] * np.exp(shift * step)


class BayesGreedy(_Bayes):
    """Charges the price with the highest posterior expected profit of the coming period."""

    def _price(self, rows: NDArray, observation: Observation) -> NDArray:
        weights = self._posterior.weights[rows]
        everyone = np.broadcast_to(np.arange(weights.shape[1]), weights.shape)
        return self._best(rows, observation, everyone, weights)


class BayesThompson(_Bayes):
    """Thompson sampling by the exact posterior: charges the best price under one particle drawn from it."""

    candidates = 121

    def _price(self, rows: NDArray, observation: Observation) -> NDArray:
        total = self._posterior.weights[rows].cumsum(axis=1)
        drawn = (total < self._rng.random((len(rows), 1))).sum(axis=1)[:, None]
        drawn = np.minimum(drawn, total.shape[1] - 1)
        return self._best(rows, observation, drawn, np.ones(drawn.shape))
