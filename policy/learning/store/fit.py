"""Fitting an adapter to a store's own histories, and the ways to fit that are searched."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from policy.learning.batches import Batch, make_batch
from policy.learning.pretrain import PretrainSettings, losses
from policy.learning.processes import Processes
from policy.learning.store.likelihood import store_losses
from policy.learning.store.windows import StoreWindows
from policy.market import Prior
from policy.model.adapters import adapted_base, adapter_state
from policy.model.transformer import PolicyModel


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to fit an adapter."""

    learning_rate: float
    rank: int
    likelihood: float = 0.2
    """Weight of the negative log-likelihood per period against the CRPS over a history's mean units."""
    rehearsal: float = 0.2
    """Weight of the base's own training task."""


CANDIDATES = (
    Candidate(learning_rate=3e-4, rank=4),
    Candidate(learning_rate=6e-4, rank=4),
    Candidate(learning_rate=6e-4, rank=8),
)
"""What the search tries, modest first."""

REHEARSED, REHEARSED_PERIODS, REHEARSED_AT_ONCE = 192, 112, 8
"""Histories from the prior, their periods, and how many of them a step practises on."""

PRICE_WEIGHT = PretrainSettings.price_weight


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How each candidate is trained."""

    steps: int = 60
    look_every: int = 15
    """Steps between looks at validation."""
    patience: int = 2
    """Looks in a row at which it is surely worse than the base before a candidate is given up."""
    batch_size: int = 32
    warmup: int = 10
    decay_from: float = 0.5
    """Share of the steps after which the learning rate falls linearly to a tenth."""
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        if self.look_every < 1 or self.steps < 1 or self.steps % self.look_every:
            raise ValueError(
                f"`steps` must be a multiple of `look_every`, got {self.steps} and {self.look_every}."
            )


class Rehearsal:
    """Histories from the prior, drawn once, on which an adapter goes on practising what the base was taught.

    A store's sales show neither what other prices would have sold nor, while they are young, what a long
    history looks like; an adapter trained on them alone forgets how to read either.
    """

    def __init__(self, *, seed: int):
        self._batch = make_batch(np.random.default_rng([seed, 3]), Prior(), REHEARSED, REHEARSED_PERIODS)

    def draw(self, rng: np.random.Generator) -> Batch:
        """A few of them."""
        rows = torch.from_numpy(rng.choice(REHEARSED, REHEARSED_AT_ONCE, replace=False))
        return Batch(**{f.name: getattr(self._batch, f.name)[rows] for f in fields(Batch)})


def learning_rate(step: int, candidate: Candidate, settings: FitSettings) -> float:
    """Warm up, hold, fall."""
    start = settings.steps * settings.decay_from
    fall = max(0.0, (step - start) / max(settings.steps - start, 1.0))
    return candidate.learning_rate * min(1.0, (step + 1) / settings.warmup) * (1 - 0.9 * fall)


class Fit:
    """One candidate in training; `state` and `load` are for checkpoints."""

    def __init__(
        self,
        base: PolicyModel,
        windows: StoreWindows,
        rehearsal: Rehearsal,
        candidate: Candidate,
        settings: FitSettings,
        *,
        seed: int,
    ):
        self.candidate = candidate
        self._settings, self._windows, self._rehearsal = settings, windows, rehearsal
        self._seed = seed
        self.wrapped, self.network = adapted_base(deepcopy(base), rank=candidate.rank, seed=seed)
        Processes.current().place(self.network)
        self._trained = [p for p in self.network.parameters() if p.requires_grad]
        self._optimiser = torch.optim.AdamW(
            self._trained, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        self.step = 0

    def train(self, steps: int) -> float:
        """Take some steps; returns their mean loss."""
        self.network.train()
        total = 0.0
        for _ in range(steps):
            total += self.descend(learning_rate(self.step, self.candidate, self._settings))
        self.network.eval()
        return total / max(steps, 1)

    def descend(self, rate: float) -> float:
        """One step at this learning rate; returns its loss. Raises `FloatingPointError` where it diverged."""
        loss = self._loss()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._trained, 1.0)
        if not torch.isfinite(norm):
            raise FloatingPointError(f"The gradient is not finite after {self.step} steps of fine-tuning.")
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.step()
        self.step += 1
        return float(loss.item())

    def loss(self) -> float:
        """The loss of the network as it is, on the batch of the step to come."""
        with torch.no_grad():
            return float(self._loss())

    def _loss(self) -> Tensor:
        rng = np.random.default_rng([self._seed, self.step])
        device = self.network.device
        batch = self._windows.draw(rng, self._settings.batch_size).to(device)
        score, nll = store_losses(self.network, batch)
        rehearsed, price = losses(self.network, self._rehearsal.draw(rng).to(device))
        own = score + self.candidate.likelihood * nll
        return own + self.candidate.rehearsal * (rehearsed + PRICE_WEIGHT * price)

    def adapter(self) -> dict[str, Tensor]:
        """A copy of the adapter's weights as they are."""
        return {name: value.clone() for name, value in adapter_state(self.network).items()}

    def state(self) -> dict[str, Any]:
        return {
            "adapter": self.adapter(),
            "optimiser": self._optimiser.state_dict(),
            "step": self.step,
            "random": torch.get_rng_state(),  # dropout of other backbones draws from it
        }

    def load(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["adapter"], strict=False)
        self._optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        torch.set_rng_state(state["random"])
