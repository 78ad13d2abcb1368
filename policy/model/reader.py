"""Reading histories that grow by a period at a time, as a policy in play meets them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from policy.market.logged import trajectory_of
from policy.market.simulator import Observation, Outcome
from policy.market.trajectory import Trajectory
from policy.model.posterior import Calibration, Posterior
from policy.model.tokens import Tokens, tokenise
from policy.model.transformer import PolicyModel


@dataclass(frozen=True)
class Reading:
    """What the network makes of B products before their coming period."""

    hidden: Tensor
    """Last hidden state, shape (B, D), on the CPU like all of a reading."""
    posterior: Posterior
    price_logits: Tensor
    """Price head, shape (B, G)."""
    log_price: NDArray[np.float64]
    """Anchor price in logs that the grid is relative to, shape (B,)."""


class HistoryReader:
    """Reads B products' histories token by token, keeping the decoder's keys and values.

    A token once read never changes (tokens are causal), so each period costs the network one position's
    pass, up to its context; longer histories are read afresh from their last `context` positions. The
    tokens themselves are made afresh each time.
    """

    def __init__(self, model: PolicyModel, start_price: NDArray):
        """
        Parameters
        ----------
        start_price
            A price to stand for each product before its first sale, currency, shape (B,).
        """
        self._model = model
        self._start = start_price
        self._cache = DynamicCache(config=model.backbone.config)
        self._read = 0
        self._last: Reading | None = None
        self.observations: list[Observation] = []
        self.outcomes: list[Outcome] = []

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        """Take in a period that is over."""
        self.observations.append(observation)
        self.outcomes.append(outcome)

    def history(self) -> Trajectory:
        """The periods so far."""
        return trajectory_of(self.observations, self.outcomes)

    def tokens(self, observation: Observation) -> Tokens:
        """Tokens up to the one that speaks for the coming period, positions 0 to t."""
        unknown = np.full(len(observation.last_price), np.nan)
        ahead = Outcome(observation.last_price, *[unknown] * 5)
        history = trajectory_of([*self.observations, observation], [*self.outcomes, ahead])
        whole = tokenise(history, start_price=self._start)
        return Tokens(*(getattr(whole, name)[:, :-1] for name in whole.__dataclass_fields__))

    @torch.inference_mode()
    def read(self, observation: Observation) -> Reading:
        """Read on to the coming period."""
        tokens = self.tokens(observation)
        length, context = tokens.features.shape[1], self._model.config.context
        if length == self._read and self._last is not None:
            return self._last  # asked twice about one period
        if length <= context:
            new = torch.from_numpy(tokens.features[:, self._read :]).to(self._model.device)
            hidden = self._model.hidden_states(new, cache=self._cache)[:, -1:]
            self._read = length
        else:
            recent = torch.from_numpy(tokens.tail(context).features).to(self._model.device)
            hidden = self._model.hidden_states(recent)[:, -1:]
        out = self._model.answer(hidden)
        log_price = tokens.log_price[:, -1]
        posterior = Posterior(
            out.log_weights[:, 0].exp().double().cpu().numpy(),
            out.log_curves[:, 0].double().cpu().numpy() + tokens.log_units[:, -1, None, None],
            out.log_dispersion[:, 0].exp().double().cpu().numpy(),
            log_price,
            Calibration(**self._model.config.calibration),
        )
        self._last = Reading(hidden[:, 0].cpu(), posterior, out.price_logits[:, 0].cpu(), log_price)
        return self._last
