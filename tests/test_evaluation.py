"""The benchmark: the oracle has zero regret, baselines do what theory says, committed results are honest."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policy.evaluation.benchmark import FRESH_PRIOR, SUITES, play
from policy.evaluation.policies import GuardedILSE, KeepPrice, LinearThompson, Oracle
from policy.evaluation.tables import END, RESULTS, START, markdown_table
from policy.learning.calibrate import standardised_errors
from policy.market import Prior, Simulator
from policy.market.simulator import Outcome
from policy.model.loading import load_model

ROOT = Path(__file__).parent.parent
SMALL = replace(SUITES[0], markets=60, horizon=15)


def test_the_oracle_has_zero_regret() -> None:
    assert play(SMALL, Oracle).captured == pytest.approx(1.0)


@pytest.mark.parametrize("make", [KeepPrice, GuardedILSE, LinearThompson])
def test_nobody_beats_the_oracle(make: type) -> None:
    assert (play(SMALL, lambda simulator: make()).captured <= 1 + 1e-9).all()


def test_policies_meet_the_same_luck() -> None:
    first, second = (play(SMALL, lambda simulator: KeepPrice()).captured for _ in range(2))
    assert (first == second).all()


def linear_outcome(price: np.ndarray, rng: np.random.Generator, noise: float) -> Outcome:
    units = 100.0 - 40.0 * price + noise * rng.normal(size=len(price))
    return Outcome(price, units, units, units, units, units)


def test_ilse_finds_the_best_price_of_linear_demand() -> None:
    # units = 100 - 40 p, cost 0.5: the best price is (100 / 40 + 0.5) / 2 = 1.5 reference prices.
    rng = np.random.default_rng(0)
    markets = replace(Prior(), price_range=(0.2, 3.0)).sample(rng, 50, 1)
    markets = replace(
        markets, reference_price=np.ones(50), price_low=np.full(50, 0.2), price_high=np.full(50, 3.0)
    )
    observation = replace(
        Simulator(markets, rng).observation(), unit_cost=np.full(50, 0.5), last_price=np.ones(50)
    )
    policy = GuardedILSE()
    policy.ridge = 1e-9
    policy.reset(markets, rng)
    for _ in range(30):
        policy.observe(observation, linear_outcome(rng.uniform(0.5, 2.0, 50), rng, noise=0.0))
    assert policy.act(observation) == pytest.approx(1.5, rel=1e-3)


def test_thompson_explores_less_as_data_grow() -> None:
    rng = np.random.default_rng(0)
    markets = FRESH_PRIOR.sample(rng, 200, 1)
    markets = replace(
        markets, reference_price=np.ones(200), price_low=np.full(200, 0.2), price_high=np.full(200, 3.0)
    )
    observation = replace(
        Simulator(markets, rng).observation(), unit_cost=np.full(200, 0.5), last_price=np.ones(200)
    )
    spreads = []
    for periods in (6, 200):
        policy = LinearThompson()
        policy.reset(markets, rng)
        for _ in range(periods):
            policy.observe(observation, linear_outcome(rng.uniform(0.8, 1.2, 200), rng, noise=10.0))
        spreads.append(policy.act(observation).std())
    assert spreads[1] < 0.6 * spreads[0]


def committed() -> list[dict[str, str]]:
    with (RESULTS / "fresh.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_embedded_weights_are_those_that_were_measured() -> None:
    assert {line["model_hash"] for line in committed()} == {load_model().digest[:12]}


def test_the_embedded_policy_beats_the_baselines_it_must() -> None:
    for suite in {line["suite"] for line in committed()}:
        captured = {x["policy"]: float(x["profit_captured"]) for x in committed() if x["suite"] == suite}
        ours = captured.pop("in-context policy (ours)")
        del captured["oracle"], captured["its price head alone"]  # the same weights, another way to act
        assert ours > max(captured.values()), (suite, captured)


def test_the_readme_shows_the_committed_results() -> None:
    text = (ROOT / "README.md").read_text()
    shown = text.split(START)[1].split(END)[0].strip()
    assert shown == markdown_table(RESULTS / "fresh.csv")


@pytest.mark.slow
def test_intervals_hold_the_truth_four_times_in_five() -> None:
    # Measured on one seed and kept with the weights; checked here on markets of another.
    network = load_model().network
    kept = network.config.calibration
    assert kept
    for name, errors in standardised_errors(network, seed=77, markets=800, periods=40).items():
        assert 0.75 < (errors <= kept[name]).mean() < 0.85, name
