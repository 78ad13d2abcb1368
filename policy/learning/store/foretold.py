"""Forecasts of a network at the windows of a store, the tokens of which are made once.

The same answers as `PricingPipeline.predict_demand` gives on the same windows; a search over adapters asks
for them again and again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policy.forecast.windows import LEVELS, Sales
from policy.history import PERIODS, Period
from policy.market.trajectory import Trajectory
from policy.model.inference import BLOCK, POSITIONS
from policy.model.panel import PATHS, days
from policy.model.posterior import Calibration, Posterior
from policy.model.tokens import tokenise
from policy.model.transformer import PolicyModel

KNOWN_AHEAD = ("price", "promo")
"""What a forecast is told of the periods ahead; competitors and costs are held at their last known values."""

HELD = ("competitor_price", "cost")


@dataclass(frozen=True)
class _Block:
    """Windows whose histories are about equally long."""

    windows: NDArray[np.int64]
    features: Tensor
    padding: Tensor
    log_price: NDArray[np.float64]
    log_units: NDArray[np.float64]


class Foretold:
    """The W windows of `sales`, ready to be asked about."""

    def __init__(self, sales: Sales, period: Period, *, context: int):
        self.sales = sales
        order = np.argsort(sales.origin - sales.start, kind="stable")
        self._blocks = [
            _tokens(sales, order[begin : begin + BLOCK], period, context)
            for begin in range(0, len(order), BLOCK)
        ]
        self.prices = sales.path("price")[sales.ahead]

    @torch.inference_mode()
    def posterior(self, model: PolicyModel) -> Posterior:
        """The posterior for every period ahead, W * H rows."""
        horizon = self.sales.horizon
        parts: list[tuple[NDArray, ...]] = []
        for block in self._blocks:
            chunk = max(1, POSITIONS * torch.get_num_threads() // block.features.shape[1])
            pairs = zip(block.features.split(chunk), block.padding.split(chunk), strict=True)
            hidden = [
                model.hidden_states(f.to(model.device), p.to(model.device) if p.any() else None)[:, -horizon:]
                for f, p in pairs
            ]
            out = model.answer(torch.cat(hidden))
            parts.append(
                (
                    out.log_weights.exp().double().cpu().numpy(),
                    out.log_curves.double().cpu().numpy() + block.log_units[:, :, None, None],
                    out.log_dispersion.exp().double().cpu().numpy(),
                    block.log_price,
                )
            )
        place = np.argsort(np.concatenate([block.windows for block in self._blocks]))
        weights, curves, dispersion, log_price = (
            np.concatenate([p[i] for p in parts])[place].reshape(-1, *parts[0][i].shape[2:]) for i in range(4)
        )
        return Posterior(weights, curves, dispersion, log_price, Calibration(**model.config.calibration))

    def quantiles(self, model: PolicyModel) -> NDArray[np.float64]:
        """Quantiles of units at the prices really charged, shape (W, H, L)."""
        posterior = self.posterior(model)
        found = posterior.quantiles(self.prices.reshape(-1, 1), LEVELS)
        return found.reshape(len(self.sales), self.sales.horizon, len(LEVELS))


def _tokens(sales: Sales, windows: NDArray, period: Period, context: int) -> _Block:
    start, stop = sales.start[windows], sales.origin[windows] + sales.horizon
    length = int((stop - start).max())
    column = np.arange(length) - (length - (stop - start))[:, None]
    row = np.maximum(start[:, None] + column, 0)
    inside, ahead = column >= 0, np.arange(length) >= length - sales.horizon
    paths = {}
    for name in PATHS:
        path = np.full(inside.shape, np.nan)
        if name in sales.table:
            path = np.where(inside, sales.path(name)[row], np.nan)
        if name in HELD:
            path[:, ahead] = _last(path[:, ~ahead])[:, None]
        elif name not in KNOWN_AHEAD:
            path[:, ahead] = np.nan
        paths[name] = path
    day = np.where(inside, days(sales.table["date"])[row], 0)
    history = Trajectory(day=day, period=np.full(len(windows), PERIODS.index(period)), **paths)
    start_price = sales.path("price")[start]
    tokens = tokenise(history, start_price=start_price)
    read = slice(max(0, length - max(context, sales.horizon)), length)
    answered = slice(length - sales.horizon, length)
    return _Block(
        windows,
        torch.from_numpy(tokens.features[:, read]),
        torch.from_numpy(tokens.padding[:, read]),
        tokens.log_price[:, answered],
        tokens.log_units[:, answered],
    )


def _last(path: NDArray) -> NDArray:
    """Last finite value of each row, NaN where there is none, shape (B,)."""
    known = np.isfinite(path)
    last = path.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), path[np.arange(len(path)), last], np.nan)
