"""What a policy may know of markets before play, and the observations of markets that hide little."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policy.market.simulator import Observation


class Setting(Protocol):
    """What a policy may know of B markets before play. `policy.market.Markets` is one; so are the
    environments of the published protocols, which have no hidden fields that `Markets` has."""

    @property
    def reference_price(self) -> NDArray[np.float64]:
        """Unit in which a policy may measure prices, currency, shape (B,)."""

    @property
    def price_low(self) -> NDArray[np.float64]: ...

    @property
    def price_high(self) -> NDArray[np.float64]:
        """With `price_low` the range of prices that may be charged, shape (B,)."""

    @property
    def horizon(self) -> int:
        """Number of periods T."""

    def __len__(self) -> int: ...


def bare_observation(
    t: int, *, last_price: NDArray, setting: Setting, covariates: NDArray | None = None
) -> Observation:
    """What is known before period t of a protocol that has no cost, competitor, promotion or stock; days are
    periods. `last_price` has shape (B,), `covariates` (B, d)."""
    n = len(last_price)
    zero, unknown, none = np.zeros(n), np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    return Observation(
        t=t,
        day=none + t,
        period=none,
        last_price=last_price,
        unit_cost=zero,
        competitor_price=unknown,
        promo=zero,
        stock=unknown,
        price_low=setting.price_low,
        price_high=setting.price_high,
        covariates=covariates,
    )
