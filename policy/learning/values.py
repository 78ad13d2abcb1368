"""Values of whole trials: the critic, and the advantages of what was charged.

With r_t the reward, b_t its mean over the policy's own choice (known in simulation), T the horizon and
F_t the critic's estimate of all reward after t, the advantage of the action at t is

    A_t = sum_k lambda^k delta_{t+k},   delta_t = r_t - b_t + (b_{t+1} + F_{t+1}) - F_t,   F_{T-1} = 0,

generalised advantage estimation (Schulman et al. 2016, arXiv 1506.02438) with b_t in place of an estimate
of the immediate reward. The gradient stays unbiased, since b_t does not depend on the action, and the luck
of the market drawn drops out of the immediate part. Values are two-hot distributions (Hafner et al. 2023,
arXiv 2301.04104).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Critic(nn.Module):
    """Mean reward over the rest of the trial, as a distribution over 41 values in [-1, 1]. Serves in training
    only; knows how long the trial goes on, which the policy does not.

    Values lie evenly, or closer together near 0: with `curve` c they are sinh(c u) / sinh(c), u even.
    """

    def __init__(self, width: int, *, curve: float = 0.0):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width + 1, 128), nn.SiLU(), nn.Linear(128, 41))
        self.support: Tensor
        even = torch.linspace(-1.0, 1.0, 41)
        self.register_buffer("support", (curve * even).sinh() / math.sinh(curve) if curve else even)
        self._curve = curve

    def forward(self, hidden: Tensor, remaining: Tensor) -> Tensor:
        """Logits over the support: hidden (B, T, D) and periods after this one (B, T) to (B, T, 41)."""
        logits: Tensor = self.layers(torch.cat([hidden, remaining[..., None] / 50.0], dim=-1))
        return logits

    def mean(self, logits: Tensor) -> Tensor:
        """Expected value, shape (B, T)."""
        return logits.softmax(dim=-1) @ self.support

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy with the target (B, T) spread over its two neighbours on the support."""
        target = target.clamp(-1.0, 1.0)
        even = (target * math.sinh(self._curve)).asinh() / self._curve if self._curve else target
        left = ((even + 1.0) * 20.0).floor().clamp(0, 39).long()
        share = (target - self.support[left]) / (self.support[left + 1] - self.support[left])
        log_q = logits.log_softmax(dim=-1)
        near = log_q.gather(-1, left[..., None])[..., 0] * (1 - share)
        return -(near + log_q.gather(-1, left[..., None] + 1)[..., 0] * share)


def advantages(
    rewards: Tensor, expected: Tensor, future: Tensor, *, gae_lambda: float
) -> tuple[Tensor, Tensor]:
    """Advantages and targets of the future value, shape (B, T) each; the equation is the module's.

    Parameters
    ----------
    rewards, expected
        Reward, and its mean over the policy's choice, shape (B, T).
    future
        Estimated sum of rewards after each period, 0 in the last, shape (B, T).
    """
    total = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[:, 0])
    horizon = rewards.shape[1]
    for t in reversed(range(horizon)):
        after = expected[:, t + 1] + future[:, t + 1] if t + 1 < horizon else torch.zeros_like(running)
        running = rewards[:, t] - expected[:, t] + after - future[:, t] + gae_lambda * running
        total[:, t] = running
    return total, total - (rewards - expected) + future


def remaining_periods(rewards: Tensor) -> Tensor:
    """Periods of the trial after each one, for rewards of shape (B, T), in the same shape."""
    b, horizon = rewards.shape
    left = torch.arange(horizon - 1, -1, -1, dtype=torch.float32, device=rewards.device)
    return left.expand(b, horizon)
