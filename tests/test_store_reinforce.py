"""Reinforcement in a store's own markets: the price head learns, and nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from short_runs import SHORT
from stores import sales

from policy.history import canonical_history
from policy.learning.store.fit import Fit, Rehearsal
from policy.learning.store.markets import store_demand
from policy.learning.store.reinforce import Reinforce, ReinforceSettings, head_reward, play_store
from policy.learning.store.split import split
from policy.learning.store.windows import StoreWindows
from policy.model.loading import load_model
from policy.model.transformer import GRID


def fitted(*, dear: float = 0.0) -> tuple[Fit, Reinforce]:
    """An adapter fitted to a small store, whose price head charges too much with `dear`."""
    table, report = canonical_history(sales(products=8, weeks=60, elasticity=-2.5))
    before = split(table, report.period, seed=1).before_test
    network = load_model().network
    with torch.no_grad():
        network.price_head.bias += torch.linspace(-dear, dear, len(GRID))
    fit = Fit(
        network,
        StoreWindows(before, context=112),
        Rehearsal(seed=1),
        SHORT.candidates[1],
        SHORT.fit,
        seed=1,
    )
    fit.train(2)
    settings = ReinforceSettings(trials=32, horizons=(6, 8), longest_past=20)
    return fit, Reinforce(fit, store_demand(fit.network, before), settings, seed=1)


def test_forecasts_stay_as_they_were_fitted() -> None:
    fit, stage = fitted()
    features = torch.randn(3, 20, 65)
    with torch.no_grad():
        before = fit.network(features)
    held = fit.adapter()
    stage.iterate()
    with torch.no_grad():
        after = fit.network(features)
    assert torch.equal(before.log_curves, after.log_curves)
    assert torch.equal(before.log_weights, after.log_weights)
    assert not torch.equal(before.price_logits, after.price_logits)
    changed = {name for name, value in fit.adapter().items() if not torch.equal(value, held[name])}
    assert changed and all(name.startswith("price_head") for name in changed)


def test_trials_go_on_from_the_stores_own_past() -> None:
    fit, stage = fitted()
    demand, settings = stage._demand, stage._settings
    played = [play_store(fit.network, demand, np.random.default_rng(seed), settings) for seed in range(6)]
    assert any(trials.logged == 0 for trials in played) and any(trials.logged > 0 for trials in played)
    for trials in played:
        assert trials.features.shape[1] == trials.logged + trials.rewards.shape[1]
        assert trials.rewards.abs().max() <= 1.0
        # What the store sold is read as sold; the first priced token follows it.
        assert bool((trials.features[:, 1 : trials.logged + 1, 0] == 1).all())


@pytest.mark.slow
def test_the_price_head_learns_the_stores_markets() -> None:
    fit, stage = fitted(dear=6.0)
    demand, settings = stage._demand, stage._settings
    before = head_reward(fit.network, demand, settings, seed=9).mean()
    for _ in range(12):
        stage.iterate()
    assert head_reward(fit.network, demand, settings, seed=9).mean() > before + 0.005
