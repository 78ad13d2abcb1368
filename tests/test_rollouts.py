"""Training histories that the policy prices itself, and runs in several processes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import tiny_network
from test_market import QUIET
from torch import nn

from policy.learning.batches import PretrainingBatches, make_batch
from policy.learning.pretrain import PretrainSettings, new_model, pretrain
from policy.learning.processes import Processes
from policy.learning.rollouts import OwnPricing
from policy.learning.trials import draw
from policy.market import Simulator
from policy.model.posterior import Posterior


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2)


def test_the_policy_prices_its_stretch_and_nothing_else(rng: np.random.Generator) -> None:
    markets = QUIET.sample(rng, 12, 80)
    own = OwnPricing(tiny_network(context=112), markets, rng)
    played = [t for t in range(80) if own.plays(t)]
    assert played == list(range(played[0], played[-1] + 1))
    assert 20 <= len(played) <= 60
    simulator = Simulator(markets, rng)
    for t in range(played[-1] + 1):
        observation = simulator.observation()
        price = own.act(observation) if own.plays(t) else markets.reference_price
        assert (price >= markets.price_low - 1e-9).all()
        assert (price <= markets.price_high + 1e-9).all()
        own.observe(observation, simulator.step(price))


def test_a_thompson_draw_believes_in_one_curve() -> None:
    curves = np.stack([np.linspace(3, 0, 29), np.linspace(5, -5, 29)])[None]
    posterior = Posterior(np.array([[0.5, 0.5]]), curves, np.ones((1, 2)), np.zeros(1))
    price = np.array([[1.3]])
    for i in range(2):
        one = posterior.sure_of(np.array([i]))
        assert one.mean_units(price) == pytest.approx(posterior.component_units(price)[:, i])


def test_batches_with_own_rollouts_depend_on_seed_and_step_alone() -> None:
    def third() -> torch.Tensor:
        batches = PretrainingBatches(
            seed=1, size=4, steps=5, periods=30, player=tiny_network(context=64), rollout_share=1.0
        )
        return batches[3].features

    assert torch.equal(third(), third())
    others = PretrainingBatches(seed=1, size=4, steps=5, periods=30)[3].features
    assert not torch.equal(third(), others)


def test_own_prices_are_part_of_the_history() -> None:
    own, others = (
        make_batch(np.random.default_rng(5), QUIET, 6, 30, player=player)
        for player in (tiny_network(context=64), None)
    )
    assert own.features.shape == others.features.shape
    assert not torch.equal(own.features, others.features)
    assert torch.isfinite(own.log_multiplier).all()


def test_a_third_of_the_products_is_priced_in_each_way(rng: np.random.Generator) -> None:
    markets = QUIET.sample(rng, 3000, 20)
    habits = np.bincount(OwnPricing(tiny_network(), markets, rng)._habit)
    assert habits / 3000 == pytest.approx(1 / 3, abs=0.04)


def test_draws_follow_their_chances(rng: np.random.Generator) -> None:
    chance = np.tile([0.2, 0.0, 0.8, 0.0], (5000, 1))
    drawn = np.bincount(draw(chance, rng), minlength=4) / 5000
    assert drawn == pytest.approx([0.2, 0.0, 0.8, 0.0], abs=0.03)


def test_every_process_draws_its_own_batches() -> None:
    first, second = (PretrainingBatches(seed=1, size=4, steps=2, periods=12, rank=rank)[0] for rank in (0, 1))
    assert not torch.equal(first.features, second.features)


def test_a_run_alone_averages_nothing() -> None:
    layer = nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    assert layer.weight.grad is not None
    before = layer.weight.grad.clone()
    alone = Processes.current()
    alone.average_gradients(layer.parameters())
    assert torch.equal(layer.weight.grad, before)
    assert (alone.rank, alone.count, alone.is_main) == (0, 1, True)
    alone.require_alone("This run")


def test_a_network_has_the_size_asked_for() -> None:
    wide = new_model(PretrainSettings(hidden_size=64, layers=2, components=1))
    assert wide.backbone.config.hidden_size == 64
    assert len(wide.backbone.layers) == 2
    assert wide.config.components == 1


TWO_PROCESSES = """
import sys
from pathlib import Path
import torch
from torch import nn
from policy.learning.processes import Processes
me = Processes.current()
weight = nn.Parameter(torch.zeros(3))
weight.grad = torch.full((3,), float(1 + 2 * me.rank))
me.average_gradients([weight])
Path(sys.argv[1], str(me.rank)).write_text(" ".join(map(str, weight.grad.tolist())) + f" {me.mean(me.rank)}")
me.leave()
"""


def launch(*command: str, cwd: Path) -> None:
    root = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.slow
def test_two_processes_share_one_gradient(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(TWO_PROCESSES)
    launch(str(tmp_path / "two.py"), str(tmp_path), cwd=tmp_path)
    # Gradients 1 and 3 have the mean 2, ranks 0 and 1 the mean 0.5.
    assert (tmp_path / "0").read_text() == (tmp_path / "1").read_text() == "2.0 2.0 2.0 0.5"


@pytest.mark.slow
def test_the_command_trains_in_two_processes(tmp_path: Path) -> None:
    tiny_network().save_pretrained(tmp_path / "base")
    options = [
        "--algorithm",
        "ppo",
        "--steps",
        "2",
        "--batch-size",
        "32",
        "--start-from",
        str(tmp_path / "base"),
    ]
    launch(
        "--module", "--", "policy.learning.command", "--run", str(tmp_path / "run"), *options, cwd=tmp_path
    )
    with (tmp_path / "run" / "log.csv").open() as lines:
        assert [row["step"] for row in csv.DictReader(lines)] == ["1", "2"]
    assert (tmp_path / "run" / "adapter" / "adapter_model.safetensors").exists()


def test_pretraining_with_own_rollouts_runs(tmp_path: Path) -> None:
    tiny_network().save_pretrained(tmp_path / "base")
    settings = PretrainSettings(steps=2, batch_size=2, periods=24, warmup=1, hidden_size=32, layers=1)
    model = pretrain(
        replace(settings, rollouts_from=str(tmp_path / "base"), rollout_share=1.0), tmp_path / "run"
    )
    assert all(torch.isfinite(p).all() for p in model.parameters())
