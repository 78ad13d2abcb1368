"""The suites of `pricing-assistant evaluate`: each runs a comparison and returns the lines of its results.

What a suite needs is imported when it runs, so that the command's help is there at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from policy.decision.interface import PricingPolicy
from policy.evaluation.tables import Rows, write_rows

if TYPE_CHECKING:
    from numpy.random import Generator

    from policy.evaluation.protocols.contestants import Ours
    from policy.evaluation.protocols.regret import Environment

QUICK_MARKETS, QUICK_SERIES = 60, 8
"""Sizes with `--quick`: the default suites take less than two minutes on two cores."""

PROTOCOL_MARKETS = 1000
"""Markets of a published protocol."""

QUICK_LEARNERS = 6
"""Markets with `--quick` where each has learners of its own."""

EXTRA = "pip install 'pricing-assistant[benchmarks]'"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a suite is told."""

    weights: str | None
    """Folder of a model; None for the embedded base."""
    model_hash: str
    commit: str
    quick: bool
    out: Path | None
    """Folder for results files."""
    paths: tuple[Path, ...]
    """Folders or files of real sales."""
    series: int
    """Most series of a set of real sales."""
    runs: Path = Path("runs")
    """Folder of the runs that a suite trains itself."""
    backbone: Path | None = None
    """Folder of a language-pretrained decoder, for the ablation."""

    def write(self, name: str, rows: Rows) -> None:
        """Write a results file, if results are wanted."""
        if self.out is not None:
            write_rows(self.out / f"{name}.csv", rows)
            print(f"Wrote {self.out / name}.csv.")


def _simulated(run: Run, *, suite: str) -> Rows:
    """Every policy in simulated markets."""
    from policy.evaluation import benchmark

    makers = benchmark.contestants(run.weights)
    if suite == "static":
        from policy.evaluation.bayes import STATIC_PRIOR, BayesGreedy, BayesThompson

        # Where the prior's posterior can be computed, it is what learning in context is measured against.
        makers = {
            **makers,
            "exact-prior Bayes, greedy": lambda simulator: BayesGreedy(STATIC_PRIOR),
            "exact-prior Bayes, Thompson": lambda simulator: BayesThompson(STATIC_PRIOR),
        }
    if suite == "single-task":
        from policy.evaluation.single_task import SingleTaskA2C, SingleTaskDQN, SingleTaskPPO

        makers = {
            n: make for n, make in makers.items() if n.endswith("(ours)") or n in ("keep price", "oracle")
        }
        makers |= {
            "DQN, trained on the market": lambda simulator: SingleTaskDQN(),
            "A2C, trained on the market": lambda simulator: SingleTaskA2C(),
            "PPO, trained on the market": lambda simulator: SingleTaskPPO(),
        }
    measured = benchmark.measure(
        benchmark.SUITES[suite],
        makers,
        markets=(QUICK_LEARNERS if suite == "single-task" else QUICK_MARKETS) if run.quick else None,
        model_hash=run.model_hash,
        commit=run.commit,
    )
    run.write(f"{suite}_regret", measured.regret)
    return measured.scores


def _forecast(run: Run) -> Rows:
    """The product's forecasts and the baselines' on real sales."""
    from policy.evaluation.forecast import forecast_rows, pipeline_forecaster
    from policy.forecast.baselines import LIGHTGBM, baselines
    from policy.forecast.windows import Protocol
    from policy.pipeline import PricingPipeline

    others = baselines()
    if LIGHTGBM not in others:
        print(f"LightGBM is not installed, so its forecasts are left out; {EXTRA} adds it.")
    ours = pipeline_forecaster(PricingPipeline.from_pretrained(run.weights))
    return forecast_rows(
        run.paths,
        {"in-context policy (ours)": ours} | others,
        Protocol(series=min(run.series, QUICK_SERIES) if run.quick else run.series),
        model_hash=run.model_hash,
        commit=run.commit,
    )


def _adapted(run: Run) -> Rows:
    """What fine-tuning makes of each set of real sales."""
    from policy.evaluation.adapted import adapted_rows
    from policy.forecast.windows import Protocol

    series = min(run.series, QUICK_SERIES) if run.quick else run.series
    runs = run.runs / "adapted" / ("quick" if run.quick else run.model_hash)
    return adapted_rows(run.paths, runs, Protocol(series=series), weights=run.weights, commit=run.commit)


def _seed_shop(run: Run) -> Rows:
    """The shop of protocol P5: our base as shipped, and the baselines that need not know a market."""
    from policy.decision.policies import InContextPolicy, PriceHeadPolicy
    from policy.evaluation import baselines
    from policy.evaluation.protocols.seed_shop import shop_rows
    from policy.model.loading import load_model

    model = load_model(run.weights).network
    policies: dict[str, PricingPolicy] = {
        "in-context policy (ours)": InContextPolicy(model),
        "its price head alone": PriceHeadPolicy(model),
        "keep price": baselines.KeepPrice(),
        "guarded ILSE": baselines.ILSE(),
        "CILS": baselines.CILS(),
        "CVP": baselines.CVP(),
        "MLE-CYCLE": baselines.MLECycle(),
        "linear Thompson sampling": baselines.LinearThompson(),
        "UCB1 on a price grid": baselines.UCB1(),
        "Bayes-UCB on a price grid": baselines.BayesUCB(),
    }
    print("the seed's shop: 100 days, share of the best revenue")
    shops = 4 if run.quick else 24
    return shop_rows(policies, shops=shops, seed=20_011, model_hash=run.model_hash, commit=run.commit)


def _contextual(run: Run, *, suite: str) -> Rows:
    """Protocols P1 and P2: contextual pricing, and pricing without covariates."""
    from policy.evaluation.protocols import contextual
    from policy.evaluation.protocols.contestants import on_contextual
    from policy.market.contextual import ContextualMarkets

    rows: Rows = []
    for setting in contextual.SUITES[suite]:
        rows += _regret(
            run,
            setting.name,
            partial(ContextualMarkets, setting),
            contextual.baselines(setting),
            on_contextual(setting),
            seed=contextual.SEED,
            markets=PROTOCOL_MARKETS,
            # A thousand periods of exact Bayes take a minute for every few hundred markets.
            fewer=200 if setting.horizon > 100 else None,
        )
    return rows


def _bandit(run: Run) -> Rows:
    """Protocol P4: the five-armed bandit."""
    from policy.evaluation.protocols import bandit
    from policy.evaluation.protocols.contestants import on_bandit
    from policy.market.bandit import ROUNDS, Bandits

    return _regret(
        run,
        f"five arms, T = {ROUNDS}",
        Bandits,
        bandit.BASELINES,
        on_bandit(),
        seed=bandit.SEED,
        # Rounds are cheap, and regret differs much between bandits.
        markets=2 * PROTOCOL_MARKETS,
    )


def _regret(
    run: Run,
    protocol: str,
    environment: Callable[[int, Generator], Environment],
    baselines: Mapping[str, Callable[[], PricingPolicy]],
    ours: Ours[PricingPolicy],
    *,
    seed: int,
    markets: int,
    fewer: int | None = None,
) -> Rows:
    """All policies on one protocol, ours first; the exact-prior Bayes references on `fewer` others
    from the same prior, if given."""
    from policy.evaluation.protocols.regret import play_all, regret_row

    print(protocol, flush=True)
    rows = []
    for name, make in {**ours.policies, **baselines}.items():
        size = fewer if fewer and name.startswith("exact-prior") else markets
        size = QUICK_MARKETS if run.quick else size
        ((_, played),) = play_all(environment, {name: make}, markets=size, seed=seed)
        weights = ours.hashes.get(name, run.model_hash)
        row = regret_row(protocol, name, played, seed=seed, model_hash=weights, commit=run.commit)
        rows.append(row)
        print(
            "  {policy:40s} regret {regret} ± {regret_error}  median {median}"
            "  95th percentile {percentile_95}".format(**row),
            flush=True,
        )
    return rows


def _inventory(run: Run) -> Rows:
    """Protocol P3: a limited stock and unknown demand."""
    from policy.evaluation.protocols import inventory
    from policy.evaluation.protocols.contestants import on_inventory
    from policy.market.inventory import InventoryProblem

    rows = []
    for horizon in (100, 500):
        problem = InventoryProblem(horizon=horizon)
        ours = on_inventory(problem)
        print(f"inventory, T = {horizon}", flush=True)
        for name, make in {**ours.policies, **inventory.BASELINES}.items():
            row = inventory.inventory_row(
                problem,
                name,
                make(),
                replications=QUICK_MARKETS if run.quick else inventory.REPLICATIONS,
                seed=inventory.SEED,
                model_hash=ours.hashes.get(name, run.model_hash),
                commit=run.commit,
            )
            rows.append(row)
            print(
                "  {policy:30s} {share_of_optimum} ± {standard_error} of the optimum".format(**row),
                flush=True,
            )
    return rows


def _elasticity(run: Run) -> Rows:
    """How well elasticity is read from logs, above all from those of sellers who price by demand."""
    from policy.evaluation.elasticity import SETTINGS, elasticity_rows
    from policy.model.loading import load_model

    settings = [replace(s, markets=QUICK_MARKETS) if run.quick else s for s in SETTINGS]
    network = load_model(run.weights).network
    return elasticity_rows(network, settings, model_hash=run.model_hash, commit=run.commit)


def _speed(run: Run) -> Rows:
    """How fast the product answers on this machine."""
    from policy.evaluation.speed import Load, speed_rows
    from policy.model.loading import load_model
    from policy.pipeline import PricingPipeline

    model = load_model(run.weights)
    load = Load(products=QUICK_MARKETS, repeats=3) if run.quick else Load()
    return speed_rows(
        PricingPipeline(model), model.network, load, model_hash=run.model_hash, commit=run.commit
    )


def _prior(run: Run) -> Rows:
    """Do simulated logs look like real ones? Summary statistics of both."""
    from policy.evaluation.prior_predictive import prior_predictive

    series = QUICK_SERIES if run.quick else run.series
    rows = prior_predictive(list(run.paths), series=series, commit=run.commit)
    for row in rows:
        print("  {source:20s} {statistic:22s} {percentile_10} {median} {percentile_90}".format(**row))
    return rows


def _tuning(run: Run) -> Rows:
    """Which settings of the baselines do best on the training prior and on protocols P1 and P2."""
    from policy.evaluation.tuning import SUITE, tune

    return tune(markets=QUICK_MARKETS if run.quick else SUITE.markets, commit=run.commit)


def _ablation(run: Run) -> Rows:
    """What size, mixture, own rollouts, backbone and RL learner are worth; trains every variant."""
    from policy.evaluation.ablation import Budget, ablation_rows

    budget = Budget(petaflops=1e-4, trials=64, markets=QUICK_MARKETS) if run.quick else Budget()
    runs = run.runs / "ablation" / ("quick" if run.quick else "full")
    return ablation_rows(budget, runs, backbone=run.backbone, model_hash=run.model_hash, commit=run.commit)


def _adaptation(run: Run) -> Rows:
    """Ways to adapt to a simulated store, by how much history it has; fits every network."""
    from policy.evaluation.adaptation.compare import Setting, adaptation_rows
    from policy.learning.store.fit import FitSettings
    from policy.model.loading import load_model

    setting = Setting()
    if run.quick:
        steps = FitSettings(steps=4, look_every=2, batch_size=8)
        setting = replace(setting, products=QUICK_SERIES, histories=(16, 32), fit=steps, particles=256)
    network = load_model(run.weights).network
    return adaptation_rows(network, setting, model_hash=run.model_hash, commit=run.commit)


SUITES: dict[str, Callable[[Run], Rows]] = {
    "fresh": partial(_simulated, suite="fresh"),
    "shifted": partial(_simulated, suite="shifted"),
    "unseen": partial(_simulated, suite="unseen"),
    "static": partial(_simulated, suite="static"),
    "single-task": partial(_simulated, suite="single-task"),
    "seed-shop": _seed_shop,
    "contextual": partial(_contextual, suite="contextual"),
    "no-covariates": partial(_contextual, suite="no-covariates"),
    "inventory": _inventory,
    "bandit": _bandit,
    "elasticity": _elasticity,
    "speed": _speed,
    "ablation": _ablation,
    "forecast": _forecast,
    "adapted": _adapted,
    "adaptation": _adaptation,
    "prior": _prior,
    "tuning": _tuning,
}
"""What `--suite` offers; each returns the lines of its results file."""

REAL = ("forecast", "adapted", "prior")
"""Suites that read real sales."""

NEEDS = {"single-task": ("stable_baselines3", "stable-baselines3")}
"""Suites that are nothing without an optional package: its module and its name."""

DEFAULT = ("fresh", "shifted", "unseen")
DRAWN = (*DEFAULT, "static", "single-task", "adaptation")
"""Suites of which figures are drawn."""
