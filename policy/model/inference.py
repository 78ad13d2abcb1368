"""Running the policy network on histories: trajectories in, posteriors out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from policy.market.trajectory import Trajectory
from policy.model.posterior import Calibration, Posterior
from policy.model.tokens import tokenise
from policy.model.transformer import PolicyModel

CHUNK = 64
"""Products per forward pass: keeps memory flat, and is as fast as larger passes on two cores."""


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
    context = model.config.context
    for start in range(0, len(history), CHUNK):
        rows = slice(start, start + CHUNK)
        tokens = tokenise(history.take(rows), start_price=start_price[rows])
        horizon = tokens.features.shape[1] - 1
        # Position t speaks for period t: the positions before the last period's own token are read.
        window = slice(max(0, horizon - max(context, ahead)), horizon)
        features = torch.from_numpy(tokens.features[:, window]).to(model.device)
        padding = torch.from_numpy(tokens.padding[:, window])
        out = model(features, padding.to(model.device) if padding.any() else None)
        level = tokens.log_units[:, window][:, -ahead:, None, None]
        parts.append(
            (
                out.log_weights[:, -ahead:].exp().double().cpu().numpy(),
                out.log_curves[:, -ahead:].double().cpu().numpy() + level,
                out.log_dispersion[:, -ahead:].exp().double().cpu().numpy(),
                tokens.log_price[:, window][:, -ahead:],
                out.price_logits[:, -ahead:].softmax(dim=-1).double().cpu().numpy(),
            )
        )
    weights, curves, dispersion, log_price, head = (
        np.concatenate([p[i].reshape(-1, *p[i].shape[2:]) for p in parts]) for i in range(5)
    )
    return Posterior(weights, curves, dispersion, log_price, Calibration(**model.config.calibration)), head
