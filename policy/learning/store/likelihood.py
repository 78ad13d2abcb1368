"""How well the posterior foretold what a store sold: two proper scores of one mixture.

The likelihood of the units sold, and the continuous ranked probability score (Matheson and Winkler 1976),

    CRPS(F, y) = integral of (F(x) - 1{y <= x})^2 dx,

the mean over all levels of twice the pinball loss, in units: what forecasts are judged by. The likelihood
alone pays for a few odd weeks with all the others; the CRPS grows no faster than the error.
"""

from __future__ import annotations

import torch
from torch import Tensor

from policy.learning.store.windows import StoreBatch
from policy.model.likelihood import log_mixture, log_negative_binomial
from policy.model.transformer import PolicyModel, curve_at

POINTS = 24
"""Counts on either side of what was sold at which the distribution is read."""


def store_losses(model: PolicyModel, batch: StoreBatch) -> tuple[Tensor, Tensor]:
    """Mean CRPS over mean units, and mean negative log-likelihood, per period that counts; 0 if none does."""
    out = model(batch.features, batch.padding if batch.padding.any() else None)
    log_curves = curve_at(out.log_curves, batch.log_multiplier[..., None])[..., 0]  # (B, T, K)
    log_mean = (log_curves + batch.log_units[..., None]).clamp(-12.0, 19.0)
    log_p = log_negative_binomial(batch.units[..., None], log_mean, out.log_dispersion)
    nll = -log_mixture(out.log_weights, log_p)
    score = crps(batch.units, out.log_weights.exp(), log_mean, out.log_dispersion.exp())
    total = batch.weight.sum().clamp(min=1.0)  # a period that counts counts at least 1
    relative = score / batch.usual_units[:, None]
    return (relative * batch.weight).sum() / total, (nll * batch.weight).sum() / total


def crps(units: Tensor, weights: Tensor, log_mean: Tensor, dispersion: Tensor) -> Tensor:
    """CRPS of a mixture of negative binomials, in units.

    Each component's units + 1/2 are taken for log-normal with the component's mean and variance, since the
    negative binomial's distribution function has no gradient here.

    Parameters
    ----------
    units
        Shape (...).
    weights, log_mean, dispersion
        Of the K components, shape (..., K).

    Returns
    -------
    Shape (...).
    """
    mean = log_mean.exp()
    variance = mean + dispersion * mean**2
    square = torch.log1p(variance / (mean + 0.5) ** 2)
    sd, centre = square.sqrt(), (mean + 0.5).log() - square / 2
    sold = (units + 0.5).log()
    with torch.no_grad():
        low = torch.minimum((centre - 3.5 * sd).amin(dim=-1), sold - 0.1)
        high = torch.maximum((centre + 3.5 * sd).amax(dim=-1), sold + 0.1)
    fraction = torch.linspace(0.0, 1.0, POINTS, device=units.device)
    share = torch.full_like(fraction, 1.0 / (POINTS - 1))
    share[[0, -1]] /= 2  # trapezoids
    total = torch.zeros_like(units)
    # Below what was sold the integrand is F^2, above it (1 - F)^2.
    for begin, end, passed in ((low, sold, 0.0), (sold, high, 1.0)):
        width = (end - begin)[..., None]
        grid = begin[..., None] + width * fraction  # (..., P), logs
        z = (grid[..., None] - centre[..., None, :]) / sd[..., None, :]  # (..., P, K)
        below = (weights[..., None, :] * torch.special.ndtr(z)).sum(dim=-1)
        total = total + ((below - passed) ** 2 * grid.exp() * width * share).sum(dim=-1)
    return total
