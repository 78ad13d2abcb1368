"""Random paths that markets are made of: level, season, holidays, regimes, costs, competitors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PERIODS_PER_YEAR = np.array([365.25, 365.25 / 7.0, 12.0])
"""Periods in a year for day, week, month."""


def log_uniform(rng: np.random.Generator, bounds: tuple[float, float], n: int) -> NDArray:
    """Draws whose logarithm is uniform, shape (n,)."""
    return np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]), n))


def chosen(rng: np.random.Generator, chance: float, values: NDArray) -> NDArray:
    """The values in a share `chance` of rows, 0 elsewhere, shape (n,)."""
    return np.where(rng.random(len(values)) < chance, values, 0.0)


def autoregressive(rng: np.random.Generator, n: int, horizon: int, *, rho: NDArray, sd: NDArray) -> NDArray:
    """Stationary AR(1) paths with standard deviation `sd`, shape (n, horizon)."""
    noise = rng.normal(size=(n, horizon)) * (sd * np.sqrt(1 - rho**2))[:, None]
    path = np.empty((n, horizon))
    state = rng.normal(size=n) * sd
    for t in range(horizon):
        state = rho * state + noise[:, t]
        path[:, t] = state
    return path


def steps(rng: np.random.Generator, n: int, horizon: int, *, chance: float, sd: float) -> NDArray:
    """Factors that start at 1 and, in a share `chance` of rows, change a few times, shape (n, horizon)."""
    jumps = (rng.random((n, horizon)) < 3.0 / max(horizon, 12)) & (rng.random((n, 1)) < chance)
    jumps[:, 0] = False
    return np.clip(np.exp(np.cumsum(jumps * rng.normal(0.02, sd, (n, horizon)), axis=1)), 0.6, 1.6)


def regimes(rng: np.random.Generator, n: int, horizon: int, *, chance: float, sd: float) -> NDArray:
    """One lasting change at a random period in a share `chance` of rows, normal in logs: 0 before it,
    shape (n, horizon)."""
    size = chosen(rng, chance, rng.normal(0.0, sd, n))
    return np.where(np.arange(horizon) >= rng.integers(1, max(horizon, 2), (n, 1)), size[:, None], 0.0)


def seasons(
    rng: np.random.Generator, phase: NDArray, *, harmonic_sd: tuple[float, float], peak_chance: float
) -> NDArray:
    """Annual season in logs: two harmonics and a peak before the turn of the year, as retail has.

    Parameters
    ----------
    phase
        Years since 1970-01-01, shape (n, horizon).
    harmonic_sd
        Mean and standard deviation of the first harmonic's amplitude; the second's is half.
    peak_chance
        Share of rows with a year-end peak, one to five weeks wide.

    Returns
    -------
    Shape (n, horizon).
    """
    n = len(phase)
    season = np.zeros(phase.shape)
    for harmonic, damping in ((1, 1.0), (2, 0.5)):
        amplitude = rng.normal(*harmonic_sd, (n, 1)) * damping
        season += amplitude * np.sin(2 * np.pi * harmonic * phase + rng.uniform(0, 2 * np.pi, (n, 1)))
    peak = chosen(rng, peak_chance, rng.uniform(0.1, 0.9, n))[:, None]
    to_year_end = nearest_turn(phase + 10 / 365.25 - 0.94)
    return season + peak * np.exp(-0.5 * (to_year_end * 52 / rng.uniform(1.0, 5.0, (n, 1))) ** 2)


def nearest_turn(years: NDArray) -> NDArray:
    """Signed distance to the nearest whole year, in [-0.5, 0.5), shape as given: what is yearly knows no
    turn of the year."""
    return (years + 0.5) % 1.0 - 0.5


def holidays(rng: np.random.Generator, phase: NDArray, *, chance: float) -> NDArray:
    """In a share `chance` of rows, three short events a year that lift or sink demand, in logs. Their dates
    move by up to two weeks from year to year, as Easter's and the Lunar New Year's do. Shape (n, horizon)."""
    n, effect = len(phase), np.zeros(phase.shape)
    has = rng.random((n, 1)) < chance
    for _ in range(3):
        place = rng.random((n, 1))
        away = nearest_turn(phase - place)
        # One draw of the shift for every time that the event comes round near a path.
        turn = np.round(phase - place - away).astype(int)
        first = turn.min()
        shift = rng.uniform(-14, 14, (n, turn.max() - first + 1)) * (rng.random((n, 1)) < 0.4)
        days = away * 365.25 - np.take_along_axis(shift, turn - first, axis=1)
        effect += rng.normal(0.0, 0.5, (n, 1)) * np.exp(-0.5 * (days / rng.uniform(2.0, 9.0, (n, 1))) ** 2)
    return np.where(has, effect, 0.0)


def competitor_prices(rng: np.random.Generator, n: int, horizon: int) -> NDArray:
    """A competitor's own price over its usual price: a slow walk about it, with promotions of one to three
    periods in two of five rows, shape (n, horizon)."""
    walk = autoregressive(rng, n, horizon, rho=rng.uniform(0.6, 0.97, n), sd=rng.uniform(0.02, 0.15, n))
    start = rng.random((n, horizon)) < rng.uniform(0.02, 0.15, (n, 1))
    lasting = start.copy()
    for back in range(1, min(3, horizon)):
        lasting[:, back:] |= start[:, :-back] & (rng.random((n, horizon - back)) < 0.4)
    promotes = (rng.random((n, 1)) < 0.4) & lasting
    return np.exp(walk + np.where(promotes, np.log(1 - rng.uniform(0.05, 0.4, (n, 1))), 0.0))
