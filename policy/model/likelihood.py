"""Likelihood of counts under the mixture of demand curves."""

from __future__ import annotations

import torch
from torch import Tensor


def log_negative_binomial(units: Tensor, log_mean: Tensor, log_dispersion: Tensor) -> Tensor:
    """Log probability of counts, with variance = mean + dispersion * mean^2.

    Defined for fractional units as well (real panels hold averages). All arguments broadcast; computed in
    double precision, since the log-gamma terms of large counts cancel.
    """
    y, log_mu = units.double(), log_mean.double()
    r = torch.exp(-log_dispersion.double())  # gamma shape
    log_r_mu = torch.logaddexp(torch.log(r), log_mu)
    return (
        torch.lgamma(y + r)
        - torch.lgamma(r)
        - torch.lgamma(y + 1)
        + r * (torch.log(r) - log_r_mu)
        + y * (log_mu - log_r_mu)
    )


def log_mixture(log_weights: Tensor, component: Tensor) -> Tensor:
    """Log of the weighted sum over components.

    Parameters
    ----------
    log_weights
        Shape (..., K).
    component
        Log probability under each component, shape (..., K).

    Returns
    -------
    Shape (...).
    """
    return torch.logsumexp(log_weights.double() + component, dim=-1)
