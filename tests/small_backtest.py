"""A small store's backtest, and the same with other numbers in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from small_networks import tiny_network

from policy.evaluation.backtest.off_policy import Estimate
from policy.evaluation.backtest.report import Backtest, backtest
from policy.history import canonical_history
from policy.model.loading import LoadedModel
from policy.model.panel import Panel, make_panel

WEEKS = 44


def shop(
    *, products: int = 8, weeks: int = WEEKS, constant: bool = False, cost: bool = True, seed: int = 0
) -> pd.DataFrame:
    """Weekly sales: prices drawn each week within 20 % of 10, elasticity -2, no promotions; one product is
    sold for half the time."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(products):
        for week in range(weeks // 2 if i == 1 else 0, weeks):
            price = 10.0 if constant else round(float(10 * np.exp(rng.uniform(-0.2, 0.2))), 2)
            rows.append(
                {
                    "sku": f"P{i}",
                    "date": pd.Timestamp("2025-01-06") + pd.Timedelta(weeks=week),
                    "price": price,
                    "units": float(rng.poisson(40 * (price / 10) ** -2.0)),
                }
                | ({"cost": 5.0} if cost else {})
            )
    return pd.DataFrame(rows)


def panel_of(table: pd.DataFrame) -> Panel:
    frame, report = canonical_history(table)
    return make_panel(frame, report.period)


def tiny_model() -> LoadedModel:
    return LoadedModel(tiny_network(context=112), "0" * 64, None)


def run(model: LoadedModel, table: pd.DataFrame) -> Backtest:
    frame, history = canonical_history(table)
    return backtest(model, frame, history.period, file="sales.csv")


def with_gains(report: Backtest, **gains: tuple[float, float, float]) -> Backtest:
    """The same report with these off-policy differences: estimate, low and high by estimator, beside 100
    really earned; the effective sample size is 64."""
    estimates = tuple(
        Estimate(
            estimator="sniw" if name == "sniw" else "dr",
            value=100 + gain,
            low=100 + low,
            high=100 + high,
            gain=gain,
            gain_low=low,
            gain_high=high,
        )
        for name, (gain, low, high) in gains.items()
    )
    told = replace(report.off_policy[0], earned=100.0, ess=64.0, estimates=estimates, refused=None)
    return replace(report, off_policy=(told,))
