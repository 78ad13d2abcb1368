"""The posterior over a product's demand in one period, as the demand head states it (NumPy)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from policy.model.transformer import GRID

_GRID = GRID.numpy().astype(float)

SLOPE_FLOOR, LEVEL_FLOOR = 0.05, 0.02
"""Standard deviations, in logs, below which no elasticity and no mean demand is claimed to be known."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How many standard deviations over the curves either side of their centre hold the truth four times in
    five. A handful of curves understates what is not known, so these are measured on markets from the prior
    (`policy.learning.calibrate`) and kept with the weights; until then they are a normal's."""

    elasticity: float = 1.2816
    units: float = 1.2816
    gain: float = 1.2816


@dataclass(frozen=True)
class Posterior:
    """Mixtures of K demand curves for N product-periods. Axes: N rows, K components, G grid prices."""

    weights: NDArray[np.float64]
    """Posterior weight of each curve, rows sum to 1, shape (N, K)."""
    log_units: NDArray[np.float64]
    """Log mean units along the price grid, non-increasing, shape (N, K, G)."""
    dispersion: NDArray[np.float64]
    """Negative-binomial dispersion, shape (N, K)."""
    log_price: NDArray[np.float64]
    """Log of the price at the centre of the grid, currency, shape (N,)."""
    calibration: Calibration = Calibration()

    def take(self, index: NDArray) -> Posterior:
        """The rows at `index`."""
        return replace(
            self,
            weights=self.weights[index],
            log_units=self.log_units[index],
            dispersion=self.dispersion[index],
            log_price=self.log_price[index],
        )

    def sure_of(self, component: NDArray) -> Posterior:
        """The posterior of someone who believes in one curve a row, by index (N,): a Thompson draw."""
        return replace(self, weights=np.eye(self.weights.shape[1])[component])

    def component_units(self, prices: NDArray) -> NDArray:
        """Mean units of every curve at prices (N, P), units per period, shape (N, K, P)."""
        x = np.log(prices) - self.log_price[:, None]
        step = _GRID[1] - _GRID[0]
        position = (x - _GRID[0]) / step
        left = np.clip(np.floor(position), 0, len(_GRID) - 2).astype(int)
        fraction = (position - left)[:, None, :]
        index = np.broadcast_to(left[:, None, :], (*self.weights.shape, prices.shape[1]))
        low = np.take_along_axis(self.log_units, index, axis=2)
        high = np.take_along_axis(self.log_units, index + 1, axis=2)
        return np.exp(np.clip(low + fraction * (high - low), -14.0, 19.0))

    def mean_units(self, prices: NDArray) -> NDArray:
        """Posterior mean units at prices (N, P), shape (N, P)."""
        return np.einsum("nk,nkp->np", self.weights, self.component_units(prices))

    def quantiles(self, prices: NDArray, levels: tuple[float, ...]) -> NDArray:
        """Quantiles of units sold in one period, count noise included.

        Parameters
        ----------
        prices
            Shape (N, P), currency.
        levels
            Q levels in (0, 1), increasing.

        Returns
        -------
        Whole units, shape (N, P, Q).
        """
        mean = self.component_units(prices).transpose(0, 2, 1)  # (N, P, K)
        shape = 1.0 / self.dispersion[:, None, :]
        # The distribution function on a grid of counts that spans every component, then interpolation.
        sd = np.sqrt(mean + mean**2 / shape)
        # Relative to an even share: over a long horizon there are many curves, each of little weight.
        matters = self.weights[:, None, :] > 6e-3 / self.weights.shape[1]
        top = np.where(matters, mean + 6.0 * sd, 0.0).max(axis=2) + 3.0
        bottom = np.where(matters, np.maximum(mean - 4.0 * sd, 0.0), np.inf).min(axis=2)
        fraction = np.linspace(0.0, 1.0, 64)
        log_grid = np.log1p(bottom)[..., None] + fraction * (np.log1p(top) - np.log1p(bottom))[..., None]
        count = np.expm1(log_grid)  # (N, P, C)
        chance = (shape / (shape + mean))[..., None, :]
        below = betainc(shape[..., None, :], count[..., None] + 1.0, chance)  # (N, P, C, K)
        cdf = np.einsum("nk,npck->npc", self.weights, below)
        flat_cdf, flat_grid = cdf.reshape(-1, len(fraction)), log_grid.reshape(-1, len(fraction))
        found = np.stack(
            [np.interp(levels, c, g, left=0.0) for c, g in zip(flat_cdf, flat_grid, strict=True)]
        )
        # The smallest count whose chance of not being exceeded reaches the level.
        return np.maximum(np.ceil(np.expm1(found) - 1e-6), 0.0).reshape(*prices.shape, len(levels)) + 0.0

    def elasticity(self, price: NDArray, *, span: float = 0.1) -> tuple[NDArray, NDArray, NDArray]:
        """Elasticity at `price` (N,): posterior mean, and calibrated central 80 % interval, (N,) each.

        Measured between `span` below and above the price in logs. The interval is log-normal: elasticities
        are negative whatever is not known of them.
        """
        pair = price[:, None] * np.exp(np.array([-span, span]))
        units = np.log(self.component_units(pair))
        slope = (units[..., 1] - units[..., 0]) / (2 * span)  # (N, K)
        mean = (self.weights * slope).sum(axis=1)
        centre, sd = self._moments(np.log(np.maximum(-slope, 0.01)))
        reach = self.calibration.elasticity * np.hypot(sd, SLOPE_FLOOR)
        return mean, np.minimum(-np.exp(centre + reach), mean), np.maximum(-np.exp(centre - reach), mean)

    def mean_units_band(self, prices: NDArray) -> tuple[NDArray, NDArray]:
        """Calibrated central 80 % interval of mean units at prices (N, P), shape (N, P) each: what is not
        known of the curve, without the noise of counts. Log-normal, so smooth in price."""
        log_units = np.log(self.component_units(prices))
        weights = self.weights[:, :, None]
        centre = (weights * log_units).sum(axis=1)
        sd = np.sqrt((weights * (log_units - centre[:, None]) ** 2).sum(axis=1))
        reach = self.calibration.units * np.hypot(sd, LEVEL_FLOOR)
        mean = self.mean_units(prices)
        return np.minimum(np.exp(centre - reach), mean), np.maximum(np.exp(centre + reach), mean)

    def gain_interval(self, values: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Mean and calibrated central 80 % interval of a difference between two prices that has one value
        per curve, shape (N, K) to (N,) each."""
        mean, sd = self._moments(values)
        return mean, mean - self.calibration.gain * sd, mean + self.calibration.gain * sd

    def _moments(self, values: NDArray) -> tuple[NDArray, NDArray]:
        """Mean and standard deviation over curves, shape (N, K) to (N,) each."""
        mean = (self.weights * values).sum(axis=1)
        return mean, np.sqrt((self.weights * (values - mean[:, None]) ** 2).sum(axis=1))
