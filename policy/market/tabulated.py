"""Demand curves read off a table: what a posterior says of a product, as a market that can be played."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class TabulatedDemand:
    """The demand curves of B markets on a common grid of relative prices: straight lines in logs between grid
    prices, and beyond the grid's ends the slope of the last piece. They do not answer to a competitor."""

    log_price: NDArray[np.float64]
    """Log of price over reference price along the grid, increasing, shape (G,)."""
    log_units: NDArray[np.float64]
    """Log of demand relative to demand at the reference price, non-increasing, shape (B, G)."""

    def __post_init__(self) -> None:
        grid, curves = self.log_price, self.log_units
        if grid.ndim != 1 or len(grid) < 2 or curves.ndim != 2 or curves.shape[1] != len(grid):
            raise ValueError(
                f"`log_price` must have shape (G,) with G of at least 2 and `log_units` shape (B, G), "
                f"got {grid.shape} and {curves.shape}."
            )
        if not (np.diff(grid) > 0).all():
            raise ValueError("`log_price` must increase.")
        rising = ~(np.diff(curves, axis=1) <= 1e-9).all(axis=1)
        if rising.any():
            raise ValueError(
                f"{int(rising.sum())} of {len(curves)} demand curves rise with price or hold NaN, the first "
                f"in row {int(rising.argmax())}; `log_units` must be non-increasing along the grid."
            )

    def log_demand(self, multipliers: NDArray, competitor: NDArray) -> NDArray:
        """Log of demand relative to demand at the reference price.

        Parameters
        ----------
        multipliers
            Own price over reference price, positive, shape (B, P).
        competitor
            Not used.

        Returns
        -------
        Log relative demand, shape (B, P), non-increasing in the own price.
        """
        x = np.log(multipliers)
        left = np.clip(np.searchsorted(self.log_price, x, side="right") - 1, 0, len(self.log_price) - 2)
        fraction = (x - self.log_price[left]) / (self.log_price[left + 1] - self.log_price[left])
        low = np.take_along_axis(self.log_units, left, axis=1)
        high = np.take_along_axis(self.log_units, left + 1, axis=1)
        return low + fraction * (high - low)

    def take(self, index: NDArray) -> TabulatedDemand:
        """The curves at `index`, in that order."""
        return replace(self, log_units=self.log_units[index])
