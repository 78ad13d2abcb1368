"""Trajectories: sales histories as arrays, the form in which simulation, training and the model meet."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Histories of B products over T periods. NaN means unknown; rows end, not start, together.

    All paths have shape (B, T), prices and costs in currency, units per period.
    """

    price: NDArray[np.float64]
    """Price charged; NaN in periods before a product's first."""
    units: NDArray[np.float64]
    """Units sold; NaN where unknown, as in every future period."""
    cost: NDArray[np.float64]
    competitor_price: NDArray[np.float64]
    promo: NDArray[np.float64]
    """Promotion in [0, 1]."""
    stock: NDArray[np.float64]
    """Units on hand when the period began."""
    views: NDArray[np.float64]
    day: NDArray[np.int64]
    """First day of the period, days since 1970-01-01."""
    period: NDArray[np.int64]
    """0 day, 1 week, 2 month, shape (B,)."""

    def __len__(self) -> int:
        return len(self.price)

    def take(self, index: NDArray | slice) -> Trajectory:
        """The products at `index`."""
        return Trajectory(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def window(self, start: int, stop: int) -> Trajectory:
        """Periods start to stop of every product."""
        paths = {f.name: getattr(self, f.name)[:, start:stop] for f in fields(self) if f.name != "period"}
        return Trajectory(period=self.period, **paths)
