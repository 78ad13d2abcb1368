"""The benchmark: every policy on the same markets with the same luck; results as CSV with their settings."""

from __future__ import annotations

import argparse
import csv
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policy.evaluation.baselines import (
    CILS,
    CVP,
    ILSE,
    UCB1,
    BayesUCB,
    CostPlus,
    KeepPrice,
    LinearThompson,
    MatchCompetitor,
    MetaDP,
    MLECycle,
    prior_from_simulated_logs,
)
from policy.evaluation.interface import PricingPolicy
from policy.evaluation.policies import InContextPolicy, Oracle, PriceHeadPolicy, best_known_price
from policy.evaluation.tables import write_readme
from policy.market import LoggingPolicies, Markets, Prior, Simulator


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One setting of the benchmark."""

    name: str
    markets: int
    logged: int
    """Periods of history under the seller's own habit before the policy takes over."""
    horizon: int
    """Periods that the policy prices."""
    prior: Prior
    seed: int


FRESH_PRIOR = replace(Prior(), stock_chance=0.0)
"""Fresh draws from the training prior, without stock limits: inventory has a benchmark of its own, and
without it the best price of each period is the best policy."""

SUITES = (
    Suite(name="fresh, cold start", markets=1000, logged=0, horizon=40, prior=FRESH_PRIOR, seed=20_001),
    Suite(
        name="fresh, 30 periods logged", markets=1000, logged=30, horizon=40, prior=FRESH_PRIOR, seed=20_002
    ),
)


@dataclass(frozen=True)
class Score:
    """One policy in one suite. Profit captured is profit over the oracle's, both expected, per market."""

    captured: NDArray
    """Shape (B,)."""
    seconds_per_decision: float


def play(suite: Suite, make: Callable[[Simulator], PricingPolicy]) -> Score:
    """Run one policy through a suite. Markets, logged histories and luck depend on the suite's seed alone."""
    streams = np.random.SeedSequence(suite.seed).spawn(4)
    draw, luck, habit, own = (np.random.default_rng(s) for s in streams)
    markets: Markets = suite.prior.sample(draw, suite.markets, suite.logged + suite.horizon)
    simulator = Simulator(markets, luck)
    sellers = LoggingPolicies(markets, habit)
    policy = make(simulator)
    policy.reset(markets, own)
    got, best, spent = np.zeros(len(markets)), np.zeros(len(markets)), 0.0
    for t in range(suite.logged + suite.horizon):
        simulator.set_promo(sellers.promo(t) if t < suite.logged else np.zeros(len(markets)))
        observation = simulator.observation()
        if t < suite.logged:
            price = np.clip(sellers.act(observation), markets.price_low, markets.price_high)
        else:
            began = time.perf_counter()
            price = policy.act(observation)
            spent += time.perf_counter() - began
            best += simulator.expected_profit(best_known_price(simulator)[:, None])[:, 0]
        outcome = simulator.step(price)
        if t >= suite.logged:
            got += outcome.expected_profit
        began = time.perf_counter()
        policy.observe(observation, outcome)
        spent += time.perf_counter() - began
    return Score(got / best, spent / (suite.horizon * len(markets)))


META_SEED = 30_001
"""Seed of the other products whose logs Meta-DP learns from."""


def contestants(weights: str | None) -> dict[str, Callable[[Simulator], PricingPolicy]]:
    """Name and maker of every policy, ours first."""
    from policy.model.loading import load_model

    model = load_model(weights).network
    population = prior_from_simulated_logs(FRESH_PRIOR, np.random.default_rng(META_SEED))
    return {
        "in-context policy (ours)": lambda simulator: InContextPolicy(model),
        "its price head alone": lambda simulator: PriceHeadPolicy(model),
        "keep price": lambda simulator: KeepPrice(),
        "cost-plus": lambda simulator: CostPlus(),
        "match competitor": lambda simulator: MatchCompetitor(),
        "guarded ILSE": lambda simulator: ILSE(),
        "CILS": lambda simulator: CILS(),
        "CVP": lambda simulator: CVP(),
        "MLE-CYCLE": lambda simulator: MLECycle(),
        "linear Thompson sampling": lambda simulator: LinearThompson(),
        "UCB1 on a price grid": lambda simulator: UCB1(),
        "Bayes-UCB on a price grid": lambda simulator: BayesUCB(),
        "Meta-DP": lambda simulator: MetaDP(population),
        "oracle": Oracle,
    }


def rows(suite: Suite, name: str, score: Score, *, model_hash: str, commit: str) -> dict[str, str]:
    """One line of the results file."""
    captured = score.captured
    return {
        "suite": suite.name,
        "policy": name,
        "markets": str(suite.markets),
        "logged": str(suite.logged),
        "horizon": str(suite.horizon),
        "profit_captured": f"{captured.mean():.4f}",
        "standard_error": f"{captured.std(ddof=1) / np.sqrt(len(captured)):.4f}",
        "median": f"{np.median(captured):.4f}",
        "percentile_5": f"{np.percentile(captured, 5):.4f}",
        "microseconds_per_decision": f"{score.seconds_per_decision * 1e6:.1f}",
        "seed": str(suite.seed),
        "model_hash": model_hash,
        "commit": commit,
    }


def current_commit() -> str:
    """Short hash of the checked-out commit, `-dirty` where the tree differs; `unknown` outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def main(argv: list[str] | None = None) -> int:
    """Command `pricing-assistant evaluate`."""
    parser = argparse.ArgumentParser(
        prog="pricing-assistant evaluate",
        description="Run every policy on the same simulated markets and report the profit captured.",
        epilog="example: pricing-assistant evaluate --quick",
    )
    parser.add_argument("--weights", help="folder of a model; default: the embedded base")
    parser.add_argument("--quick", action="store_true", help="200 markets a suite, for a first look")
    parser.add_argument("--out", type=Path, help="write the results to this CSV file")
    parser.add_argument("--readme", type=Path, help="with --out: renew the results table in this README")
    args = parser.parse_args(argv)
    if args.readme and not args.out:
        parser.error("--readme needs --out: its table is made from that file")
    from policy.model.loading import load_model

    model_hash = load_model(args.weights).digest[:12]
    commit = current_commit()
    table: list[dict[str, str]] = []
    for suite in SUITES:
        run = replace(suite, markets=200) if args.quick else suite
        print(f"{run.name}: {run.markets} markets, {run.horizon} periods", flush=True)
        for name, make in contestants(args.weights).items():
            score = play(run, make)
            table.append(rows(run, name, score, model_hash=model_hash, commit=commit))
            line = table[-1]
            print(
                f"  {name:26s} captured {line['profit_captured']} ± {line['standard_error']}"
                f"  median {line['median']}  5th percentile {line['percentile_5']}",
                flush=True,
            )
    if args.out:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(table[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
        print(f"Wrote {args.out}.")
    if args.readme:
        write_readme(args.readme, args.out)
        print(f"Renewed the table in {args.readme}.")
    return 0
