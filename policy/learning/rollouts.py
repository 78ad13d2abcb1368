"""Self-generated rollouts: stretches of training histories that the policy prices itself.

A policy that is trained on other sellers' logs alone meets, once it prices, histories that it has never seen:
its own. Part of the batches therefore let a frozen network price some periods (Wang et al. 2024, arXiv
2405.14219, section 4, which mixes them in from a later stage of pretraining on). The network is that of an
earlier run, not the one in training, so that a batch depends on its seed and step alone. It sees its market's
costs and stock even where training hides the column afterwards.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from policy.decision.choice import best_price
from policy.learning.trials import allowed_prices, draw, masked_log_softmax
from policy.market import Markets, Observation
from policy.market.simulator import Outcome
from policy.model.posterior import Posterior
from policy.model.reader import HistoryReader, Reading
from policy.model.transformer import GRID, PolicyModel

STRETCH = (20, 60)
"""Fewest and most periods in a row that the policy prices: the benchmark's 40 in the middle."""


class OwnPricing:
    """The policy as a seller of B markets, for one stretch of periods.

    A third of the products is priced by the best price under the posterior, a third by the best price under
    one curve drawn from it (Thompson sampling), a third by a draw from the price head, so that contexts
    differ in how much they explore.
    """

    def __init__(self, model: PolicyModel, markets: Markets, rng: np.random.Generator):
        self._reader = HistoryReader(model, markets.reference_price)
        self._rng = rng
        self._habit = rng.integers(3, size=len(markets))
        length = min(int(rng.integers(STRETCH[0], STRETCH[1] + 1)), markets.horizon)
        # Half of the stretches are cold starts.
        latest = markets.horizon - length
        self._start = int(rng.integers(0, latest + 1)) if rng.random() < 0.5 else 0
        self._stop = self._start + length

    def plays(self, t: int) -> bool:
        """Whether the policy sets the price of period t."""
        return self._start <= t < self._stop

    def act(self, observation: Observation) -> NDArray:
        """Prices of the coming period, currency, shape (B,)."""
        reading = self._reader.read(observation)
        limits = {"low": observation.price_low, "high": observation.price_high}
        known = {"unit_cost": observation.unit_cost, "stock": observation.stock, **limits}
        greedy = best_price(reading.posterior, **known)
        thompson = best_price(self._one_curve(reading.posterior), **known)
        return np.select(
            [self._habit == 0, self._habit == 1], [greedy, thompson], self._from_head(reading, observation)
        )

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        """Take in a period, whoever priced it; those after the stretch are of no use."""
        if observation.t < self._stop:
            self._reader.observe(observation, outcome)

    def _one_curve(self, posterior: Posterior) -> Posterior:
        """A posterior that is sure of one curve, drawn by the weights."""
        return posterior.sure_of(draw(posterior.weights, self._rng))

    def _from_head(self, reading: Reading, observation: Observation) -> NDArray:
        allowed = allowed_prices(reading.log_price, observation.price_low, observation.price_high)
        chance = masked_log_softmax(reading.price_logits.float(), torch.from_numpy(allowed)).exp().numpy()
        price = np.exp(reading.log_price + GRID.double().numpy()[draw(chance, self._rng)])
        return np.clip(price, observation.price_low, observation.price_high)
