"""Expected demand against price in the next period."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from policy.decision.choice import mean_objective
from policy.decision.evidence import weigh
from policy.decision.outcomes import LEVELS, DemandCurve, interval_at
from policy.decision.recommend import Label, search_range
from policy.decision.situation import known, posterior_of, situation_of
from policy.model.panel import Panel
from policy.model.pool import FittedRows
from policy.model.posterior import Posterior
from policy.model.transformer import PolicyModel


def demand_curves(
    network: PolicyModel,
    panel: Panel,
    labels: list[Label],
    *,
    prices: Sequence[float] | None,
    points: int,
    adapters: FittedRows | None,
    levels: tuple[float, ...] = LEVELS,
    posterior: Posterior | None = None,
) -> list[DemandCurve]:
    """Demand curves of a panel's products, in its order; parameters as of `PricingPipeline.demand_curve`.

    Parameters
    ----------
    levels
        Quantile levels in (0, 1): they cost more than all the rest of a curve.
    posterior
        What the network says of the panel's next period, where the caller has asked it already.
    """
    situation = situation_of(panel, maximise_profit=True, adapters=adapters)
    if posterior is None:
        posterior = posterior_of(network, situation)
    evidence = weigh(panel)
    low, high = search_range(evidence)
    if prices is None:
        fraction = np.linspace(0.0, 1.0, points)
        grid = low[:, None] + fraction * (high - low)[:, None]
    else:
        if not all(np.isfinite(p) and p > 0 for p in prices) or not len(prices):
            raise ValueError(f"`prices` must be positive numbers, got {prices!r}.")
        grid = np.broadcast_to(np.sort(np.asarray(prices, dtype=float)), (len(panel), len(prices)))
    quantiles = posterior.quantiles(grid, levels)
    mean = posterior.mean_units(grid)
    expected = mean_objective(posterior, grid, situation.objective_cost, situation.stock)
    limit = np.where(np.isfinite(situation.stock), situation.stock, np.inf)[:, None]
    margin = grid - situation.objective_cost[:, None]
    ends = [margin * np.minimum(units, limit) for units in posterior.mean_units_band(grid)]
    band = np.minimum(*ends), np.maximum(*ends)  # below cost, more units lose more
    slopes = posterior.elasticity(situation.current_price)
    curves = []
    for row, (store, sku) in enumerate(panel.keys):
        cost = known(situation.unit_cost[row])
        curves.append(
            DemandCurve(
                sku=sku,
                store=store,
                name=labels[row].name,
                currency=labels[row].currency,
                period=panel.period,
                prices=grid[row].copy(),
                mean=mean[row],
                quantiles={f"{q:g}": quantiles[row, :, i] for i, q in enumerate(levels)},
                elasticity=interval_at(slopes, row),
                current_price=float(situation.current_price[row]),
                unit_cost=cost,
                known_low=float(evidence.known_low[row]),
                known_high=float(evidence.known_high[row]),
                objective="revenue" if cost is None else "profit",
                objective_mean=expected[row],
                objective_low=band[0][row],
                objective_high=band[1][row],
            )
        )
    return curves
