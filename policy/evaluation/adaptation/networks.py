"""Networks fitted to a store's history: our adapter, all weights, and an adapter on random weights.

Each has the same losses, batches and steps: `Fit`'s. Each tries a few candidates on the first three quarters
of the history, chooses between them by the forecasts of the last quarter, and is fitted so anew on all of it,
as `fine_tune` does. Where all forecast that quarter surely worse than the base, the base stays.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policy.evaluation.adaptation.stores import Store, with_coming
from policy.forecast.score import SeriesSums, series_sums
from policy.forecast.windows import Protocol, Sales, lay_out
from policy.learning.store.fine_tune import SHARES, own_losses, scaled, surely_less
from policy.learning.store.fit import CANDIDATES, Candidate, Fit, FitSettings, Rehearsal
from policy.learning.store.foretold import Foretold
from policy.learning.store.split import panel_before
from policy.learning.store.windows import StoreWindows
from policy.model.adapters import add_lora
from policy.model.inference import infer
from policy.model.panel import make_panel
from policy.model.posterior import Posterior
from policy.model.transformer import PolicyConfig, PolicyModel


class LoraFit(Fit):
    """The product's own way: an adapter on the base."""

    shares: tuple[float, ...] = SHARES

    def learned(self) -> dict[str, Tensor]:
        """A copy of all weights that are trained."""
        return self.adapter()

    def part(self, learned: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        """Weights that have gone a share of the way from the beginning."""
        return scaled(learned, share)


class FullFit(LoraFit):
    """All weights of the base, trained with the same losses."""

    def __init__(self, base: PolicyModel, *args: Any, **kwargs: Any):
        super().__init__(base, *args, **kwargs)
        self.wrapped = self.network = deepcopy(base)
        self._train(list(self.network.parameters()))
        self._start = self.learned()

    def _train(self, weights: list[torch.nn.Parameter]) -> None:
        self._trained = weights
        self._optimiser = torch.optim.AdamW(
            weights, betas=(0.9, 0.98), weight_decay=self._settings.weight_decay
        )

    def learned(self) -> dict[str, Tensor]:
        return {n: p.detach().clone() for n, p in self.network.named_parameters() if p.requires_grad}

    def part(self, learned: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        return {n: torch.lerp(self._start[n], value, share) for n, value in learned.items()}


class RandomFit(FullFit):
    """The same shape with random weights, which know of markets only what tokens and the heads' start tell:
    an adapter on the decoder, token encoder and heads trained in full, as on a decoder that has read no
    tokens of ours before (`add_lora`)."""

    shares = (1.0,)

    def __init__(self, base: PolicyModel, *args: Any, **kwargs: Any):
        super().__init__(base, *args, **kwargs)
        torch.manual_seed(self._seed)
        rank = self.candidate.rank
        fresh = PolicyModel(cast(PolicyConfig, base.config))
        self.wrapped = add_lora(fresh, rank=rank, alpha=2 * rank, train_heads=True)
        self.network = self.wrapped.base_model.model
        self._train([p for p in self.network.parameters() if p.requires_grad])
        self._start = self.learned()


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to fit a network to a store."""

    name: str
    fit: type[LoraFit]
    candidates: tuple[Candidate, ...]
    falls_back: bool = True
    """Whether the base stays where validation is surely worse than the base's."""


def _at_rates(*rates: float) -> tuple[Candidate, ...]:
    """The product's boldest candidate at other learning rates."""
    return tuple(replace(CANDIDATES[-1], learning_rate=rate) for rate in rates)


OURS = "LoRA on the base (ours)"

METHODS = (
    Method(name=OURS, fit=LoraFit, candidates=_at_rates(1e-3, 4e-3)),
    Method(name="full fine-tuning", fit=FullFit, candidates=_at_rates(2e-4, 6e-4)),
    Method(name="LoRA on random weights", fit=RandomFit, candidates=_at_rates(1e-3, 4e-3), falls_back=False),
)
"""Learning rates were chosen about those that did well in 40 steps on a store of another seed: `CANDIDATES`
has the modest ones that suit real stores, which are nearer to the training prior, and longer fits."""


@dataclass(frozen=True)
class Fitted:
    """A network fitted to a store, and how."""

    network: PolicyModel
    chosen: str
    """Learning rate, steps and share, or that the base stays."""


def sales_of_store(store: Store, periods: int) -> Sales:
    """The last periods of a store, with validation windows in their last quarter."""
    return lay_out(store.table(periods), Protocol(), name=store.name)


def fit_to_store(
    method: Method,
    base: PolicyModel,
    sales: Sales,
    rehearsal: Rehearsal,
    settings: FitSettings,
    *,
    seed: int,
) -> Fitted:
    """Search, then fit anew on the whole history; the base itself is left as it is."""
    context = base.config.context
    validation = Foretold(sales, "week", context=context)
    searched = StoreWindows(panel_before(sales, sales.first_tested, "week"), context=context)
    whole = StoreWindows(make_panel(sales.table, "week"), context=context)
    before = series_sums(sales, validation.quantiles(base))
    unchanged = own_losses(before, before)
    best, chosen = float("inf"), (method.candidates[0], settings.steps, 1.0)
    for candidate in method.candidates:
        fit, worse = method.fit(base, searched, rehearsal, candidate, settings, seed=seed), 0
        while fit.step < settings.steps and (worse < settings.patience or not method.falls_back):
            fit.train(min(settings.look_every, settings.steps - fit.step))
            share, lost = _look(fit, validation, before)
            worse = worse + 1 if surely_less(unchanged, lost) else 0
        if float(lost.sum()) < best and (worse == 0 or not method.falls_back):
            best, chosen = float(lost.sum()), (candidate, fit.step, share)
    if not np.isfinite(best):
        return Fitted(base, "base")
    candidate, steps, share = chosen
    fit = method.fit(base, whole, rehearsal, candidate, settings, seed=seed)
    fit.train(steps)
    fit.network.load_state_dict(fit.part(fit.learned(), share), strict=False)
    return Fitted(fit.network.eval(), f"{candidate.learning_rate:g} x {steps} x {share:g}")


def _look(fit: LoraFit, validation: Foretold, base: SeriesSums) -> tuple[float, NDArray[np.float64]]:
    """The best share of what was learned, and its validation losses by series; 1 in all is the base's."""
    learned, found = fit.learned(), []
    for share in fit.shares:
        fit.network.load_state_dict(fit.part(learned, share), strict=False)
        measured = series_sums(validation.sales, validation.quantiles(fit.network))
        found.append((share, own_losses(measured, base)))
    fit.network.load_state_dict(learned, strict=False)
    return min(found, key=lambda pair: float(pair[1].sum()))


def network_posterior(network: PolicyModel, store: Store, periods: int) -> Posterior:
    """What a network that sees the last periods says of each period ahead, B * H rows."""
    recent = store.recent(periods)
    whole = with_coming(recent, store.coming)
    return infer(network, whole, start_price=recent.price[:, 0], ahead=store.horizon)[0]
