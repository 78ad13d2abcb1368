"""Sales histories of markets whose demand is known, as a merchant's table has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.model.posterior import Posterior
from policy.model.transformer import GRID

REFERENCE, COST = 20.0, 8.0


def weekly(sku: str, price: NDArray, units: NDArray, **columns: Any) -> pd.DataFrame:
    """A canonical history of weeks from 6 January 2025 on."""
    dates = pd.date_range("2025-01-06", periods=len(price), freq="7D")
    return pd.DataFrame({"sku": sku, "date": dates, "price": price, "units": units.astype(float), **columns})


def tested_prices(rng: np.random.Generator, weeks: int, spread: float = 0.3) -> NDArray:
    """Prices set at random about the reference price, in whole cents."""
    return np.round(REFERENCE * np.exp(spread * rng.uniform(-1.0, 1.0, weeks)), 2)


def constant_elasticity(
    sku: str,
    rng: np.random.Generator,
    *,
    weeks: int = 60,
    elasticity: float = -2.0,
    level: float = 80.0,
    stock: NDArray | None = None,
    **columns: Any,
) -> pd.DataFrame:
    """Poisson demand of constant elasticity; sales stop at the stock on hand, where it is given."""
    price = tested_prices(rng, weeks)
    units = rng.poisson(level * (price / REFERENCE) ** elasticity)
    if stock is not None:
        units, columns = np.minimum(units, stock), columns | {"stock": stock}
    return weekly(sku, price, units, **{"cost": COST} | columns)


def logit_with_rival(
    sku: str, rng: np.random.Generator, rival: NDArray, *, share: float = 0.35, rival_share: float = 0.45
) -> pd.DataFrame:
    """Shoppers choose between this product, a rival's and neither: Poisson demand of a logit market, in
    which the elasticity at reference prices is -2.5 and grows where the rival is cheap.

    Parameters
    ----------
    rival
        The rival's price over its usual one, shape (weeks,).
    """
    price = tested_prices(rng, len(rival), spread=0.4)
    slope = 2.5 / (1 - share)
    outside = 1 - share - rival_share
    own = share / outside * np.exp(-slope * (price / REFERENCE - 1))
    other = rival_share / outside * np.exp(-slope * (rival - 1))
    units = rng.poisson(300 * own / (1 + own + other) / share)
    return weekly(sku, price, units, cost=10.0, competitor_price=np.round(19.0 * rival, 2))


def known_posterior(
    *,
    periods: int = 1,
    level: float | tuple[float, ...] = 80.0,
    elasticity: float | tuple[float, ...] = -2.0,
    weights: tuple[float, ...] = (1.0,),
    dispersion: float = 1e-7,
    price: float = REFERENCE,
) -> Posterior:
    """Curves of constant elasticity about a price, the same in every period; counts as good as Poisson."""
    k = len(weights)
    levels, slopes = (np.broadcast_to(np.asarray(v, dtype=float), (k,)) for v in (level, elasticity))
    curves = np.log(levels)[:, None] + slopes[:, None] * GRID.numpy().astype(float)
    return Posterior(
        np.tile(np.asarray(weights, dtype=float), (periods, 1)),
        np.tile(curves, (periods, 1, 1)),
        np.full((periods, k), dispersion),
        np.full(periods, np.log(price)),
    )


def promoted(
    sku: str,
    rng: np.random.Generator,
    *,
    lift: float,
    dip: float = 0.0,
    weeks: int = 80,
    every: int = 10,
    level: float = 300.0,
) -> pd.DataFrame:
    """Poisson demand of elasticity -2 at prices tested within 15 %; every so many weeks a flagged promotion a
    quarter cheaper, with its own log lift, and in the two weeks after it a log dip."""
    week = np.arange(weeks)
    flag = week % every == every - 1
    price = np.round(tested_prices(rng, weeks, spread=0.15) * np.where(flag, 0.75, 1.0), 2)
    after = np.isin(week % every, (0, 1)) & (week > 1)
    log_units = np.log(level) - 2.0 * np.log(price / REFERENCE) + lift * flag - dip * after
    return weekly(sku, price, rng.poisson(np.exp(log_units)), cost=COST, promo=flag.astype(float))
