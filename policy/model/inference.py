"""Running the policy network on histories: trajectories in, posteriors out."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray

from policy.market.trajectory import Trajectory
from policy.model.pool import FittedRows
from policy.model.posterior import Calibration, Posterior
from policy.model.tokens import tokenise
from policy.model.transformer import PolicyModel

BLOCK = 256
"""Products whose tokens are made together: keeps memory flat."""

POSITIONS = 1024
"""Positions per forward pass and thread, of however many products. What a layer makes of them then fits a
core's own cache: half as fast again as passes of 64 products with 104 periods."""


def _for_rows(
    model: PolicyModel, adapters: FittedRows | None, first: int, count: int
) -> AbstractContextManager[PolicyModel]:
    """The network that a batch of rows goes through."""
    return nullcontext(model) if adapters is None else adapters.applied(slice(first, first + count))


@torch.inference_mode()
def infer(
    model: PolicyModel,
    history: Trajectory,
    *,
    start_price: NDArray,
    ahead: int = 1,
    adapters: FittedRows | None = None,
) -> tuple[Posterior, NDArray]:
    """The posterior for the last `ahead` periods of each product.

    Parameters
    ----------
    history
        B products over T periods, aligned at the end, the last `ahead` of them without units.
    start_price
        A price to stand for the product before its first sale, shape (B,).
    adapters
        Where products go through adapters on this model; None for the model alone.

    Returns
    -------
    Posterior of B * ahead rows, product by product, and the price head's probabilities on the price grid,
    shape (B * ahead, G).
    """
    parts: list[tuple[NDArray, ...]] = []
    length = history.price.shape[1]
    # Position t speaks for period t: the positions before the last period's own token are read.
    window = slice(max(0, length - max(model.config.context, ahead)), length)
    chunk = max(1, POSITIONS * torch.get_num_threads() // (window.stop - window.start))
    for start in range(0, len(history), BLOCK):
        block = slice(start, start + BLOCK)
        tokens = tokenise(history.take(block), start_price=start_price[block])
        features = torch.from_numpy(tokens.features[:, window]).to(model.device)
        padding = torch.from_numpy(tokens.padding[:, window]).to(model.device)
        hidden = []
        for first in range(0, len(features), chunk):
            f, p = features[first : first + chunk], padding[first : first + chunk]
            with _for_rows(model, adapters, start + first, len(f)) as network:
                hidden.append(network.hidden_states(f, p if p.any() else None)[:, -ahead:])
        with _for_rows(model, adapters, start, len(features)) as network:
            out = network.answer(torch.cat(hidden))
        level = tokens.log_units[:, window][:, -ahead:, None, None]
        parts.append(
            (
                out.log_weights.exp().double().cpu().numpy(),
                out.log_curves.double().cpu().numpy() + level,
                out.log_dispersion.exp().double().cpu().numpy(),
                tokens.log_price[:, window][:, -ahead:],
                out.price_logits.softmax(dim=-1).double().cpu().numpy(),
            )
        )
    weights, curves, dispersion, log_price, head = (
        np.concatenate([p[i].reshape(-1, *p[i].shape[2:]) for p in parts]) for i in range(5)
    )
    return Posterior(weights, curves, dispersion, log_price, Calibration(**model.config.calibration)), head
