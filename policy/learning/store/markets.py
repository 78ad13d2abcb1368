"""Markets like a store's own: its products with one demand curve each, drawn from the policy's posterior.

What the policy believes of the coming periods becomes markets that it, or anyone, can play: each product
with a curve that might be the true one, the season that the policy foresees, and shocks as large as the
store's past has shown. Such markets are only as true as the posterior they are drawn from.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policy.decision.evidence import Evidence, weigh
from policy.decision.recommend import search_range
from policy.history import HistoryError
from policy.learning.store.shocks import Shocks, measure_shocks
from policy.learning.trials import draw
from policy.market import Markets, Observation, Simulator, TabulatedDemand
from policy.market.simulator import Outcome
from policy.model.future import MOST_AHEAD
from policy.model.inference import infer
from policy.model.panel import Panel
from policy.model.posterior import Posterior
from policy.model.transformer import GRID, PolicyModel

_GRID = GRID.double().numpy()


@dataclass(frozen=True, kw_only=True)
class StoreDemand:
    """What the policy believes of the coming periods of B products: all that markets are drawn from."""

    panel: Panel
    """The products that can be priced, B of them."""
    rows: NDArray[np.int64]
    """Where each stood in the panel that was asked about, shape (B,)."""
    posterior: Posterior
    """Of the first period ahead, B rows."""
    log_units: NDArray[np.float64]
    """Log of posterior mean units at the posterior's usual price in each period ahead, shape (B, H)."""
    price_low: NDArray[np.float64]
    price_high: NDArray[np.float64]
    """Range in which the product itself would seek a price, currency, shape (B,)."""
    shocks: Shocks

    def __len__(self) -> int:
        return len(self.panel)


def store_demand(model: PolicyModel, panel: Panel, *, shocks: Shocks | None = None) -> StoreDemand:
    """Ask the policy about the coming periods of every product that it would price.

    Parameters
    ----------
    shocks
        How demand wanders about what is foreseen; measured on the panel where None.

    Raises
    ------
    HistoryError
        There is no product that the policy would price: price never varied, too little or stale history,
        or out of stock.
    """
    evidence = weigh(panel)
    rows = np.flatnonzero([reason is None for reason in evidence.abstain])
    if not len(rows):
        raise _nothing_to_price(evidence)
    low, high = (limit[rows] for limit in search_range(evidence))
    priced = panel.take(rows)
    future = priced.next_periods(MOST_AHEAD, price=priced.last_known("price"))
    # Stock in the periods ahead is not known; without a limit what is foreseen is demand.
    future = replace(future, stock=np.full_like(future.stock, np.nan))
    posterior, _ = infer(model, priced.extended(future), start_price=priced.first_price, ahead=MOST_AHEAD)
    usual = np.exp(posterior.log_price)[:, None]
    return StoreDemand(
        panel=priced,
        rows=rows,
        posterior=posterior.take(np.arange(len(rows)) * MOST_AHEAD),
        log_units=np.log(posterior.mean_units(usual)).reshape(len(rows), MOST_AHEAD),
        price_low=low,
        price_high=high,
        shocks=measure_shocks(model, priced) if shocks is None else shocks,
    )


def draw_markets(
    demand: StoreDemand, rng: np.random.Generator, *, horizon: int, products: NDArray | None = None
) -> Markets:
    """Draw a market for each product: one whole curve of its posterior with its dispersion.

    The level follows the periods foreseen (the last of them for good), moved to the level of the drawn
    curve, with the store's shocks about it. Cost and competitor's price stay as last known and nothing runs
    out of stock; where the cost is unknown it is 0, so that profit is revenue. Traffic is unknown.

    Parameters
    ----------
    horizon
        Periods, the first being the one after the history.
    products
        Which of the B products, in [0, B), any number of times each; every one once where None, shape (M,).
    """
    index = np.arange(len(demand)) if products is None else products
    n = len(index)
    panel, posterior = demand.panel.take(index), demand.posterior.take(index)
    component = draw(posterior.weights, rng)
    curve = posterior.log_units[np.arange(n), component]  # (M, G)
    at_usual = _at_centre(curve)
    foreseen = demand.log_units[index][:, np.minimum(np.arange(horizon), demand.log_units.shape[1] - 1)]
    shock = demand.shocks.draw(rng, n, horizon)
    usual = np.exp(posterior.log_price)
    ones, zeros = np.ones((n, horizon)), np.zeros(n)
    cost = np.nan_to_num(panel.last_known("cost"))
    return Markets(
        demand=TabulatedDemand(log_price=_GRID, log_units=curve - at_usual[:, None]),
        reference_price=usual,
        price_low=demand.price_low[index],
        price_high=demand.price_high[index],
        log_level=foreseen + (at_usual - foreseen[:, 0])[:, None] + shock,
        shock=shock,
        sensitivity=ones,
        reference_effect=zeros,
        reference_memory=zeros,
        pantry_effect=zeros,
        pantry_memory=zeros,
        unit_cost=cost[:, None] * ones,
        competitor=ones,
        competitor_price=panel.last_known("competitor_price"),
        following=zeros,
        promo_lift=zeros,
        views=np.full((n, horizon), np.nan),
        dispersion=posterior.dispersion[np.arange(n), component],
        zero_chance=zeros,
        order_up_to=np.full(n, np.inf),
        replenish_chance=zeros,
        period=panel.history.period,
        start_day=panel.next_periods(1, price=usual).day[:, 0],
    )


def open_markets(
    demand: StoreDemand, markets: Markets, rng: np.random.Generator, *, products: NDArray | None = None
) -> Simulator:
    """A simulator of drawn markets that goes on from the store's present: its last prices, and no promotions
    (not recorded where the store records none). `products` as they were drawn."""
    panel = demand.panel if products is None else demand.panel.take(products)
    no_promo = np.where(np.isfinite(panel.last_known("promo")), 0.0, np.nan)
    return Simulator(
        markets,
        rng,
        promo=np.repeat(no_promo[:, None], markets.horizon, axis=1),
        last_price=panel.last_known("price"),
    )


def past_periods(panel: Panel, periods: int) -> list[tuple[Observation, Outcome]]:
    """The last real periods of every product, as a policy or a `HistoryReader` observes them.

    Parameters
    ----------
    panel
        Products of which each has `periods` on record or more (`long_enough` tells which have).
    periods
        How many, L.

    Returns
    -------
    L pairs, oldest first. Mean profit and demand beyond sales are not known of the past: NaN.
    """
    short = ~long_enough(panel, periods)
    if short.any():
        raise ValueError(
            f"{int(short.sum())} of {len(panel)} products have fewer than {periods} periods; leave them out."
        )
    history, horizon = panel.history, panel.history.price.shape[1]
    price_low, price_high = search_range(weigh(panel))
    unknown = np.full(len(panel), np.nan)
    pairs = []
    for i in range(periods):
        t = horizon - periods + i
        price, units, cost = history.price[:, t], history.units[:, t], history.cost[:, t]
        before = history.price[:, max(t - 1, 0)]
        observation = Observation(
            t=i - periods,
            day=history.day[:, t],
            period=history.period,
            last_price=np.where(np.isfinite(before), before, price),
            unit_cost=cost,
            competitor_price=history.competitor_price[:, t],
            promo=history.promo[:, t],
            stock=history.stock[:, t],
            price_low=price_low,
            price_high=price_high,
        )
        profit = (price - np.nan_to_num(cost)) * units
        pairs.append((observation, Outcome(price, units, unknown, history.views[:, t], profit, unknown)))
    return pairs


def long_enough(panel: Panel, periods: int) -> NDArray[np.bool_]:
    """Which products have at least `periods` periods on record, shape (B,)."""
    return panel.lengths >= periods


def _at_centre(curves: NDArray) -> NDArray:
    """Value at the usual price, the middle of the grid: shape (M, G) to (M,)."""
    return curves[:, len(_GRID) // 2]


def _nothing_to_price(evidence: Evidence) -> HistoryError:
    counts = Counter(str(reason) for reason in evidence.abstain)
    return HistoryError(
        "nothing_to_price",
        "None of {products} products can be priced ({reasons}), so nothing can be played. "
        "Give products whose price changed and that still sell.",
        products=len(evidence.abstain),
        reasons=", ".join(f"{reason}: {count}" for reason, count in counts.most_common()),
    )
