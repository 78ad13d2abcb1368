"""Held-out forecasts: what would have been foreseen of the last quarter at the prices really charged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policy.evaluation.forecast import pipeline_forecaster
from policy.forecast.baselines import baselines
from policy.forecast.score import ForecastScore, paired_gap, series_sums
from policy.forecast.windows import Sales
from policy.pipeline import PricingPipeline

BASELINES = {"glm": "per-series ridge GLM", "seasonal_naive": "seasonal naive"}
"""What the product is shown beside, by the names of `policy.forecast.baselines`."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The product's error (WQL on all rows) less another forecaster's; below zero the product was closer."""

    products: int
    """Products forecast."""
    mean: float
    error: float
    """Standard error over products, paired; NaN of one product."""


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """Forecasts of W windows, H periods each, by the priced-forecast protocol."""

    sales: Sales
    quantiles: NDArray[np.float64]
    """The product's, at `policy.forecast.windows.LEVELS`, units, shape (W, H, L)."""
    scores: dict[str, ForecastScore]
    """Of `policy` and of `BASELINES`."""
    gaps: dict[str, Gap]
    """Against each of `BASELINES`."""

    @property
    def below(self) -> NDArray[np.float64]:
        """Share of rows that sold less than each quantile, shape (L,): equal to the levels where forecasts
        are calibrated. What sold exactly a quantile counts half."""
        units = self.sales.path("units")[self.sales.ahead][:, :, None]
        return ((units < self.quantiles) + 0.5 * (units == self.quantiles)).mean(axis=(0, 1))


def forecast(pipeline: PricingPipeline, sales: Sales) -> Forecasts:
    """Forecast and score every window."""
    quantiles = pipeline_forecaster(pipeline)(sales)
    ours, others = series_sums(sales, quantiles), baselines()
    theirs = {code: series_sums(sales, others[name](sales)) for code, name in BASELINES.items()}
    products = int(np.count_nonzero(ours.rows))
    gaps = {}
    for code, sums in theirs.items():
        mean, error = paired_gap(ours, sums)
        gaps[code] = Gap(products=products, mean=mean, error=error)
    scores = {code: sums.score() for code, sums in {"policy": ours, **theirs}.items()}
    return Forecasts(sales=sales, quantiles=quantiles, scores=scores, gaps=gaps)
