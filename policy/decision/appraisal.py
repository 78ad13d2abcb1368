"""What a report needs of every product, from one reading of its history: advice, standing, demand curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policy.decision.curves import demand_curves
from policy.decision.outcomes import DemandCurve
from policy.decision.recommend import Label, recommend
from policy.decision.recommendation import Objective, Recommendation
from policy.decision.rules import Rules
from policy.decision.situation import posterior_of, situation_of
from policy.decision.standing import Standing, standings
from policy.model.loading import LoadedModel
from policy.model.panel import Panel
from policy.model.pool import FittedRows

POINTS = 25
"""Prices of a curve: as many as a figure of a few centimetres shows."""

ENDS = (0.1, 0.9)
"""Quantile levels of a curve's 80 % interval."""


@dataclass(frozen=True, kw_only=True)
class Appraisal:
    """One product in its next period."""

    recommendation: Recommendation
    standing: Standing
    curve: DemandCurve
    """`POINTS` prices, with the quantiles of `ENDS` only."""


def appraise(
    model: LoadedModel,
    panel: Panel,
    labels: list[Label],
    *,
    objective: Objective,
    rules: Rules | Mapping[str, Rules],
    adapters: FittedRows | None,
) -> list[Appraisal]:
    """Appraise a panel's products, in its order; parameters and errors are those of `recommend`."""
    situation = situation_of(panel, maximise_profit=objective == "profit", adapters=adapters)
    posterior = posterior_of(model.network, situation)
    advice = recommend(
        model,
        panel,
        labels,
        objective=objective,
        rules=rules,
        horizon=1,
        explore=False,
        adapters=adapters,
        posterior=posterior,
    )
    curves = demand_curves(
        model.network,
        panel,
        labels,
        prices=None,
        points=POINTS,
        adapters=adapters,
        levels=ENDS,
        posterior=posterior,
    )
    return [
        Appraisal(recommendation=said, standing=stands, curve=curve)
        for said, stands, curve in zip(advice, standings(panel, labels), curves, strict=True)
    ]
