"""Running the policy network on histories: trajectories in, posteriors out."""

from __future__ import annotations

from collections.abc import Sequence
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
    (answer,) = infer_futures(model, [history], start_price=start_price, ahead=ahead, adapters=adapters)
    return answer


@torch.inference_mode()
def infer_futures(
    model: PolicyModel,
    histories: Sequence[Trajectory],
    *,
    start_price: NDArray,
    ahead: int = 1,
    adapters: FittedRows | None = None,
) -> list[tuple[Posterior, NDArray]]:
    """What `infer` answers for each of several futures of the same products.

    The past is read once for all of them, so that another future costs its own periods only.

    Parameters
    ----------
    histories
        V trajectories that differ in what is known of their last `ahead` periods, and in nothing else.
    """
    parts: list[list[tuple[NDArray, ...]]] = [[] for _ in histories]
    length = histories[0].price.shape[1]
    # Position t speaks for period t: the positions before the last period's own token are read.
    window = slice(max(0, length - max(model.config.context, ahead)), length)
    positions = window.stop - window.start + (len(histories) - 1) * ahead
    chunk = max(1, POSITIONS * torch.get_num_threads() // positions)
    for start in range(0, len(start_price), BLOCK):
        block = slice(start, start + BLOCK)
        tokens = [tokenise(h.take(block), start_price=start_price[block]) for h in histories]
        features = torch.from_numpy(_side_by_side([t.features[:, window] for t in tokens], ahead))
        padding = torch.from_numpy(_side_by_side([t.padding[:, window] for t in tokens], ahead))
        features, padding = features.to(model.device), padding.to(model.device)
        hidden = []
        for first in range(0, len(features), chunk):
            f, p = features[first : first + chunk], padding[first : first + chunk]
            with _for_rows(model, adapters, start + first, len(f)) as network:
                read = network.hidden_states(f, p if p.any() else None, branches=len(histories), branch=ahead)
                hidden.append(read[:, -len(histories) * ahead :])
        with _for_rows(model, adapters, start, len(features)) as network:
            out = network.answer(torch.cat(hidden))
        for v, token in enumerate(tokens):
            own = slice(v * ahead, (v + 1) * ahead)
            level = token.log_units[:, window][:, -ahead:, None, None]
            parts[v].append(
                (
                    out.log_weights[:, own].exp().double().cpu().numpy(),
                    out.log_curves[:, own].double().cpu().numpy() + level,
                    out.log_dispersion[:, own].exp().double().cpu().numpy(),
                    token.log_price[:, window][:, -ahead:],
                    out.price_logits[:, own].softmax(dim=-1).double().cpu().numpy(),
                )
            )
    calibration = Calibration(**model.config.calibration)
    answers = []
    for blocks in parts:
        weights, curves, dispersion, log_price, head = (
            np.concatenate([p[i].reshape(-1, *p[i].shape[2:]) for p in blocks]) for i in range(5)
        )
        answers.append((Posterior(weights, curves, dispersion, log_price, calibration), head))
    return answers


def _side_by_side(paths: list[NDArray], ahead: int) -> NDArray:
    """The positions that all share, then the last `ahead` of each: V times (B, T, ...) to (B, T', ...)."""
    return np.concatenate([paths[0][:, :-ahead], *(path[:, -ahead:] for path in paths)], axis=1)
