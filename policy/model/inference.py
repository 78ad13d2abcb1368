"""Running the policy network on histories: trajectories in, posteriors out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from policy.market.trajectory import Trajectory
from policy.model.posterior import Calibration, Posterior
from policy.model.tokens import tokenise
from policy.model.transformer import PolicyModel

BLOCK = 256
"""Products whose tokens are made together: keeps memory flat."""

POSITIONS = 1024
"""Positions per forward pass and thread, of however many products. What a layer makes of them then fits a
core's own cache: half as fast again as passes of 64 products with 104 periods."""


@torch.inference_mode()
def infer(
    model: PolicyModel, history: Trajectory, *, start_price: NDArray, ahead: int = 1
) -> tuple[Posterior, NDArray]:
    """The posterior for the last `ahead` periods of each product.

    Parameters
    ----------
    history
        B products over T periods, aligned at the end, the last `ahead` of them without units.
    start_price
        A price to stand for the product before its first sale, shape (B,).

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
        hidden = [
            model.hidden_states(f, p if p.any() else None)[:, -ahead:]
            for f, p in zip(features.split(chunk), padding.split(chunk), strict=True)
        ]
        out = model.answer(torch.cat(hidden))
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
