"""The promotion gate: is the adapter better than the base on sales that neither has seen?

Differences are judged by a paired bootstrap over products: the same products drawn again and again, the base
and the adapter measured on each draw. An adapter is promoted if it is better where the price moved and worse
at nothing else. The draws know nothing of what all products of the quarter shared, its weather and holidays:
a verdict is about that quarter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from policy.decision.policies import InContextPolicy
from policy.forecast.score import SeriesSums
from policy.forecast.windows import Sales
from policy.learning.store.markets import (
    StoreDemand,
    draw_markets,
    long_enough,
    open_markets,
    past_periods,
)
from policy.model.posterior import Posterior
from policy.model.transformer import PolicyModel

DRAWS = 2000
"""Bootstrap samples of products."""

SURE = 0.9
"""How sure the gate is before it calls an adapter better, or worse, where prices moved: one-sided."""

SURE_ELSEWHERE = 1 - (1 - SURE) / 4
"""The same for the four other measures. Each of them may refuse an adapter, so that each has a quarter of the
chance of error (Bonferroni): luck alone refuses one in ten, not one in three."""

FEWEST_TOLD = 5
"""Products that must bear on a measure before it can be called better or worse: one's luck is no sign."""

PAST, HORIZON, REPEATS = 30, 20, 4
"""Real periods read before play, periods played, and markets drawn for each product."""

Measure = Literal["wql_moves", "wql", "coverage", "elasticity", "profit"]
Verdict = Literal["better", "level", "worse"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The base and the adapter by one measure."""

    measure: Measure
    base: float
    adapted: float
    difference: float
    """Adapted minus base in the measure's unit."""
    low: float
    high: float
    """What is beyond this interval of the difference would make a verdict: central 80 % on moves, 95 %
    elsewhere."""
    verdict: Verdict


def compare(
    measure: Measure,
    statistic: Callable[[NDArray, int], NDArray],
    *,
    bears: NDArray,
    seed: int,
    more_is_better: bool = False,
) -> Comparison:
    """Compare by paired bootstrap.

    The draws give the difference's standard error, with the correction of few products n/(n - 1); the verdict
    is by Student's t, whose degrees of freedom are the effective number of products less one, Kish's
    (sum b)^2 / sum b^2: percentiles of the draws alone find differences too often where products are few or
    one sells most (Efron and Tibshirani 1993, chapter 12).

    Parameters
    ----------
    statistic
        From weights of products, shape (D, S), and 0 for the base or 1 for the adapter to the measure,
        shape (D,).
    bears
        How much each product bears on the measure, shape (S,), not negative.
    more_is_better
        For profit; less is for all other measures.
    """
    rng = np.random.default_rng(seed)
    products = len(bears)
    weights = rng.multinomial(products, np.full(products, 1 / products), size=DRAWS).astype(float)
    everything = np.ones((1, products))
    base, adapted = (float(statistic(everything, which)[0]) for which in (0, 1))
    drawn = statistic(weights, 1) - statistic(weights, 0)
    finite = np.isfinite(drawn)
    told = int((bears > 0).sum())
    difference, reach = adapted - base, np.nan
    # Draws that say nothing, of products without moves, must be rare for the others to be trusted.
    if told > 1 and finite.mean() >= SURE:
        effective = bears.sum() ** 2 / (bears**2).sum()
        sure = SURE if measure == "wql_moves" else SURE_ELSEWHERE
        error = drawn[finite].std() * np.sqrt(told / (told - 1))
        reach = float(student.ppf(sure, max(effective - 1, 1.0)) * error)
    gain = difference if more_is_better else -difference
    verdict: Verdict = "level"
    if told >= FEWEST_TOLD and abs(gain) > reach:  # never where the reach is unknown
        verdict = "better" if gain > 0 else "worse"
    return Comparison(
        measure=measure,
        base=base,
        adapted=adapted,
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        verdict=verdict,
    )


def forecast_comparisons(sums: Sequence[SeriesSums], *, seed: int) -> list[Comparison]:
    """Quantile loss where the price moved and everywhere, and how far the share of sales inside the 80 %
    interval is from that; `sums` of the base and the adapter."""

    def ratio(top: str, bottom: str) -> Callable[[NDArray, int], NDArray]:
        def statistic(weights: NDArray, which: int) -> NDArray:
            above, below = weights @ getattr(sums[which], top), weights @ getattr(sums[which], bottom)
            return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)

        return statistic

    of_base = sums[0]
    return [
        compare("wql_moves", ratio("loss_moves", "units_moves"), bears=of_base.units_moves, seed=seed),
        compare("wql", ratio("loss", "units"), bears=of_base.units, seed=seed),
        compare(
            "coverage",
            lambda weights, which: np.abs(ratio("inside", "rows")(weights, which) - 0.8),
            bears=of_base.rows.astype(float),
            seed=seed,
        ),
    ]


def elasticity_comparison(sales: Sales, posteriors: Sequence[Posterior], *, seed: int) -> Comparison:
    """How far sold units followed the price as the elasticities said.

    Over the rows whose price had moved, log units are regressed on what the posterior foretells of the move
    and on what it foretells at the price before it, each about its product's mean. The measure is how far the
    move's coefficient is from 1: below it buyers reacted less than foretold. Observed, so only as free of
    other causes as the store's own price moves are.
    """
    moves = sales.moves
    price = sales.path("price")
    charged, before = price[sales.ahead], price[sales.origin - 1][:, None]
    sold = np.log(sales.path("units")[sales.ahead] + 0.5)
    series = np.broadcast_to(sales.series[:, None], moves.shape)[moves]
    products = len(sales.series_start)
    count = np.maximum(np.bincount(series, minlength=products), 1)

    def centred(path: NDArray) -> NDArray:
        return path - (np.bincount(series, weights=path, minlength=products) / count)[series]

    def summed(left: NDArray, right: NDArray) -> NDArray:
        return np.bincount(series, weights=left * right, minlength=products)

    seen, sums = centred(sold[moves]), []
    for posterior in posteriors:
        pair = np.stack([charged.ravel(), np.broadcast_to(before, charged.shape).ravel()], axis=1)
        log_mean = np.log(posterior.mean_units(pair) + 0.5).reshape(*charged.shape, 2)[moves]
        move, level = centred(log_mean[:, 0] - log_mean[:, 1]), centred(log_mean[:, 1])
        pairs = ((move, move), (move, level), (level, level), (move, seen), (level, seen))
        sums.append([summed(left, right) for left, right in pairs])

    def slope(weights: NDArray, which: int) -> NDArray:
        mm, ml, ll, ms, ls = (weights @ column for column in sums[which])
        ll = ll + 1e-9 * (mm + 1e-9)  # a level that never changes takes nothing away
        determinant = mm * ll - ml**2
        found = np.divide(
            ll * ms - ml * ls, determinant, out=np.full_like(mm, np.nan), where=determinant > 1e-12 * mm * ll
        )
        return np.abs(found - 1.0)

    return compare("elasticity", slope, bears=sums[0][0], seed=seed)


def profit_comparison(
    demand: StoreDemand, networks: Sequence[PolicyModel], *, seed: int
) -> Comparison | None:
    """Share of the best profit captured in store-calibrated markets by the product's own pricing.

    None where no product is long enough to play on.

    Parameters
    ----------
    demand
        What the markets are drawn from; `neutral_demand`, so that neither network plays on its own ground.
    networks
        The base and the adapter.
    """
    rows = np.flatnonzero(long_enough(demand.panel, PAST))
    if not len(rows):
        return None
    products = np.repeat(rows, REPEATS)
    captured = [
        play(demand, network, products, seed=seed).reshape(len(rows), REPEATS).mean(axis=1)
        for network in networks
    ]

    def mean(weights: NDArray, which: int) -> NDArray:
        return (weights @ captured[which]) / weights.sum(axis=1)

    return compare("profit", mean, bears=np.ones(len(rows)), seed=seed, more_is_better=True)


def play(demand: StoreDemand, network: PolicyModel, products: NDArray, *, seed: int) -> NDArray[np.float64]:
    """Share of the best expected profit that the product's pricing captures in drawn markets, shape (M,)."""
    rng = np.random.default_rng(seed)
    markets = draw_markets(demand, rng, horizon=HORIZON, products=products)
    simulator = open_markets(demand, markets, rng, products=products)
    policy = InContextPolicy(network)
    policy.reset(markets, rng)
    for observation, outcome in past_periods(demand.panel.take(products), PAST):
        policy.observe(observation, outcome)
    earned, best = np.zeros(len(products)), np.zeros(len(products))
    fraction = np.linspace(0.0, 1.0, 121)
    log_low, log_high = np.log(markets.price_low)[:, None], np.log(markets.price_high)[:, None]
    candidates = np.exp(log_low + fraction * (log_high - log_low))
    for _ in range(HORIZON):
        best += simulator.expected_profit(candidates).max(axis=1)
        observation = simulator.observation()
        outcome = simulator.step(policy.act(observation))
        policy.observe(observation, outcome)
        earned += outcome.expected_profit
    return np.clip(earned / np.maximum(best, 1e-9), -1.0, 1.0)
