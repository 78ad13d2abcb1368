"""Contextual pricing as a task: regressions, tokens and rewards that the network learns from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from policy.evaluation.protocols.contextual import run
from policy.evaluation.protocols.learned import TrainedContextual
from policy.learning import ppo
from policy.learning.protocols.contextual import (
    OFFSETS,
    OWN_FEATURES,
    ContextualArena,
    ContextualMemory,
    ContextualTask,
    Regression,
    spread_over_neighbours,
)
from policy.learning.protocols.play import ACTIONS, play
from policy.learning.protocols.train import ProtocolSettings, imitation_loss, reinforce, train
from policy.market.contextual import INF_2D_SQ_MIX, INF_4D, NO_COVARIATES, ContextualMarkets
from policy.model.loading import load_model
from policy.model.transformer import PolicyConfig, PolicyModel

SHORT = replace(NO_COVARIATES, horizon=8)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


@pytest.mark.parametrize("square", [False, True])
def test_the_regression_finds_the_line(square: bool, rng: np.random.Generator) -> None:
    setting = replace(INF_2D_SQ_MIX, square_share=float(square), horizon=400)
    markets = ContextualMarkets(setting, 30, rng)
    markets.noise[:] = 0.0
    regression = Regression(setting, 30, square=square)
    x = markets.covariates[:, 0]
    first = regression.line(x)[1]
    for t in range(setting.horizon):
        price = rng.uniform(0.5, 5.0, 30)
        outcome, _ = markets.step(price)
        regression.observe(markets.covariates[:, t], price, outcome.units)
    markets.t = 0
    mean, covariance = regression.line(x)
    assert mean == pytest.approx(np.stack(markets.line(), axis=1), rel=0.03, abs=0.03)
    assert (covariance[:, 1, 1] < 0.05 * first[:, 1, 1]).all()


def test_families_are_told_apart(rng: np.random.Generator) -> None:
    arena = ContextualArena(INF_2D_SQ_MIX, 60, rng, scale=1.0)
    for _ in range(40):
        arena.step(rng.integers(8, 21, 60))
    chance = arena.memory.tokens()[:, 11]
    square = arena._markets.square
    assert (chance[square] > 0.9).mean() > 0.9
    assert (chance[~square] < 0.1).mean() > 0.9


def test_tokens_know_the_past_alone(rng: np.random.Generator) -> None:
    # Two memories told the same, whatever the markets behind them.
    x, price, units = rng.uniform(0, 2, (5, 6, 4)), rng.uniform(1, 3, (5, 6)), rng.uniform(0, 5, (5, 6))
    first, second = (ContextualMemory(INF_4D, 6, horizon=100) for _ in range(2))
    for t in range(5):
        for memory in (first, second):
            memory.tell(x[t])
        assert (first.tokens() == second.tokens()).all()
        assert first.tokens().shape == (6, OWN_FEATURES + 3)
        first.observe(price[t], units[t])
        second.observe(price[t], units[t] + (t == 4))
    for memory in (first, second):
        memory.tell(x[0])
    assert not (first.tokens() == second.tokens()).all()


def test_the_best_price_is_worth_nothing_less(rng: np.random.Generator) -> None:
    arena = ContextualArena(NO_COVARIATES, 200, rng, scale=2.0)
    worth, target = arena.worth(), arena.target()
    assert (worth <= 1e-12).all()
    # The two neighbours that stand for the best price are the best of the grid, or next to it.
    best = worth.argmax(axis=1)
    chosen = target.argmax(axis=1)
    assert (np.abs(best - chosen) <= 1).mean() > 0.97
    assert target.sum(axis=1) == pytest.approx(1.0)


def test_a_spread_target_has_the_offset_as_its_mean() -> None:
    offset = np.array([-0.3, 0.0, 0.011, 1.2, 9.0])
    mean = spread_over_neighbours(offset) @ OFFSETS
    assert mean == pytest.approx([-0.3, 0.0, 0.011, 1.2, OFFSETS[-1]])
    assert len(OFFSETS) == ACTIONS
    assert OFFSETS[ACTIONS // 2] == 0.0


def test_both_stages_run_and_reload(tmp_path: Path) -> None:
    task = ContextualTask(SHORT)
    settings = ProtocolSettings(iterations=4, trials=8, minibatch=4, layers=1, window=4)
    whole = train(task, settings, tmp_path / "whole")
    again = load_model(str(tmp_path / "whole" / "model")).network
    x = torch.randn(2, 5, task.features)
    with torch.inference_mode():
        torch.testing.assert_close(again(x).price_logits, whole(x).price_logits)
    second = ppo.PPOSettings(
        iterations=2, trials=8, minibatch=4, by_period=True, start_from=str(tmp_path / "whole" / "model")
    )
    reinforce(task, second, tmp_path / "ppo")
    adapted = load_model(
        str(tmp_path / "whole" / "model"), adapter=str(tmp_path / "ppo" / "adapter")
    ).network.eval()
    regret = run(SHORT, {"ours": lambda: TrainedContextual(adapted, SHORT)}, markets=6, seed=1)["ours"]
    assert np.isfinite(regret).all()


def test_the_imitation_loss_falls_on_one_batch(rng: np.random.Generator) -> None:
    task = ContextualTask(SHORT)
    torch.manual_seed(0)
    backbone = ProtocolSettings(layers=1).backbone()
    network = PolicyModel(PolicyConfig(backbone=backbone, features=task.features, components=1, context=8))
    played = play(network, task.begin(16, rng), rng)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    rows, history = torch.arange(16), []
    for _ in range(40):
        loss = imitation_loss(network, played, rows)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(loss.item())
    assert history[-1] < 0.8 * history[0]
