"""Proximal policy optimisation on whole trials, by LoRA on the pretrained base.

The price head plays whole trials in fresh markets, so that a price which costs profit today and teaches
what to charge tomorrow is worth its cost: that is the exploration which a greedy policy lacks. Clipped
surrogate of Schulman et al. 2017 (arXiv 1707.06347), generalised advantage estimation (Schulman et al.
2016, arXiv 1506.02438), trials as in RL^2 (Duan et al. 2016, arXiv 1611.02779), values as two-hot
distributions (Hafner et al. 2023, arXiv 2301.04104).

With r_t the reward, b_t its mean over the policy's own choice (known in simulation), T the horizon and
F_t the critic's estimate of all reward after t, the advantage of the action at t is

    A_t = sum_k lambda^k delta_{t+k},   delta_t = r_t - b_t + (b_{t+1} + F_{t+1}) - F_t,   F_T-1 = 0.

Subtracting b_t instead of an estimate leaves the gradient unbiased and takes the luck of the market drawn
out of the immediate part.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from policy.learning.runlog import RunLog
from policy.learning.trials import TRIAL_PRIOR, Trials, masked_log_softmax, play_trials
from policy.market import Prior
from policy.model.adapters import add_lora
from policy.model.loading import load_model
from policy.model.transformer import PolicyModel


@dataclass(frozen=True, kw_only=True)
class PPOSettings:
    """A run of PPO; written into its checkpoint."""

    iterations: int = 300
    trials: int = 128
    """Markets played in each iteration."""
    horizons: tuple[int, int] = (20, 50)
    """Shortest and longest trial: drawn anew for each iteration, so that the policy counts on no last day."""
    longest_log: int = 30
    """Half of the iterations start after up to as many periods of the sellers' own pricing."""
    learning_rate: float = 3e-4
    critic_learning_rate: float = 1e-3
    clip: float = 0.2
    gae_lambda: float = 0.95
    epochs: int = 3
    minibatch: int = 32
    entropy: float = 0.002
    most_divergence: float = 0.03
    """Mean KL divergence from the policy that played at which an iteration's updates stop."""
    rank: int = 16
    seed: int = 1
    start_from: str | None = None
    """Folder of the base; the embedded one if None."""


class Critic(nn.Module):
    """Mean reward over the rest of the trial, as a distribution over 41 values in [-1, 1]. Serves in training
    only; knows how long the trial goes on, which the policy does not."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width + 1, 128), nn.SiLU(), nn.Linear(128, 41))
        self.support: Tensor
        self.register_buffer("support", torch.linspace(-1.0, 1.0, 41))

    def forward(self, hidden: Tensor, remaining: Tensor) -> Tensor:
        """Logits over the support: hidden (B, T, D) and periods after this one (B, T) to (B, T, 41)."""
        logits: Tensor = self.layers(torch.cat([hidden, remaining[..., None] / 50.0], dim=-1))
        return logits

    def mean(self, logits: Tensor) -> Tensor:
        """Expected value, shape (B, T)."""
        return logits.softmax(dim=-1) @ self.support

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy with the target (B, T) spread over its two neighbours on the support."""
        position = (target.clamp(-1.0, 1.0) + 1.0) * 20.0
        left = position.floor().clamp(max=39).long()
        share = position - left
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


def update(
    model: PolicyModel,
    critic: Critic,
    optimiser: torch.optim.Optimizer,
    trials: Trials,
    settings: PPOSettings,
    rng: np.random.Generator,
) -> dict[str, float]:
    """The updates of one iteration; returns means of what happened."""
    b, horizon = trials.rewards.shape
    remaining = torch.arange(horizon - 1, -1, -1, dtype=torch.float32).expand(b, horizon)
    with torch.no_grad():
        hidden = model.hidden_states(trials.features)[:, trials.logged :]
        future = critic.mean(critic(hidden, remaining)) * remaining
    advantage, target = advantages(
        trials.rewards, trials.expected_rewards, future, gae_lambda=settings.gae_lambda
    )
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
    target = target / remaining.clamp(min=1.0)
    seen: list[tuple[float, float, float, float]] = []
    for _ in range(settings.epochs):
        for rows in torch.from_numpy(rng.permutation(b)).split(settings.minibatch):
            hidden = model.hidden_states(trials.features[rows])[:, trials.logged :]
            logits = model.answer(hidden).price_logits
            allowed = trials.allowed[rows]
            log_chances = masked_log_softmax(logits, allowed)
            log_chance = log_chances.gather(-1, trials.actions[rows][..., None])[..., 0]
            ratio = (log_chance - trials.log_chance[rows]).exp()
            gain = advantage[rows]
            clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
            surrogate = torch.minimum(ratio * gain, clipped * gain).mean()
            entropy = -(log_chances.exp() * log_chances.masked_fill(~allowed, 0.0)).sum(dim=-1).mean()
            goes_on = remaining[rows] > 0
            value = critic.loss(critic(hidden.detach(), remaining[rows]), target[rows])[goes_on].mean()
            optimiser.zero_grad(set_to_none=True)
            (-surrogate - settings.entropy * entropy + value).backward()
            for group in optimiser.param_groups:
                nn.utils.clip_grad_norm_(group["params"], 0.5)
            optimiser.step()
            with torch.no_grad():
                divergence = (ratio - 1 - ratio.log()).mean().item()
                outside = ((ratio - 1).abs() > settings.clip).float().mean().item()
            seen.append((divergence, outside, entropy.item(), value.item()))
        if seen[-1][0] > settings.most_divergence:
            break
    means = np.mean(seen, axis=0)
    return dict(zip(("divergence", "clipped", "entropy", "value_loss"), map(float, means), strict=True))


def train(settings: PPOSettings, run: Path, *, prior: Prior = TRIAL_PRIOR) -> PolicyModel:
    """Train, or go on where the run in this folder stopped; returns the base with the adapter in it.

    The folder holds `checkpoint.pt`, `log.csv` and, at the end, the adapter under `adapter`.

    Raises
    ------
    ValueError
        The folder holds a run with other settings.
    """
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    model = add_lora(load_model(settings.start_from).network, rank=settings.rank, alpha=2 * settings.rank)
    network: PolicyModel = model.base_model.model  # type: ignore[assignment]
    critic = Critic(network.backbone.config.hidden_size)
    adapted = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(
        [
            {"params": adapted, "lr": settings.learning_rate},
            {"params": list(critic.parameters()), "lr": settings.critic_learning_rate},
        ]
    )
    checkpoint, first = run / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        saved = {k: tuple(v) if isinstance(v, list) else v for k, v in state["settings"].items()}
        if saved | {"iterations": 0} != asdict(settings) | {"iterations": 0}:
            raise ValueError(
                f"'{run}' holds a run with other settings: {saved}. Give another folder by --run."
            )
        network.load_state_dict(state["adapter"], strict=False)
        critic.load_state_dict(state["critic"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["iteration"]
    log = RunLog(run, resumed_at=first)
    progress = tqdm(
        range(first, settings.iterations), total=settings.iterations, initial=first, desc="ppo", unit="it"
    )
    for iteration in progress:
        rng = np.random.default_rng([settings.seed, iteration])
        began = time.perf_counter()
        logged = int(rng.integers(1, settings.longest_log + 1)) if rng.random() < 0.5 else 0
        horizon = int(rng.integers(settings.horizons[0], settings.horizons[1] + 1))
        network.eval()
        trials = play_trials(
            network, rng, markets=settings.trials, logged=logged, horizon=horizon, prior=prior
        )
        network.train()
        told = update(network, critic, optimiser, trials, settings, rng)
        told = {"reward": trials.rewards.mean().item(), "logged": logged, "horizon": horizon} | told
        told["seconds"] = time.perf_counter() - began
        progress.set_postfix(reward=f"{told['reward']:.3f}", entropy=f"{told['entropy']:.2f}")
        log.write(iteration + 1, told)
        if (iteration + 1) % 10 == 0 or iteration + 1 == settings.iterations:
            adapter = {n: p for n, p in network.state_dict().items() if "lora_" in n}
            draft = checkpoint.with_suffix(".tmp")
            torch.save(
                {
                    "adapter": adapter,
                    "critic": critic.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "iteration": iteration + 1,
                    "settings": asdict(settings),
                },
                draft,
            )
            draft.replace(checkpoint)
    model.save_pretrained(run / "adapter")
    return model.eval()
