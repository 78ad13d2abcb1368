"""Training batches of a store: rolling windows of its own histories, with outcomes masked at random.

Masked stretches are what a forecast of several periods is at test: periods whose price is known and whose
units are not. Only what the store really charged and sold is scored; nothing is made up.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policy.forecast.windows import MOVE
from policy.market.trajectory import Trajectory
from policy.model.panel import PATHS, Panel
from policy.model.tokens import tokenise

STRETCH = (3, 8)
"""Shortest and longest masked stretch, periods."""

EVERY = 16
"""One stretch begins in so many periods, in a history of average masking."""

MASKED_SHARE = 0.9
"""Share of histories with masked stretches; the others are read whole."""


@dataclass(frozen=True, kw_only=True)
class Emphasis:
    """What counts more in training than its share of the rows."""

    ahead: float = 3.0
    """Weight of a period whose previous period is masked: a forecast of two periods or more."""
    moved: float = 3.0
    """Weight of a period whose price has moved since the last period shown: the rows that tell of price."""
    volume: float = 0.5
    """Histories are drawn by mean units to this power: 0 alike, 1 as much as they sell."""


@dataclass(frozen=True)
class StoreBatch:
    """Histories of a store and what is to be said of them. Axes: B histories, T periods."""

    features: Tensor
    """Tokens; position t speaks for period t. Shape (B, T, F)."""
    padding: Tensor
    """True before a history begins, shape (B, T)."""
    log_units: Tensor
    """Anchor level, shape (B, T)."""
    log_multiplier: Tensor
    """Log of the price charged over the anchor price, shape (B, T)."""
    units: Tensor
    """Units sold, 0 where unknown, shape (B, T)."""
    weight: Tensor
    """What a period counts; 0 where its units are unknown or stock ran out, shape (B, T)."""
    usual_units: Tensor
    """Mean units of each history, shape (B,)."""

    def to(self, device: torch.device) -> StoreBatch:
        """The batch on a device."""
        return StoreBatch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


class StoreWindows:
    """Draws batches from a panel."""

    def __init__(self, panel: Panel, *, context: int, emphasis: Emphasis | None = None):
        """
        Parameters
        ----------
        panel
            B products, only periods that may be trained on.
        context
            Most periods that the network reads at once.
        """
        self._panel, self._context = panel, context
        self._emphasis = emphasis or Emphasis()
        self._usual = np.nanmean(panel.history.units, axis=1) + 0.5
        chance = self._usual**self._emphasis.volume
        self._chance = chance / chance.sum()

    def draw(self, rng: np.random.Generator, size: int) -> StoreBatch:
        """A batch of `size` histories, some with their first years forgotten, each with stretches masked."""
        rows = rng.choice(len(self._panel), size, p=self._chance)
        history = _forget_some(self._panel, rows, rng)
        length = history.price.shape[1]
        present = np.isfinite(history.price)
        known = np.isfinite(history.units) & present
        hidden = masked_stretches(rng, size, length)
        start_price = history.price[np.arange(size), present.argmax(axis=1)]
        tokens = tokenise(history, start_price=start_price, hidden=hidden)
        # Each row's window ends within its own life: a young product read before its launch teaches nothing.
        width = min(length, self._context)
        soonest = np.minimum(present.argmax(axis=1) + width, length)
        stop = rng.integers(soonest, length + 1) if length > width else soonest
        window = stop[:, None] - width + np.arange(width)  # (B, width)
        weight = self._weights(history, known, hidden)
        log_price = np.where(present, np.log(np.where(present, history.price, 1.0)), 0.0)

        def cut(path: NDArray) -> Tensor:
            part = path[np.arange(size)[:, None], window]
            return torch.from_numpy(part if part.dtype == bool else part.astype(np.float32))

        return StoreBatch(
            features=cut(tokens.features[:, :-1]),
            padding=cut(tokens.padding[:, :-1]),
            log_units=cut(tokens.log_units[:, :-1]),
            log_multiplier=cut(np.where(present, log_price - tokens.log_price[:, :-1], 0.0)),
            units=cut(np.where(known, history.units, 0.0)),
            weight=cut(np.where(tokens.padding[:, :-1], 0.0, weight)),
            usual_units=torch.from_numpy(self._usual[rows].astype(np.float32)),
        )

    def _weights(self, history: Trajectory, known: NDArray, hidden: NDArray) -> NDArray:
        """What each period counts, shape (B, T)."""
        emphasis = self._emphasis
        with np.errstate(invalid="ignore"):
            log_price = np.log(history.price)
            limited = np.isfinite(history.stock) & (history.units >= history.stock)
        shown = _last_shown(np.where(known & ~hidden, log_price, np.nan))
        with np.errstate(invalid="ignore"):
            moved = np.abs(log_price - shown) >= MOVE
        far = np.zeros_like(hidden)
        far[:, 1:] = hidden[:, :-1]
        weight = np.where(far, emphasis.ahead, 1.0) * np.where(moved, emphasis.moved, 1.0)
        return np.where(known & ~limited, weight, 0.0)


def masked_stretches(rng: np.random.Generator, size: int, length: int) -> NDArray[np.bool_]:
    """Stretches of periods to mask, none in some rows, shape (size, length)."""
    start = rng.random((size, length)) < rng.uniform(0.5, 1.5, (size, 1)) / EVERY
    lasting = rng.integers(STRETCH[0], STRETCH[1] + 1, (size, length))
    masked = np.zeros((size, length), dtype=bool)
    for back in range(min(STRETCH[1], length)):
        masked[:, back:] |= (start & (lasting > back))[:, : length - back]
    return masked & (rng.random((size, 1)) < MASKED_SHARE)


def _forget_some(panel: Panel, rows: NDArray, rng: np.random.Generator) -> Trajectory:
    """The products at `rows`, half of them without up to seven tenths of their past, and at another time of
    year: series of one store share their weather, which would be learned by its date."""
    history = panel.history.take(rows)
    size, length = history.price.shape
    first = length - panel.lengths[rows]
    forgotten = (rng.uniform(0.0, 0.7, size) * panel.lengths[rows]).astype(int)
    first = first + np.where(rng.random(size) < 0.5, forgotten, 0)
    keep = np.arange(length) >= first[:, None]
    paths = {name: np.where(keep, getattr(history, name), np.nan) for name in PATHS}
    shift = 7 * rng.integers(-26, 27, (size, 1))
    return replace(history, day=history.day + shift, **paths)


def _last_shown(path: NDArray) -> NDArray:
    """The last finite value before each period, NaN where there is none, shape (B, T)."""
    index = np.maximum.accumulate(np.where(np.isfinite(path), np.arange(path.shape[1]), -1), axis=1)
    index = np.concatenate([np.full((len(path), 1), -1), index[:, :-1]], axis=1)
    held = np.take_along_axis(path, np.maximum(index, 0), axis=1)
    return np.where(index >= 0, held, np.nan)
