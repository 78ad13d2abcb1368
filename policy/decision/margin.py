"""What a unit leaves: price less fees, cost and shipping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policy.decision.given import require_fraction, require_not_negative
from policy.decision.recommendation import Objective


@dataclass(frozen=True, kw_only=True)
class UnitEconomics:
    """What selling one unit costs. Store currency, tax excluded."""

    unit_cost: float | None
    """None where unknown; then revenue is counted instead of profit."""
    fee: float = 0.0
    """Share of the price that a marketplace or payment provider keeps, a fraction in [0, 1)."""
    shipping: float = 0.0
    """What a unit costs besides, whatever its price: shipping that the seller pays, packing, a fixed fee."""

    def __post_init__(self) -> None:
        require_not_negative(unit_cost=self.unit_cost, shipping=self.shipping)
        require_fraction(fee=self.fee)

    @property
    def objective(self) -> Objective:
        return "revenue" if self.unit_cost is None else "profit"

    @property
    def break_even(self) -> float | None:
        """The lowest price that loses nothing on a unit: (cost + shipping) / (1 - fee); None without
        cost."""
        return None if self.unit_cost is None else (self.unit_cost + self.shipping) / (1 - self.fee)

    def profit(self, price: NDArray) -> NDArray:
        """Profit per unit sold at prices of any shape, currency; NaN without a cost."""
        cost = np.nan if self.unit_cost is None else self.unit_cost
        return np.asarray(price * (1 - self.fee) - self.shipping - cost)

    def value(self, price: NDArray) -> NDArray:
        """What counts in the objective per unit sold: profit, or the price where the cost is unknown."""
        return np.asarray(price, dtype=float) if self.unit_cost is None else self.profit(price)
