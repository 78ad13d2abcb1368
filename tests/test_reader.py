"""Reading a history period by period equals reading it whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_networks import tiny_network

from policy.market import LoggingPolicies, Prior, Simulator
from policy.model.inference import infer
from policy.model.reader import HistoryReader


@pytest.mark.parametrize("context", [64, 8])  # 8: the history outgrows what the network reads at once
def test_reading_token_by_token_equals_the_full_pass(context: int) -> None:
    model, rng = tiny_network(context=context), np.random.default_rng(2)
    markets = replace(Prior(), period_chances=(0.3, 0.4, 0.3)).sample(rng, 12, 20)
    simulator, sellers = Simulator(markets, rng), LoggingPolicies(markets, rng)
    reader = HistoryReader(model, markets.reference_price)
    for t in range(20):
        simulator.set_promo(sellers.promo(t))
        observation = simulator.observation()
        reading = reader.read(observation)
        reader.observe(observation, simulator.step(sellers.act(observation)))
        whole = reader.history()
        future = replace(
            whole,
            price=np.column_stack([whole.price[:, :-1], observation.last_price]),
            units=np.column_stack([whole.units[:, :-1], np.full(12, np.nan)]),
            views=np.column_stack([whole.views[:, :-1], np.full(12, np.nan)]),
        )
        posterior, chance = infer(model, future, start_price=markets.reference_price)
        assert reading.posterior.log_units == pytest.approx(posterior.log_units, abs=1e-4)
        assert reading.posterior.log_price == pytest.approx(posterior.log_price)
        assert reading.price_logits.softmax(-1).numpy() == pytest.approx(chance, abs=1e-5)
