"""What a policy and a simulated trial owe each other: one interface for ours and for every baseline."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policy.market.simulator import Observation, Outcome


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


class PricingPolicy(Protocol):
    """What every policy and baseline offers. B markets are priced together, one period at a time."""

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        """Begin a trial on B markets."""

    def act(self, observation: Observation) -> NDArray:
        """Prices for the coming period, currency, shape (B,), within the allowed range."""

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        """Take in what came of them (also called with the logged history that precedes a trial)."""
