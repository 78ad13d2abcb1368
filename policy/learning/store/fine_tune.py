"""Fine-tuning on a store's own history: search, fit, reinforcement, and the test that decides.

    canonical table → split by time → candidates fitted and compared on validation → the best one fitted anew,
    validation included → PPO in markets drawn from its posterior → base and adapter on the test quarter
    → a version on the store's shelf

Every part writes its checkpoint into the shelf's `work` folder, so that a stopped or killed run goes on. What
was promoted before stays so until a new version is whole and has passed.
"""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from policy.forecast.score import SeriesSums, series_sums
from policy.forecast.windows import Sales
from policy.history import HistoryError
from policy.learning.checkpoints import write_whole
from policy.learning.store.fit import CANDIDATES, Candidate, Fit, FitSettings, Rehearsal
from policy.learning.store.foretold import Foretold
from policy.learning.store.judge import judged
from policy.learning.store.markets import StoreDemand, store_demand
from policy.learning.store.progress import ITERATION, TEST, Clock, FineTuningStopped, Progress
from policy.learning.store.reinforce import Reinforce, ReinforceSettings, head_reward
from policy.learning.store.split import Split
from policy.learning.store.windows import StoreWindows
from policy.model.adapter_files import CHECKPOINT
from policy.model.adapters import save_adapter
from policy.model.loading import LoadedModel
from policy.model.shelf import Shelf, Version
from policy.model.transformer import PolicyModel

SHARES = (0.5, 1.0)
"""How much of what was learned is tried, from modest to bold: a step half-way is often the better one
(Wortsman et al. 2022, arXiv 2109.01903)."""

MOST_VALIDATED = 240
"""Windows of validation that candidates are compared on; more are sampled, for time."""

CHUNK = 5
"""Steps between two chances to stop."""


@dataclass(frozen=True, kw_only=True)
class FineTuneSettings:
    """A fine-tuning; written into its report."""

    seed: int = 1
    candidates: tuple[Candidate, ...] = CANDIDATES
    fit: FitSettings = field(default_factory=FitSettings)
    reinforce: ReinforceSettings = field(default_factory=ReinforceSettings)


@dataclass
class _Best:
    """The best way to fit so far, by validation."""

    sound: bool = False
    """Whether it went to its end without being surely worse than the base."""
    candidate: int = -1
    step: int = 0
    share: float = 1.0
    loss: float = np.inf
    """Its `own_losses` in all: 1 is the base's."""
    curve: list[dict[str, float]] = field(default_factory=list)

    def rank(self) -> tuple[bool, float]:
        """Smaller is better."""
        return not self.sound, self.loss


def fine_tune(
    model: LoadedModel,
    parts: Split,
    output: Path,
    *,
    settings: FineTuneSettings,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Version:
    """Fit an adapter to a store and put it on the store's shelf, promoted if it passed.

    Parameters
    ----------
    model
        The base, without an adapter.
    parts
        Sales of one store, split by the seed of `settings`.
    output
        The shelf's folder.
    progress
        Told how far the run is.
    stop
        Asked every few steps whether to stop.

    Raises
    ------
    FineTuningStopped
        `stop` said so; the same call goes on.
    OSError
        The folder cannot be written to. What was promoted before still is.
    """
    return _Run(
        model, parts, output, settings, progress or (lambda _: None), stop or (lambda: False)
    ).finish()


class _Run:
    """One fine-tuning, from where its checkpoint stands."""

    def __init__(
        self,
        model: LoadedModel,
        parts: Split,
        output: Path,
        settings: FineTuneSettings,
        notify: Callable[[Progress], None],
        stop: Callable[[], bool],
    ):
        self._model, self._parts, self._settings = model, parts, settings
        self._shelf, self._checkpoint = Shelf(output), output / CHECKPOINT
        self._stop = stop
        self._clock = Clock(notify, total=planned(settings))
        context = model.network.config.context
        self._searched = StoreWindows(parts.train, context=context)
        self._fitted = StoreWindows(parts.before_test, context=context)
        self._rehearsal = Rehearsal(seed=settings.seed)
        validation = sampled(parts.validation, MOST_VALIDATED, seed=settings.seed)
        self._validation = Foretold(validation, parts.whole.period, context=context)

    def finish(self) -> Version:
        """Go through all that is left."""
        # What cannot be written to is to be known at once.
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        key = self._key()
        state = self._load(key)
        if state is None:
            state = {"key": key, "seconds": 0.0, "work": 0.0, "next": 0, "best": asdict(_Best())}
        else:
            self._clock.resume(state["seconds"], state["work"])
        self._clock.enter("read")
        base = self._validated(self._model.network)
        best = self._search(state, base)
        fit = self._refit(state, best)
        reinforced = self._reinforce(state, fit)
        self._clock.enter("test")
        verdict = judged(
            self._parts,
            self._model.network,
            fit.network,
            seed=self._settings.seed,
            between=lambda: self._tested(state),
        )
        reasons = verdict.reasons(best.sound)
        promote = best.sound and verdict.passed
        chosen = asdict(fit.candidate) | {"steps": best.step, "share": best.share}
        report = {
            "seconds": round(self._clock.spent, 1),
            "base": self._model.digest,
            "promoted": promote,
            "reasons": reasons,
            "products": len(self._parts.whole),
            "rows": int(np.isfinite(self._parts.whole.history.units).sum()),
            "period": self._parts.whole.period,
            "dates": {name: list(dates) for name, dates in self._parts.dates.items()},
            "chosen": chosen,
            "curve": best.curve,
            "reinforced": reinforced,
            "settings": asdict(self._settings),
            **verdict.to_dict(),
        }
        version = self._shelf.add(
            lambda folder: save_adapter(fit.wrapped, folder, base=self._model.digest), report, promote=promote
        )
        shutil.rmtree(self._checkpoint.parent, ignore_errors=True)
        return version

    def _search(self, state: dict[str, Any], base: SeriesSums) -> _Best:
        """Fit the candidates one after the other and keep the best by validation.

        A candidate is fitted to the end: one validation stretch is too short to choose among its steps. It is
        given up where it is surely worse than the base look after look.
        """
        settings, best = self._settings.fit, _Best(**state["best"])
        unchanged = own_losses(base, base)
        for number in range(state["next"], len(self._settings.candidates)):
            fit, worse = self._new_fit(number, self._searched), 0
            curve = [{"step": 0.0, "train": fit.loss(), "validation": 1.0}]
            if "fit" in state:
                fit.load(state["fit"])
                worse, curve = state["worse"], state["curve"]
            while fit.step < settings.steps and worse < settings.patience:
                self._clock.enter("search")
                loss = 0.0
                for _ in range(0, settings.look_every, CHUNK):
                    self._check(state)
                    loss += fit.train(CHUNK) * CHUNK / settings.look_every
                    self._clock.advance(CHUNK)
                share, lost = min(self._look(fit, base), key=lambda pair: float(pair[1].sum()))
                curve.append({"step": fit.step, "train": loss, "validation": float(lost.sum())})
                worse = worse + 1 if surely_less(unchanged, lost) else 0
                if fit.step == settings.steps or worse == settings.patience:
                    total = float(lost.sum())
                    finite = bool(np.isfinite(total))
                    sound = worse == 0 and finite
                    found = _Best(sound, number, fit.step, share, total if finite else np.inf, curve)
                    best = found if best.candidate < 0 else min(best, found, key=_Best.rank)
                self._keep(state, fit=fit.state(), worse=worse, curve=curve, next=number, best=asdict(best))
                self._save(state)
            state.pop("fit", None)
            self._clock.move_to((number + 1) * settings.steps)
            self._keep(state, next=number + 1, best=asdict(best))
        return best

    def _refit(self, state: dict[str, Any], best: _Best) -> Fit:
        """Fit as was found best, on validation as well: the latest sales are worth most."""
        fit = self._new_fit(best.candidate, self._fitted)
        if "refit" in state:
            fit.load(state["refit"])
        while fit.step < best.step:
            self._clock.enter("fit")
            self._check(state)
            fit.train(CHUNK)
            self._clock.advance(CHUNK)
            self._keep(state, refit=fit.state())
            if fit.step % self._settings.fit.look_every == 0:
                self._save(state)
        self._clock.move_to((len(self._settings.candidates) + 1) * self._settings.fit.steps)
        if "fitted" not in state:
            self._keep(state, fitted=scaled(fit.adapter(), best.share))
            self._save(state)
        fit.network.load_state_dict(state["fitted"], strict=False)
        return fit

    def _reinforce(self, state: dict[str, Any], fit: Fit) -> dict[str, Any]:
        """PPO in the store's markets, undone where it did not surely help."""
        settings = self._settings.reinforce
        self._clock.enter("reinforce")
        try:
            demand = store_demand(fit.network.eval(), self._parts.before_test)
        except HistoryError:  # nothing was for sale at that moment, so there is nothing to play
            return {"kept": False, "before": None, "after": None, "iterations": 0}
        stage = Reinforce(fit, demand, settings, seed=self._settings.seed)
        before = self._reward(fit, demand)
        if "reinforce" in state:
            fit.network.load_state_dict(state["played"], strict=False)
            stage.load(state["reinforce"])
        while stage.iteration < settings.iterations:
            self._check(state)
            stage.iterate()
            self._clock.advance(ITERATION)
            self._keep(state, played=fit.adapter(), reinforce=stage.state())
            if stage.iteration % 4 == 0:
                self._save(state)
        after = self._reward(fit, demand)
        kept = surely_less(-after, -before)
        if not kept:
            fit.network.load_state_dict(state["fitted"], strict=False)
        reward = {"before": float(before.mean()), "after": float(after.mean())}
        return {"kept": kept, **reward, "iterations": stage.iteration}

    def _reward(self, fit: Fit, demand: StoreDemand) -> NDArray[np.float64]:
        """Reward of the price head in each of the store's markets that it is not trained on, shape (N,)."""
        return head_reward(fit.network.eval(), demand, self._settings.reinforce, seed=self._settings.seed)

    def _look(self, fit: Fit, base: SeriesSums) -> list[tuple[float, NDArray[np.float64]]]:
        """Validation losses by series with each of `SHARES` of what was learned, modest first."""
        learned, found = fit.adapter(), []
        for share in SHARES:
            fit.network.load_state_dict(scaled(learned, share), strict=False)
            found.append((share, own_losses(self._validated(fit.network), base)))
        fit.network.load_state_dict(learned, strict=False)
        return found

    def _validated(self, network: PolicyModel) -> SeriesSums:
        return series_sums(self._validation.sales, self._validation.quantiles(network))

    def _new_fit(self, number: int, windows: StoreWindows) -> Fit:
        settings = self._settings
        return Fit(
            self._model.network,
            windows,
            self._rehearsal,
            settings.candidates[number],
            settings.fit,
            seed=settings.seed,
        )

    def _tested(self, state: dict[str, Any]) -> None:
        self._check(state)
        self._clock.advance(TEST / 3)

    def _check(self, state: dict[str, Any] | None = None) -> None:
        """Stop here if asked to."""
        if self._stop():
            if state is not None:
                self._save(state)
            raise FineTuningStopped

    def _key(self) -> str:
        """What a checkpoint belongs to: this base, these settings, these sales."""
        frame = self._parts.table
        rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
        sha = hashlib.sha256(rows.tobytes())
        sha.update(repr((self._model.digest, self._settings, list(frame.columns))).encode())
        return sha.hexdigest()

    def _load(self, key: str) -> dict[str, Any] | None:
        """The checkpoint of this very run; one of another run is begun over."""
        try:
            state: dict[str, Any] = torch.load(self._checkpoint, weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
            return None  # half-written as the machine went down: begin anew
        return state if state["key"] == key else None

    def _save(self, state: dict[str, Any]) -> None:
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        state["seconds"] = self._clock.spent
        write_whole(state, self._checkpoint)

    def _keep(self, state: dict[str, Any], **parts: Any) -> None:
        """Put into the state what the next run goes on from, and how much work that is."""
        state |= parts | {"work": self._clock.work}


def planned(settings: FineTuneSettings) -> float:
    """The work of a whole run, in steps of fitting."""
    fitting = (len(settings.candidates) + 1) * settings.fit.steps
    return fitting + settings.reinforce.iterations * ITERATION + TEST


def sampled(sales: Sales, most: int, *, seed: int) -> Sales:
    """The same series with at most `most` of their windows."""
    if len(sales) <= most:
        return sales
    chosen = np.sort(np.random.default_rng(seed).choice(len(sales), most, replace=False))
    return replace(sales, series=sales.series[chosen], origin=sales.origin[chosen])


def own_losses(measured: SeriesSums, base: SeriesSums) -> NDArray[np.float64]:
    """What each series adds to the loss on all rows and on moves, half each, shape (S,): 1 in all for the
    base."""
    parts = [
        (now, then.sum())
        for now, then in ((measured.loss, base.loss), (measured.loss_moves, base.loss_moves))
        if then.sum() > 0
    ]
    return np.sum([now / total for now, total in parts], axis=0) / len(parts)


def surely_less(lost: NDArray, than: NDArray) -> bool:
    """Whether S losses are less in all by more than a standard error of the difference."""
    difference = lost - than
    n = len(difference)
    error = np.sqrt(n / max(n - 1, 1) * ((difference - difference.mean()) ** 2).sum())
    return bool(difference.sum() < -error)


def scaled(adapter: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """An adapter that changes the network `share` as much: its ways up are multiplied."""
    return {name: value * share if "lora_B" in name else value.clone() for name, value in adapter.items()}
