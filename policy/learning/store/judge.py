"""What the test quarter says of an adapter: every comparison of the gate, and the baselines beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from policy.forecast.baselines import GLM, LIGHTGBM, baselines
from policy.forecast.score import ForecastScore, score, series_sums
from policy.history import HistoryError
from policy.learning.store.foretold import Foretold
from policy.learning.store.gate import (
    Comparison,
    elasticity_comparison,
    forecast_comparisons,
    profit_comparison,
)
from policy.learning.store.markets import store_demand
from policy.learning.store.neutral import neutral_demand
from policy.learning.store.split import Split
from policy.model.transformer import PolicyModel


@dataclass(frozen=True)
class Judgement:
    """The base and the adapter on the test quarter."""

    measures: tuple[Comparison, ...]
    baselines: dict[str, ForecastScore]
    """What others forecast, for comparison; they decide nothing."""
    forecasts: dict[str, ForecastScore]
    """`base` and `adapted`."""

    @property
    def passed(self) -> bool:
        """Better where the price moved, and worse at nothing that is asked; each must have been measured."""
        verdicts = {it.measure: it.verdict for it in self.measures}
        better = verdicts["wql_moves"] == "better"
        return better and "profit" in verdicts and "worse" not in verdicts.values()

    def reasons(self, sound: bool) -> list[dict[str, Any]]:
        """Why it is promoted or not, as codes with values.

        Parameters
        ----------
        sound
            Whether validation had not found it worse than the base.
        """
        if sound and self.passed:
            return [{"code": "better", "values": {}}]
        found: list[dict[str, Any]] = [] if sound else [{"code": "nothing_learned", "values": {}}]
        by_name = {it.measure: it for it in self.measures}
        if "profit" not in by_name:
            found.append({"code": "not_played", "values": {}})
        if self.forecasts["base"].moves == 0:
            found.append({"code": "no_moves", "values": {}})
        elif by_name["wql_moves"].verdict == "level":
            found.append({"code": "not_better", "values": {}})
        found += [
            {"code": "worse", "values": {"measure": it.measure}}
            for it in self.measures
            if it.verdict == "worse"
        ]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "measures": [_plain(asdict(it)) for it in self.measures],
            "baselines": {name: _forecast(found) for name, found in self.baselines.items()},
            "forecasts": {name: _forecast(found) for name, found in self.forecasts.items()},
        }


def judged(
    parts: Split,
    base: PolicyModel,
    adapted: PolicyModel,
    *,
    seed: int,
    between: Callable[[], None],
) -> Judgement:
    """Compare a base and its adapter on a store's test quarter.

    Parameters
    ----------
    between
        Called between the comparisons; may raise to stop them.
    """
    networks = (base, adapted)
    foretold = Foretold(parts.test, parts.whole.period, context=base.config.context)
    quantiles = [foretold.quantiles(network) for network in networks]
    between()
    measures = forecast_comparisons([series_sums(parts.test, q) for q in quantiles], seed=seed)
    measures.append(elasticity_comparison(parts.test, [foretold.posterior(n) for n in networks], seed=seed))
    between()
    try:
        demand = store_demand(base, parts.whole)
    except HistoryError:  # nothing in this store can be priced now, so there is nothing to play
        demand = None
    if demand and (profit := profit_comparison(neutral_demand(demand), networks, seed=seed)):
        measures.append(profit)
    between()
    others = baselines()
    return Judgement(
        measures=tuple(measures),
        baselines={name: score(parts.test, others[name](parts.test)) for name in (GLM, LIGHTGBM)},
        forecasts={
            name: score(parts.test, q) for name, q in zip(("base", "adapted"), quantiles, strict=True)
        },
    )


def _forecast(found: ForecastScore) -> dict[str, Any]:
    return _plain({"wql": found.wql, "wql_moves": found.wql_moves, "cover80": found.cover80})


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What could not be measured is None: JSON knows no NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
