"""Units at given future prices, row by row of a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from policy.model.future import future_periods
from policy.model.inference import infer
from policy.model.panel import Panel
from policy.model.pool import FittedRows
from policy.model.transformer import PolicyModel


def predicted_demand(
    network: PolicyModel,
    panel: Panel,
    future: pd.DataFrame,
    *,
    quantile_levels: Sequence[float],
    adapters: FittedRows | None,
) -> pd.DataFrame:
    """Forecast units of a panel's products; parameters, result and errors are those of
    `PricingPipeline.predict_demand`."""
    levels = tuple(float(q) for q in quantile_levels)
    if not levels or not all(0 < q < 1 for q in levels) or list(levels) != sorted(set(levels)):
        raise ValueError(f"`quantile_levels` must increase within (0, 1), got {quantile_levels!r}.")
    ahead, rows, columns = future_periods(panel, future)
    horizon = ahead.price.shape[1]
    posterior, _ = infer(
        network, panel.extended(ahead), start_price=panel.first_price, ahead=horizon, adapters=adapters
    )
    chosen = posterior.take(rows * horizon + columns)
    prices = ahead.price[rows, columns][:, None]
    found = chosen.quantiles(prices, levels)[:, 0]
    result = future[[c for c in ("store", "sku", "date", "price") if c in future]].copy()
    result["mean"] = chosen.mean_units(prices)[:, 0]
    for i, level in enumerate(levels):
        result[f"{level:g}"] = found[:, i]
    return result
