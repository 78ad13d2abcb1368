"""The bandit and the limited stock as tasks: what a memory may know, and what its network learned from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from policy.evaluation.protocols import bandit, inventory
from policy.evaluation.protocols.learned import TrainedBandit, TrainedInventory, trained_network
from policy.learning import ppo
from policy.learning.protocols.bandit import HOPE, BanditArena, BanditMemory, BanditTask, knowledge_gain
from policy.learning.protocols.inventory import (
    InventoryArena,
    InventoryMemory,
    InventoryTask,
    known_demand_values,
)
from policy.learning.protocols.play import ACTIONS, TokenReader, play
from policy.learning.protocols.train import ProtocolSettings, imitation_loss, reinforce, train
from policy.market.bandit import ARMS, NOISE_SD, PRIOR_MEAN, PRIOR_VARIANCE, Bandits
from policy.market.inventory import InventoryProblem, optimal_values
from policy.model.adapters import merged
from policy.model.loading import load_model
from policy.model.transformer import PolicyModel

PROBLEM = InventoryProblem(horizon=12)
SHORT = (BanditTask(rounds=12), InventoryTask(PROBLEM))
LUCK = np.random.default_rng


def fresh_network(task: BanditTask | InventoryTask, tmp_path: Path) -> PolicyModel:
    return train(task, ProtocolSettings(iterations=1, trials=8, minibatch=8, layers=1, window=4), tmp_path)


def pulled(arms: NDArray[np.int64], rewards: NDArray) -> BanditMemory:
    """A memory of arms pulled (T, B) and what they earned (T, B)."""
    memory = BanditMemory(arms.shape[1])
    for arm, reward in zip(arms, rewards, strict=True):
        memory.learn(arm, reward)
    return memory


def test_numbering_the_arms_otherwise_changes_no_token() -> None:
    arms, rewards = LUCK(1).integers(0, ARMS, (30, 4)), LUCK(2).normal(0.5, 0.3, (30, 4))
    other = np.array([3, 0, 4, 2, 1])
    one, two = pulled(arms, rewards), pulled(other[arms], rewards)
    assert np.array_equal(one.tokens(), two.tokens())
    assert np.array_equal(other[one.order], two.order)
    for action in range(len(HOPE)):
        hope = np.full(4, action)
        assert np.array_equal(other[one.arm(hope)], two.arm(hope))


def test_hope_decides_between_the_arm_that_looks_best_and_one_that_nobody_knows() -> None:
    # Arm 3 earned 1.0 five times: mean (6 + 5 / 0.09) / (12 + 5 / 0.09) = 0.911, deviation 0.122; arm 1
    # earned 0. The others stand at the prior's 0.5 and 0.289. With 494 rounds left widths are
    # 0.122 sqrt(log 81.2) = 0.255 and 0.289 sqrt(log 457.4) = 0.714, so they pass at 0.411 / 0.459 = 0.895.
    memory = pulled(np.array([[3], [3], [3], [3], [3], [1]]), np.array([[1.0]] * 5 + [[0.0]]))
    assert memory.order[0].tolist() == [3, 0, 2, 4, 1]
    for action, hope in enumerate(HOPE):
        assert memory.arm(np.array([action]))[0] == (3 if hope < 0.895 else 0)


def test_arms_known_by_their_outcomes_alone() -> None:
    # Other means and other noise, but the same rewards: the network is told the same.
    means = np.array([[0.2, 0.4, 0.6, 0.8, 0.9]])
    arenas = []
    for shift in (0.0, 0.1):
        bandits = Bandits(1, LUCK(3), rounds=6)
        bandits.means, bandits.noise = means - shift, np.full((1, 6), shift)
        arenas.append(BanditArena(bandits))
    for action in (0, 1, 6, 2, 0):
        assert arenas[0].memory.tokens() == pytest.approx(arenas[1].memory.tokens(), abs=1e-5)
        for arena in arenas:
            arena.step(np.array([action]))


def test_sellers_know_chances_by_their_customers_alone() -> None:
    # Other chances, but so close to 0 and 1 that the same customers buy.
    seen = []
    for chances in ([0.0, 1.0, 0.0, 1.0], [1e-12, 1 - 1e-12, 1e-12, 1 - 1e-12]):
        arena = InventoryArena(PROBLEM, np.array([chances]), LUCK(4))
        for action in (0, 1, 2, 4, 3, 0):
            arena.step(np.array([action]))
        seen.append(arena.memory.tokens())
    assert np.array_equal(*seen)


def test_the_best_price_costs_nothing_and_no_price_gains() -> None:
    task, luck = InventoryTask(PROBLEM), LUCK(6)
    arena = task.begin(50, LUCK(5))
    for _ in range(task.longest):
        allowed, worth = arena.memory.allowed(), arena.worth()
        assert worth[allowed].max() <= 1e-9
        assert np.where(allowed, worth, -np.inf).max(axis=1) == pytest.approx(0.0, abs=1e-9)
        assert (worth * arena.target()).sum(axis=1) == pytest.approx(0.0, abs=1e-9)
        assert arena.memory.tokens().shape == (50, task.features)
        arena.step(np.where(allowed, luck.random((50, ACTIONS)), 0.0).argmax(axis=1))


def test_what_a_pull_teaches_against_many_draws() -> None:
    mean, sd = np.array([[0.6, 0.5, 0.2]]), np.array([[0.1, 0.2, 0.3]])
    # The posterior mean after a reward x moves by (x - m) sd^2 / (sd^2 + noise^2).
    for arm in range(3):
        spread = np.sqrt(sd[0, arm] ** 2 + NOISE_SD**2)
        moved = mean[0, arm] + LUCK(16).normal(0.0, spread, 400_000) * sd[0, arm] ** 2 / spread**2
        other = np.delete(mean[0], arm).max()
        rise = np.maximum(moved, other).mean() - 0.6
        assert knowledge_gain(mean, sd)[0, arm] == pytest.approx(rise, abs=3e-4)


def test_a_pull_in_the_last_round_is_worth_what_it_earns() -> None:
    arena = BanditTask(rounds=3).begin(4, LUCK(5))
    for action in (0, len(HOPE) - 1):
        arena.step(np.full(4, action))
    mean, _ = arena.memory.posterior()
    pulled_next = np.take_along_axis(mean, arena.memory.places(), axis=1)
    assert arena.worth()[:, : len(HOPE)] == pytest.approx(pulled_next - mean[:, :1])


def test_worth_of_pulls_adds_up_to_what_is_earned() -> None:
    # Summed over trials of an aimless player, where the prior is the normal one: means pulled, less T times
    # the prior's mean.
    rounds, luck = 8, LUCK(17)
    bandits = Bandits(40_000, LUCK(18), rounds=rounds)
    bandits.means = LUCK(19).normal(PRIOR_MEAN, np.sqrt(PRIOR_VARIANCE), bandits.means.shape)
    arena, total, earned = BanditArena(bandits), 0.0, 0.0
    rows = np.arange(len(bandits))
    for _ in range(rounds):
        action = luck.integers(0, len(HOPE), len(bandits))
        total += arena.worth()[rows, action].mean()
        earned += bandits.means[rows, arena.memory.arm(action)].mean()
        arena.step(action)
    assert total == pytest.approx(earned - rounds * PRIOR_MEAN, abs=0.015)


def test_the_worth_of_a_price_by_hand() -> None:
    # Two customers, one unit, prices 10 and 20 bought at 0.8 and 0.5. The last customer is worth 10 (price
    # 20), and so is the unit before the first: price 10 gains 0, price 20 gains 0.5 (20 - 10) = 5. The best
    # policy earns 15 from two customers, 7.5 from each.
    problem = InventoryProblem(prices=(10.0, 20.0), chances=(0.8, 0.5), stock_ratio=0.5, horizon=2)
    arena = InventoryArena(problem, np.array([problem.chances]), LUCK(7))
    assert arena.worth()[0, :3] == pytest.approx([-5 / 7.5, 0.0, -5 / 7.5])
    arena.step(np.array([2]))  # nothing offered: price 10 now earns 8, price 20 earns 10, nothing 0
    assert arena.worth()[0, :3] == pytest.approx([-2 / 7.5, 0.0, -10 / 7.5])


def test_values_agree_with_the_dynamic_program_of_one_market() -> None:
    chances = LUCK(8).uniform(size=(3, 4))
    values = known_demand_values(
        np.array(PROBLEM.prices), chances, stock=PROBLEM.stock, horizon=PROBLEM.horizon
    )
    for value, chance in zip(values, chances, strict=True):
        assert value == pytest.approx(optimal_values(replace(PROBLEM, chances=tuple(chance))))


def test_worth_adds_up_to_what_a_policy_falls_short_of_the_best() -> None:
    # Offering nothing for a whole trial loses all there is: V(T, S) over V(T, S) / T is T.
    arena = InventoryTask(PROBLEM).begin(5, LUCK(9))
    nothing, total = len(PROBLEM.prices), np.zeros(5)
    for _ in range(PROBLEM.horizon):
        total += arena.worth()[:, nothing]
        arena.step(np.full(5, nothing))
    assert total == pytest.approx(-PROBLEM.horizon)


def test_a_seller_without_stock_offers_nothing() -> None:
    memory = InventoryMemory(2, prices=PROBLEM.prices, stock=1, horizon=4)
    memory.learn(np.array([0, 0]), np.array([True, False]))
    assert memory.allowed()[0].nonzero()[0].tolist() == [4]
    assert memory.allowed()[1].nonzero()[0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("task", SHORT, ids=lambda task: task.name)
def test_imitation_falls_on_one_batch_and_a_reader_sees_what_the_full_pass_sees(
    task: BanditTask | InventoryTask, tmp_path: Path
) -> None:
    network = fresh_network(task, tmp_path).eval()
    played = play(network, task.begin(16, LUCK(10)), LUCK(11), explore=0.3)
    tokens = played.trials.features
    reader = TokenReader(network)
    by_token = torch.stack([reader.logits(tokens[:, t].numpy()) for t in range(task.longest)], dim=1)
    with torch.no_grad():
        assert torch.allclose(network(tokens).price_logits, by_token, atol=1e-5)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(15):
        loss = imitation_loss(network, played, torch.arange(16))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_saved_policy_reloads_to_the_same_actions(tmp_path: Path) -> None:
    task = SHORT[0]
    fresh_network(task, tmp_path / "dpt")
    settings = ppo.PPOSettings(
        iterations=1, trials=8, minibatch=8, start_from=str(tmp_path / "dpt" / "model")
    )
    network = reinforce(task, settings, tmp_path / "ppo")
    loaded = load_model(str(tmp_path / "dpt" / "model"), adapter=str(tmp_path / "ppo" / "adapter"))
    before, after = (
        play(n, task.begin(8, LUCK(12)), LUCK(13)).trials.actions for n in (network, merged(loaded.network))
    )
    assert torch.equal(before, after)


def test_the_shipped_bandit_policy_passes_greedy_and_thompson() -> None:
    network = trained_network("bandit", stage="ppo")
    policies = {name: bandit.BASELINES[name] for name in ("empirical greedy", "Thompson sampling")}
    regret = bandit.run(policies | {"ours": lambda: TrainedBandit(network, draws=True)}, markets=200, seed=14)
    total = {name: path.sum(axis=1).mean() for name, path in regret.items()}
    assert total["ours"] < 0.85 * min(total["empirical greedy"], total["Thompson sampling"])


def test_the_shipped_inventory_policy_passes_thompson_with_and_without_its_stock() -> None:
    problem, revenue = InventoryProblem(), {}
    for name, policy in {
        "ours": TrainedInventory(trained_network("inventory", stage="ppo"), draws=True),
        "stock-blind": inventory.StockBlindThompson(),
        "TS-fixed": inventory.ThompsonFixed(),
    }.items():
        revenue[name] = inventory.play_inventory(problem, policy, replications=200, seed=15).mean()
    assert revenue["ours"] > 1.1 * max(revenue["stock-blind"], revenue["TS-fixed"])


def test_an_unknown_stage_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'dpt' or 'ppo', got 'sft'"):
        trained_network("bandit", stage="sft")
