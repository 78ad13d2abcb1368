"""Stable-Baselines3 on the single task: it plays the benchmark, repeatably, and learns where it has time."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from policy.evaluation import command, suites
from policy.evaluation.benchmark import FRESH_PRIOR, SUITES, Suite, play
from policy.evaluation.single_task import SingleTask, SingleTaskA2C, SingleTaskDQN, SingleTaskPPO
from policy.evaluation.tables import read_rows
from policy.market import Markets, Prior, Simulator

LEARNERS = (SingleTaskDQN, SingleTaskA2C, SingleTaskPPO)
TINY = Suite(name="tiny", markets=2, logged=0, horizon=10, prior=FRESH_PRIOR, seed=1)


def plain_market(horizon: int) -> Markets:
    """One market with constant elasticity 3, cost 0.5, price from 0.5 to 2, 1,000 units, hardly any noise:
    profit (p - 0.5) p^-3 is best at p = 0.75, where it is 0.59 a unit of level; nothing changes."""
    still = replace(
        Prior(),
        families=("constant_elasticity",),
        dispersion=(1e-4, 1e-4),
        competitor_chance=0.0,
        stock_chance=0.0,
        intermittent_chance=0.0,
        memory_chance=0.0,
        period_chances=(0.0, 1.0, 0.0),
    )
    market = still.sample(np.random.default_rng(0), 1, horizon)
    one, path = np.ones(1), np.ones((1, horizon))
    return replace(
        market,
        demand=replace(market.demand, elasticity=3 * one),
        reference_price=one,
        price_low=0.5 * one,
        price_high=2 * one,
        log_level=np.log(1000.0) * path,
        sensitivity=path,
        unit_cost=0.5 * path,
    )


@pytest.mark.parametrize("make", LEARNERS)
def test_the_same_seed_earns_the_same(make: type) -> None:
    first, second = (play(TINY, lambda simulator: make()).captured for _ in range(2))
    assert (first == second).all() and (first <= 1 + 1e-9).all()


@pytest.mark.parametrize("make", LEARNERS)
def test_a_season_leaves_no_thread_and_no_seed_behind(make: type) -> None:
    threads = threading.active_count()
    np.random.seed(0)  # noqa: NPY002 - the global generator is what is tested
    torch.manual_seed(0)
    untouched = np.random.random(), torch.rand(1)  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    play(TINY, lambda simulator: make())
    assert (np.random.random(), torch.rand(1)) == untouched  # noqa: NPY002
    for thread in threading.enumerate():
        if thread.daemon:
            thread.join(timeout=1.0)
    assert threading.active_count() == threads


def test_prices_span_the_allowed_range() -> None:
    rng = np.random.default_rng(0)
    market = plain_market(60)
    simulator = Simulator(market, rng)
    policy = SingleTaskDQN(SingleTask(prices=3))
    policy.reset(market, rng)
    charged = []
    for _ in range(60):
        observation = simulator.observation()
        charged.append(policy.act(observation)[0])
        policy.observe(observation, simulator.step(np.array(charged[-1:])))
    assert np.unique(np.round(charged, 9)) == pytest.approx([0.5, 1.0, 2.0])


def test_a_history_does_not_lengthen_the_time_to_explore() -> None:
    # Ten periods logged and ten to price: exploration ends after a third of the latter.
    rng = np.random.default_rng(0)
    market = plain_market(20)
    simulator = Simulator(market, rng)
    policy = SingleTaskDQN()
    policy.reset(market, rng)
    for _ in range(10):
        observation = simulator.observation()
        policy.observe(observation, simulator.step(np.ones(1)))
    policy.act(simulator.observation())
    assert policy._season == 10
    policy.close()


def test_the_suite_names_the_package_it_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stopped:
        command.main(["--suite", "single-task"])
    assert stopped.value.code == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "error" in x]
    assert "single-task needs stable-baselines3; pip install 'pricing-assistant[benchmarks]' adds it" in line


def test_the_suite_plays_the_learners_beside_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(SUITES, "single-task", (replace(TINY, horizon=3),))
    monkeypatch.setattr(suites, "QUICK_LEARNERS", 2)
    assert command.main(["--suite", "single-task", "--quick", "--out", str(tmp_path)]) == 0
    names = [row["policy"] for row in read_rows(tmp_path / "single-task.csv")]
    assert names[0] == "in-context policy (ours)"
    assert {"keep price", "oracle"} < set(names)
    assert [name for name in names if name.endswith("trained on the market")] == [
        f"{learner}, trained on the market" for learner in ("DQN", "A2C", "PPO")
    ]


def test_a_learners_failure_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    from stable_baselines3 import A2C

    def fail(self: A2C, **settings: object) -> None:
        raise ArithmeticError("broken")

    monkeypatch.setattr(A2C, "learn", fail)
    policy = SingleTaskA2C()
    rng = np.random.default_rng(0)
    market = plain_market(5)
    policy.reset(market, rng)
    with pytest.raises(RuntimeError, match="Stable-Baselines3"):
        policy.act(Simulator(market, rng).observation())


@pytest.mark.slow
@pytest.mark.parametrize("make", LEARNERS)
def test_a_long_run_in_a_plain_market_beats_random_prices(make: type) -> None:
    horizon = 600
    market = plain_market(horizon)
    rng = np.random.default_rng(0)
    simulator = Simulator(market, rng)
    policy = make()
    policy.reset(market, rng)
    earned = []
    for _ in range(horizon):
        observation = simulator.observation()
        outcome = simulator.step(policy.act(observation))
        policy.observe(observation, outcome)
        earned.append(outcome.expected_profit[0])
    prices = np.geomspace(0.5, 2.0, 7)
    profit = 1000 * (prices - 0.5) * prices**-3.0
    late = np.mean(earned[-150:])
    assert profit.mean() + 0.5 * (profit.max() - profit.mean()) < late <= profit.max() + 1e-6
