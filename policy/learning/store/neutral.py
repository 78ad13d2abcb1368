"""Markets of a store by a third opinion: neither the base's beliefs nor the adapter's.

Each network would win in markets drawn from its own posterior. These are drawn from a regression of each
product's own sales, which belongs to neither: log units on log price and promotion, with the weights of the
per-series GLM that forecasts are compared with, and a whole distribution of its slope.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from policy.forecast.baselines import FORGETTING, MARKDOWN_ELASTICITY
from policy.learning.store.markets import StoreDemand
from policy.market.trajectory import Trajectory
from policy.model.posterior import Posterior
from policy.model.transformer import GRID

CURVES = 9
"""Constant elasticities that stand for the slope's distribution, at even quantiles."""

RIDGE, LIFT = 1.0, 0.3
"""Weight of the prior slopes, `MARKDOWN_ELASTICITY` and this log lift of a promotion, in observations."""

RECENT = 8
"""Periods whose mean residual is where the level is now."""

LEAST_ELASTICITY, LEAST_DISPERSION = 0.05, 0.003


def neutral_demand(demand: StoreDemand) -> StoreDemand:
    """The same products with what a regression says of them: constant elasticities about today's level.

    With weights w falling by 0.985 a period into the past, the slope of log price is a ridge estimate b with
    standard error s = sd sqrt((A^-1)_pp), sd the weighted residual's and A the penalised cross-products; the
    curves have elasticities at even quantiles of normal(b, s). The dispersion is the residual's variance in
    excess of a Poisson count's.
    """
    panel, usual = demand.panel, demand.posterior.log_price
    found = [_regression(panel.history, row, usual[row]) for row in range(len(panel))]
    level, slope, error, variance = (np.array(column) for column in zip(*found, strict=True))
    draws = slope[:, None] + error[:, None] * ndtri((np.arange(CURVES) + 0.5) / CURVES)
    curves = level[:, None, None] + np.minimum(draws, -LEAST_ELASTICITY)[:, :, None] * GRID.double().numpy()
    excess = np.maximum(np.expm1(variance) - np.exp(-level), LEAST_DISPERSION)
    posterior = Posterior(
        weights=np.full(draws.shape, 1 / CURVES),
        log_units=curves,
        dispersion=np.repeat(excess[:, None], CURVES, axis=1),
        log_price=usual,
    )
    return replace(
        demand,
        posterior=posterior,
        log_units=np.repeat(level[:, None], demand.log_units.shape[1], axis=1),
    )


def _regression(history: Trajectory, row: int, usual: float) -> tuple[float, float, float, float]:
    """Of one product: log units now at the usual price, slope, its standard error, residual variance."""
    price, units, promo = history.price[row], history.units[row], np.nan_to_num(history.promo[row])
    known = np.isfinite(price) & np.isfinite(units)
    y = np.log(units[known] + 0.5)
    x = np.column_stack([np.ones(len(y)), np.log(price[known]) - usual, promo[known]])  # (T, 3)
    weight = FORGETTING ** np.arange(len(y))[::-1]
    penalty = np.array([0.0, RIDGE, RIDGE])
    cross = (x.T * weight) @ x + np.diag(penalty) + 1e-9 * np.eye(3)
    beta = np.linalg.solve(cross, (x.T * weight) @ y + penalty * np.array([0.0, MARKDOWN_ELASTICITY, LIFT]))
    residual = y - x @ beta
    variance = float(weight @ residual**2 / weight.sum())
    error = float(np.sqrt(variance * np.linalg.inv(cross)[1, 1]))
    now = float(beta[0] + residual[-RECENT:].mean())
    return now, float(beta[1]), error, variance
