"""Reinforcement learners: their equations by hand, and a market whose best price is known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import tiny_network
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_market import QUIET

from policy.learning import a3c, dqn, ppo
from policy.learning.command import main
from policy.learning.runlog import RunLog
from policy.learning.trials import allowed_prices, masked_log_softmax, play_trials
from policy.learning.values import Critic, advantages
from policy.model.loading import load_model
from policy.model.transformer import GRID

TEXTBOOK = replace(
    QUIET,
    families=("constant_elasticity",),
    log_elasticity=(float(np.log(2.5)), 1e-6),
    cost_ratio=(0.5, 0.5 + 1e-9),
    log_units=(4.0, 0.1),
    large_log_units=(4.0, 4.1),
    dispersion=(0.003, 0.004),
    period_chances=(0.0, 1.0, 0.0),
)
"""Elasticity -2.5 and half the price is cost: the best price is 0.5 * 2.5 / 1.5 = 0.83 of the usual one."""

FEW = ppo.PPOSettings(iterations=4, trials=8, horizons=(4, 6), longest_log=3, minibatch=4)


@pytest.fixture
def base(tmp_path: Path) -> str:
    tiny_network().save_pretrained(tmp_path / "base")
    return str(tmp_path / "base")


def test_advantages_worked_by_hand() -> None:
    # Two periods, lambda 1: A_0 = (r_0 - b_0) + (b_1 + F_1 - F_0) + (r_1 - b_1) with F_1 = 0.
    rewards, expected = torch.tensor([[0.9, 0.8]]), torch.tensor([[0.7, 0.6]])
    future = torch.tensor([[0.5, 0.0]])
    advantage, target = advantages(rewards, expected, future, gae_lambda=1.0)
    assert advantage[0].tolist() == pytest.approx([0.2 + (0.6 - 0.5) + 0.2, 0.2])
    # With lambda 1 the target of the future value is what was really earned later.
    assert target[0, 0].item() == pytest.approx(0.8)


def test_an_action_no_better_than_the_policys_average_has_no_advantage() -> None:
    rewards = torch.full((3, 5), 0.7)
    future = 0.7 * torch.arange(4, -1, -1.0).expand(3, 5)
    advantage, _ = advantages(rewards, rewards, future, gae_lambda=0.9)
    assert advantage.numpy() == pytest.approx(0.0, abs=1e-6)


def test_the_critics_two_hot_target_has_its_minimum_at_the_target() -> None:
    critic, target = Critic(4), torch.tensor([[0.33]])
    logits = torch.zeros(1, 1, 41, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(300):
        optimiser.zero_grad()
        critic.loss(logits, target).sum().backward()
        optimiser.step()
    assert critic.mean(logits).item() == pytest.approx(0.33, abs=0.01)


def test_only_allowed_prices_are_charged() -> None:
    anchors = np.log(np.array([10.0, 10.0, 1000.0]))
    allowed = allowed_prices(anchors, low=np.array([5.0, 9.9, 1.0]), high=np.array([20.0, 10.1, 2.0]))
    prices = np.exp(anchors[:, None] + GRID.numpy())
    assert ((prices[0] >= 4.99) & (prices[0] <= 20.01) == allowed[0]).all()
    assert allowed.any(axis=1).all()  # one price stands even where the grid misses the range
    assert allowed[2].argmax() == 0


def test_trials_repeat_with_their_seed(base: str) -> None:
    first, second = (
        play_trials(tiny_network(), np.random.default_rng(3), markets=6, logged=2, horizon=5, prior=TEXTBOOK)
        for _ in range(2)
    )
    assert torch.equal(first.features, second.features)
    assert torch.equal(first.actions, second.actions)
    assert first.features.shape[:2] == (6, 7)
    assert first.rewards.shape == (6, 5)
    assert (first.rewards <= 1).all()


BRIEF: dict[str, Any] = {"trials": 8, "horizons": (4, 6), "longest_log": 3}
RESUMED = {
    "ppo": (ppo.train, ppo.PPOSettings(iterations=12, minibatch=4, **BRIEF), {"iterations": 10}),
    "a3c": (a3c.train, a3c.A3CSettings(updates=4, workers=1, **BRIEF), {"updates": 2}),
}
SLOW_START = pytest.mark.slow  # A3C's workers are processes that import torch


@pytest.mark.parametrize("name", ["ppo", pytest.param("a3c", marks=SLOW_START)])
def test_a_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(
    name: str, base: str, tmp_path: Path
) -> None:
    train, settings, shorter = RESUMED[name]
    whole = replace(settings, start_from=base)
    train(whole, tmp_path / "whole", prior=TEXTBOOK)  # type: ignore[operator]
    train(replace(whole, **shorter), tmp_path / "parts", prior=TEXTBOOK)  # type: ignore[operator]
    train(whole, tmp_path / "parts", prior=TEXTBOOK)  # type: ignore[operator]
    assert_same_adapter(tmp_path / "whole", tmp_path / "parts")


def test_a_stopped_q_learner_goes_on_bit_for_bit(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dqn.DQNSettings(iterations=13, minibatch=4, batches=2, replay=3, start_from=base, **BRIEF)
    dqn.train(settings, tmp_path / "whole", prior=TEXTBOOK)

    def stop_after_eleven(path: RunLog, step: int, values: dict[str, float]) -> None:
        if step > 11:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunLog, "write", stop_after_eleven)
        dqn.train(settings, tmp_path / "parts", prior=TEXTBOOK)
    dqn.train(settings, tmp_path / "parts", prior=TEXTBOOK)
    assert_same_adapter(tmp_path / "whole", tmp_path / "parts")


def assert_same_adapter(*runs: Path) -> None:
    one, other = (torch.load(run / "checkpoint.pt", weights_only=True)["adapter"] for run in runs)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(value.isfinite().all() for value in one.values())


def test_a_run_refuses_to_go_on_with_other_settings(base: str, tmp_path: Path) -> None:
    ppo.train(replace(FEW, start_from=base), tmp_path, prior=TEXTBOOK)
    with pytest.raises(ValueError, match="other settings"):
        ppo.train(replace(FEW, start_from=base, clip=0.3), tmp_path, prior=TEXTBOOK)


def test_double_q_learning_worked_by_hand(base: str) -> None:
    # With the target network the network itself, y = (1 - gamma) r + gamma max Q, and a fitted Q has no loss.
    network, head = tiny_network(), dqn.DuelingHead(32)
    trials = play_trials(network, np.random.default_rng(1), markets=2, logged=1, horizon=3, prior=TEXTBOOK)
    rows = torch.arange(2)
    with torch.no_grad():
        hidden = network.hidden_states(trials.features)[:, 1:]
        q = head(hidden, network.answer(hidden).price_logits, trials.allowed)
        charged = q.gather(-1, trials.actions[..., None])[..., 0]
        fitted = (charged[:, :-1] - 0.9 * q[:, 1:].max(dim=-1).values) / 0.1
        rewards = torch.cat([fitted, torch.zeros(2, 1)], dim=1)
        both = (network, head)
        assert dqn.q_loss(*both, both, replace(trials, rewards=rewards), rows, gamma=0.9).item() < 1e-9
        assert dqn.q_loss(*both, both, replace(trials, rewards=rewards + 0.5), rows, gamma=0.9).item() > 1e-3


def test_epsilon_greedy_chances() -> None:
    logits = torch.tensor([[1.0, 9.0, 2.0, 3.0]])
    allowed = torch.tensor([[True, False, True, True]])
    chances = dqn.exploring(0.3, logits, allowed).exp()
    assert chances[0].tolist() == pytest.approx([0.1, 0.0, 0.1, 0.8])


def test_the_actor_critic_gradient_raises_the_chance_of_what_paid(base: str) -> None:
    network, critic = tiny_network(), Critic(32)
    trials = play_trials(network, np.random.default_rng(1), markets=16, logged=0, horizon=4, prior=TEXTBOOK)
    # Reward 1 where the first allowed price was charged, 0 elsewhere.
    first = trials.allowed.float().argmax(dim=-1)
    paid = replace(
        trials,
        rewards=(trials.actions == first).float(),
        expected_rewards=torch.full_like(trials.rewards, 1 / 14),
    )

    def chance() -> float:
        logits = network(trials.features).price_logits
        chances = masked_log_softmax(logits, trials.allowed).exp()
        return float(chances.gather(-1, first[..., None]).mean())

    before, optimiser = chance(), torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(5):
        loss, _ = a3c.actor_critic_loss(network, critic, paid, entropy=0.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert chance() > 1.5 * before


SHORT: dict[str, Any] = {"horizons": (6, 8), "longest_log": 2, "learning_rate": 4e-3}
LEARNERS = {
    "ppo": (ppo.train, ppo.PPOSettings(iterations=120, trials=48, entropy=0.01, **SHORT)),
    # Slower than PPO, and A3C with more trials an update: at PPO's rate it depends on the order of its
    # workers, or on the rounding of the processor, whether they settle. Its trials are as long as those it is
    # judged by, since what it charges in periods never played depends on that order too.
    "a3c": (
        a3c.train,
        a3c.A3CSettings(
            updates=400,
            workers=2,
            trials=48,
            entropy=0.003,
            **(SHORT | {"learning_rate": 1e-3, "horizons": (8, 12)}),
        ),
    ),
    "dqn": (
        dqn.train,
        dqn.DQNSettings(
            iterations=150, trials=24, minibatch=24, gamma=0.5, **(SHORT | {"learning_rate": 1e-3})
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
def test_it_learns_the_textbook_markup(name: str, base: str, tmp_path: Path) -> None:
    train, settings = LEARNERS[name]
    network = train(replace(settings, start_from=base), tmp_path, prior=TEXTBOOK)  # type: ignore[operator]
    trials = play_trials(
        network,
        np.random.default_rng(9),
        markets=100,
        logged=0,
        horizon=10,
        prior=TEXTBOOK,
        choose=partial(dqn.exploring, 0.0) if name == "dqn" else masked_log_softmax,
    )
    # Where the anchor lies against the market's usual price shows after a sale or two.
    assert trials.rewards[:, 2:].mean().item() > 0.95  # 0.77 untrained


def test_the_log_is_in_csv_and_in_tensorboard_and_forgets_what_is_done_again(tmp_path: Path) -> None:
    log = RunLog(tmp_path, resumed_at=0)
    for step in (1, 2, 3):
        log.write(step, {"reward": step / 10})
    RunLog(tmp_path, resumed_at=2).write(3, {"reward": 0.9})
    assert log.path.read_text().splitlines() == ["step,reward", "1,0.10000", "2,0.20000", "3,0.90000"]
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert [(e.step, round(e.value, 3)) for e in events.Scalars("reward")] == [(1, 0.1), (2, 0.2), (3, 0.9)]


def test_the_command_trains_and_says_where_the_adapter_lies(
    base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--algorithm", "ppo", "--steps", "1", "--batch-size", "4", "--start-from", base]
    assert main([*options, "--run", str(tmp_path / "run")]) == 0
    assert f"Saved {tmp_path / 'run' / 'adapter'}" in capsys.readouterr().out
    adapted = load_model(base, adapter=str(tmp_path / "run" / "adapter"))
    assert adapted.adapter_digest is not None
    tiny_network(seed=1).save_pretrained(tmp_path / "other")
    with pytest.raises(ValueError, match="another base"):
        load_model(str(tmp_path / "other"), adapter=str(tmp_path / "run" / "adapter"))
    assert str(tmp_path) not in (tmp_path / "run" / "adapter" / "adapter_config.json").read_text()
