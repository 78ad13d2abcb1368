"""Choosing a price: the best expected objective under the posterior over demand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy.model.posterior import Posterior

CANDIDATES = 121
"""Prices tried between the lowest and the highest allowed one, evenly spaced in logs."""

REACH = 0.7
"""Furthest a price is sought from the posterior's usual price, in logs: from half of it to twice, the range
in which markets are priced in training. Beyond it the curves are extrapolated, and an extrapolated curve
must not choose the price: a search over all of (0, 100] would find riches near 0."""


def sales(units: NDArray, stock: NDArray) -> NDArray:
    """Mean sales where stock limits demand: min(mean demand, stock), units per period.

    Parameters
    ----------
    units
        Mean demand, shape (N, K, P).
    stock
        Units on hand, NaN or inf where it does not limit sales, shape (N,).
    """
    limit = np.where(np.isfinite(stock), stock, np.inf)
    return np.minimum(units, limit[:, None, None])


def component_objective(posterior: Posterior, prices: NDArray, unit_cost: NDArray, stock: NDArray) -> NDArray:
    """Expected profit under every curve; revenue where the unit cost is 0.

    Parameters
    ----------
    prices
        Shape (N, P), currency.
    unit_cost
        Shape (N,), currency; 0 to count revenue.
    stock
        Shape (N,), units; NaN where unlimited.

    Returns
    -------
    Currency per period, shape (N, K, P).
    """
    units = sales(posterior.component_units(prices), stock)
    return (prices - unit_cost[:, None])[:, None, :] * units


def mean_objective(posterior: Posterior, prices: NDArray, unit_cost: NDArray, stock: NDArray) -> NDArray:
    """Posterior mean of `component_objective`, currency per period, shape (N, P)."""
    value = component_objective(posterior, prices, unit_cost, stock)
    return np.asarray(np.einsum("nk,nkp->np", posterior.weights, value))


def best_price(
    posterior: Posterior, *, unit_cost: NDArray, stock: NDArray, low: NDArray, high: NDArray
) -> NDArray:
    """The price in [low, high] with the highest posterior mean objective, shape (N,).

    No price is sought further than `REACH` from the posterior's usual price, or from the nearest allowed
    one. Searched on `CANDIDATES` prices, then refined by a parabola through the best and its neighbours.
    """
    fraction = np.linspace(0.0, 1.0, CANDIDATES)
    centre = np.clip(posterior.log_price, np.log(low), np.log(high))
    log_low = np.maximum(np.log(low), centre - REACH)[:, None]
    log_high = np.minimum(np.log(high), centre + REACH)[:, None]
    log_prices = log_low + fraction * (log_high - log_low)
    value = mean_objective(posterior, np.exp(log_prices), unit_cost, stock)
    best = value.argmax(axis=1)
    inner = np.clip(best, 1, CANDIDATES - 2)
    row = np.arange(len(best))
    left, mid, right = value[row, inner - 1], value[row, inner], value[row, inner + 1]
    bend = left - 2 * mid + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
    step = (log_high - log_low)[:, 0] / (CANDIDATES - 1)
    refined = log_prices[row, inner] + np.clip(shift, -1.0, 1.0) * step
    at_edge = (best == 0) | (best == CANDIDATES - 1)
    return np.exp(np.where(at_edge, log_prices[row, best], refined))
