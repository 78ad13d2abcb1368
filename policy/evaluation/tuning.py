"""Tuning of the baselines on the training prior, so that what they lose is not for want of care.

`pricing-assistant evaluate --suite tuning --out policy/results` renews the committed table; constants beside
the baselines cite it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from policy.decision.interface import PricingPolicy
from policy.evaluation.baselines import (
    CILS,
    CVP,
    ILSE,
    UCB1,
    GaussianPrior,
    InflatedThompson,
    LinearModel,
    LinearThompson,
    MetaDP,
    MLECycle,
    prior_from_simulated_logs,
)
from policy.evaluation.benchmark import FRESH_PRIOR, Stage, Suite
from policy.evaluation.protocols.contextual import GUARDED, run
from policy.market import Simulator
from policy.market.contextual import INF_2D_SQ_MIX, INF_4D, NO_COVARIATES, NO_COVARIATES_LONG

SUITE = Suite(name="fresh, cold start", markets=1000, logged=0, horizon=40, prior=FRESH_PRIOR, seed=10_001)
"""Training prior without stock limits; the seed is none of the benchmark's."""
CONTEXTUAL_SEED = 10_002

SLOPES = (-0.05, -0.2, -0.5, -1.0, -2.0)
KAPPAS = (0.05, 0.1, 0.3, 0.6, 1.0)
SCALES = (0.05, 0.1, 0.3, 1.0)
SHARES = (0.1, 0.5, 0.9)
OPENINGS = ((1.0, 0.9), (1.1, 0.9), (1.0, 1.2), (1.2, 0.8), (1.3, 0.9), (1.3, 0.7))
"""Pairs of first test prices, in reference prices."""
EXPLORATIONS = (
    (0.9, 1.1),
    (0.8, 1.2),
    (1.0, 1.2),
    (1.0, 1.4),
    (0.8, 1.6),
    (0.9, 1.0, 1.1),
    (0.8, 1.0, 1.2),
    (0.9, 1.1, 1.3),
    (0.8, 1.0, 1.2, 1.4),
)
WIDTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
WIDENINGS = (0.0, 1.0, 10.0)

CONTEXTUAL_OPENINGS = ((1.0, 2.0), (1.5, 2.0), (1.0, 3.0), (2.0, 4.0))
CONTEXTUAL_EXPLORATIONS = ((1.0, 2.0), (1.0, 3.0), (2.0, 4.0), (1.0, 2.0, 4.0), (1.0, 3.0, 5.0))
"""In the prices of the contextual protocols, where the optimum is near 1.7 in the middle of the prior."""


@dataclass(frozen=True)
class Candidate:
    """One setting of one baseline."""

    policy: str
    setting: str
    make: Callable[[], PricingPolicy]

    def make_for(self, simulator: Simulator) -> PricingPolicy:
        """The policy, for a benchmark that would show its simulator to an oracle."""
        return self.make()


def fresh_candidates() -> Iterator[Candidate]:
    """Every setting that is tried on the training prior."""

    def add(policy: str, make: Callable[[], PricingPolicy], **setting: object) -> Candidate:
        return Candidate(policy, "; ".join(f"{name} = {value}" for name, value in setting.items()), make)

    priors: dict[float, GaussianPrior] = {
        w: prior_from_simulated_logs(FRESH_PRIOR, np.random.default_rng(SUITE.seed), widening=w)
        for w in WIDENINGS
    }
    for width in WIDTHS:
        yield add("UCB1", partial(UCB1, width), exploration=width)
    for slope in SLOPES:
        model = LinearModel(slope_limit=slope)
        for exploration in EXPLORATIONS:
            cycle = partial(MLECycle, exploration, model)
            yield add("MLE-CYCLE", cycle, exploration=exploration, slope_limit=slope)
        for widening, prior in priors.items():
            meta = partial(MetaDP, prior, model)
            yield add("Meta-DP", meta, widening=widening, slope_limit=slope)
    for slope, opening in product(SLOPES, OPENINGS):
        model = LinearModel(slope_limit=slope, first_prices=opening)
        common = {"slope_limit": slope, "first_prices": opening}
        yield add("ILSE", partial(ILSE, model), **common)
        for scale in SCALES:
            yield add(
                "linear Thompson sampling", partial(LinearThompson, scale, model), scale=scale, **common
            )
        for kappa in KAPPAS:
            yield add("CILS", partial(CILS, kappa, model), kappa=kappa, **common)
        for share in SHARES:
            yield add("CVP", partial(CVP, share, model), share=share, **common)


def contextual_candidates() -> Iterator[Candidate]:
    """Every setting that is tried on a contextual protocol's prior, in its scale, with the sign guard."""
    for width in WIDTHS:
        yield Candidate("UCB1", f"exploration = {width}", partial(UCB1, width))
    for exploration in CONTEXTUAL_EXPLORATIONS:
        cycle = partial(MLECycle, exploration, GUARDED)
        yield Candidate("MLE-CYCLE", f"exploration = {exploration}", cycle)
    for share, opening in product(SHARES, CONTEXTUAL_OPENINGS):
        controlled = partial(CVP, share, replace(GUARDED, first_prices=opening))
        yield Candidate("CVP", f"share = {share}; first_prices = {opening}", controlled)
    for kappa in KAPPAS:
        yield Candidate("CILS", f"kappa = {kappa}", partial(CILS, kappa, GUARDED))
    for scale in (0.01, 0.02, 0.05, 0.1):
        make = partial(InflatedThompson, scale, GUARDED)
        yield Candidate("linear Thompson sampling", f"scale = {scale}", make)


def tune(*, markets: int = SUITE.markets, commit: str) -> list[dict[str, str]]:
    """Run every candidate on the same markets, printing the best of each policy as it goes.

    Returns
    -------
    One row a candidate. `score` is the mean profit captured (higher is better) on the training prior, the
    mean regret (lower is better) on a contextual protocol; `chosen` marks the best of each policy.
    """
    suite = replace(SUITE, markets=markets)
    stage = Stage(suite)
    captured = {c: stage.play(c.make_for).captured for c in fresh_candidates()}
    table = _rows(suite.name, captured, best=max, seed=suite.seed, commit=commit)
    for setting in (INF_4D, INF_2D_SQ_MIX, NO_COVARIATES, NO_COVARIATES_LONG):
        regret = {
            c: run(setting, {c.policy: c.make}, markets=markets, seed=CONTEXTUAL_SEED)[c.policy].sum(axis=1)
            for c in contextual_candidates()
        }
        table += _rows(setting.name, regret, best=min, seed=CONTEXTUAL_SEED, commit=commit)
    return table


def _rows(
    suite: str,
    scores: Mapping[Candidate, NDArray],
    *,
    best: Callable[..., Candidate],
    seed: int,
    commit: str,
) -> list[dict[str, str]]:
    rows = []
    for name in dict.fromkeys(c.policy for c in scores):
        group = {c: values for c, values in scores.items() if c.policy == name}
        chosen = best(group, key=lambda c: float(scores[c].mean()))
        for candidate, values in group.items():
            rows.append(
                {
                    "suite": suite,
                    "policy": name,
                    "setting": candidate.setting,
                    "markets": str(len(values)),
                    "score": f"{values.mean():.4f}",
                    "standard_error": f"{values.std(ddof=1) / np.sqrt(len(values)):.4f}",
                    "chosen": "yes" if candidate is chosen else "",
                    "seed": str(seed),
                    "commit": commit,
                }
            )
        print(f"  {suite}: {name} does best with {chosen.setting}", flush=True)
    return rows
