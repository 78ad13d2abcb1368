"""How a store's demand wanders about what was foreseen, measured on its own past."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policy.decision.evidence import MIN_PERIODS
from policy.model.inference import infer
from policy.model.panel import Panel
from policy.model.transformer import PolicyModel

AHEAD = 8
"""Periods foreseen from each origin."""

WINDOWS = 8
"""Most origins a product, each `AHEAD` periods before the next, the last one `AHEAD` before the end."""

FEWEST_WINDOWS = 20
"""With fewer windows in the whole store than this, no shock is claimed."""

MOST_ERROR = 3.0
"""Relative errors are cut off here: one delivery to a wholesaler must not be the store's weather."""

PERSISTENCE = np.linspace(0.0, 0.98, 50)
"""Autocorrelations tried."""

LARGEST_SD = 0.6
"""Stationary standard deviation of a shock in logs beyond which training draws none."""


@dataclass(frozen=True, kw_only=True)
class Shocks:
    """An autoregressive shock to log demand that starts at 0 in the first period ahead: for that one, what
    is not foreseen is in the posterior's curves and dispersion already."""

    rho: float
    """Autocorrelation from one period to the next, in [0, 1)."""
    sd: float
    """Stationary standard deviation, in logs; 0 where demand keeps to what was foreseen."""

    def __post_init__(self) -> None:
        if not 0 <= self.rho < 1 or not self.sd >= 0:
            raise ValueError(
                f"`rho` must be in [0, 1) and `sd` at least 0, got {self.rho!r} and {self.sd!r}."
            )

    def variance(self, horizon: int) -> NDArray:
        """Variance after each number of periods from 0 on, shape (horizon,)."""
        return self.sd**2 * (1 - self.rho ** (2 * np.arange(horizon)))

    def draw(self, rng: np.random.Generator, n: int, horizon: int) -> NDArray:
        """Paths whose exponential has mean 1 in every period, shape (n, horizon)."""
        noise = rng.normal(size=(n, horizon)) * self.sd * np.sqrt(1 - self.rho**2)
        path = np.zeros((n, horizon))
        for t in range(1, horizon):
            path[:, t] = self.rho * path[:, t - 1] + noise[:, t]
        return path - self.variance(horizon) / 2


STILL = Shocks(rho=0.0, sd=0.0)
"""No shock."""


def measure_shocks(model: PolicyModel, panel: Panel) -> Shocks:
    """The shock of a store, pooled over its products.

    From origins in the past the next `AHEAD` periods are foreseen at the prices that were then charged, and
    the errors are given to `fit_shocks`. Without enough windows (`FEWEST_WINDOWS`) no shock is claimed.
    """
    history, horizon = panel.history, panel.history.price.shape[1]
    errors, weights, shared = [], [], []
    for back in range(1, WINDOWS + 1):
        origin = horizon - back * AHEAD
        rows = np.flatnonzero(panel.lengths - back * AHEAD >= MIN_PERIODS)
        if not len(rows):
            break
        window = history.take(rows).window(0, origin + AHEAD)
        sold = window.units[:, origin:]
        unknown = np.where(np.arange(origin + AHEAD) < origin, 0.0, np.nan)
        foreseen = replace(
            window, units=window.units + unknown, views=window.views + unknown, stock=window.stock + unknown
        )
        posterior, _ = infer(model, foreseen, start_price=panel.first_price[rows], ahead=AHEAD)
        units = posterior.component_units(window.price[:, origin:].reshape(-1, 1))[:, :, 0]  # (N * H, K)
        mean = (posterior.weights * units).sum(axis=1)
        spread = (posterior.weights * units**2).sum(axis=1) / mean**2 - 1
        dispersion = (posterior.weights * posterior.dispersion).sum(axis=1)
        noise = 1 / mean + dispersion + spread
        errors.append(np.minimum(sold / mean.reshape(sold.shape) - 1, MOST_ERROR))
        weights.append(1 / noise.reshape(sold.shape))
        shared.append(spread.reshape(sold.shape)[:, 0])
    if sum(map(len, errors)) < FEWEST_WINDOWS:
        return STILL
    return fit_shocks(np.concatenate(errors), np.concatenate(weights), shared=np.concatenate(shared))


def fit_shocks(errors: NDArray, weights: NDArray, *, shared: NDArray) -> Shocks:
    """The shock whose covariances come nearest to those of forecast errors: a method of moments.

    With units u and foreseen mean m the error is e = u / m - 1. Given the shock, counts of different periods
    are independent, so the product of two errors of one window is free of count noise: its mean is, for
    small shocks, v + sd^2 (rho^d - rho^(s + t)) with d = t - s, where s < t are periods since the first one
    ahead and v is what the posterior itself does not know of the level (it is in the curves that are drawn).
    That mean is measured for each pair (s, t) over all windows and v is taken away; `rho` is the one of
    `PERSISTENCE`, and `sd` the one of least squares, that fit best. Where nothing is left there is no shock.

    Parameters
    ----------
    errors
        Relative errors of N windows, shape (N, H); NaN where nothing is known.
    weights
        Inverse variance of each error, shape (N, H).
    shared
        Relative variance of the mean in the first period ahead over the posterior's curves, shape (N,).
    """
    known = np.isfinite(errors)
    e = np.where(known, errors, 0.0) * weights
    w = np.where(known, weights, 0.0)
    weight = w.T @ w  # (H, H)
    excess = e.T @ e - (w * shared[:, None]).T @ w
    first, second = np.triu_indices(errors.shape[1], k=1)
    pair, left = weight[first, second], excess[first, second]
    measured = np.divide(left, pair, out=np.zeros_like(left), where=pair > 0)
    best, least = STILL, float((pair * measured**2).sum())
    for rho in PERSISTENCE:
        shape = rho ** (second - first) - rho ** (first + second)
        norm = float((pair * shape**2).sum())
        variance = float((pair * shape * measured).sum()) / norm if norm > 0 else 0.0
        if variance <= 0:
            continue
        sd = min(float(np.sqrt(np.log1p(variance))), LARGEST_SD)
        misfit = float((pair * (measured - variance * shape) ** 2).sum())
        if misfit < least:
            best, least = Shocks(rho=float(rho), sd=sd), misfit
    return best
