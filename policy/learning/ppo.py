"""Proximal policy optimisation on whole trials, by LoRA on the pretrained base.

The price head plays whole trials in fresh markets, so that a price which costs profit today and teaches
what to charge tomorrow is worth its cost: that is the exploration which a greedy policy lacks. Clipped
surrogate of Schulman et al. 2017 (arXiv 1707.06347); trials as in RL^2 (Duan et al. 2016, arXiv 1611.02779).

Advantages and the critic are in `policy.learning.values`. With the ratio rho_t = pi(a_t) / pi_old(a_t), the
updates maximise the mean of min(rho_t A_t, clip(rho_t, 1 - eps, 1 + eps) A_t) plus a bonus for entropy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from policy.learning.checkpoints import Checkpoint
from policy.learning.processes import Processes
from policy.learning.runlog import RunLog
from policy.learning.trials import (
    TRIAL_PRIOR,
    Trials,
    entropy_of,
    masked_log_softmax,
    play_trials,
    trial_lengths,
)
from policy.learning.values import Critic, advantages, remaining_periods
from policy.market import Prior
from policy.model.adapters import adapted_base, adapter_state, parameter_groups, save_adapter
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
    critic_epochs: int = 0
    """Passes over the trials that train the critic alone, before each iteration's advantages are taken."""
    critic_curve: float = 0.0
    """Above 0 the critic tells small values apart: for trials with little to gain in most periods."""
    by_period: bool = False
    """Scale advantages within each period of the trials and not over all: for trials in which a choice at the
    start matters many times as much as one at the end."""
    rank: int = 16
    seed: int = 1
    start_from: str | None = None
    """Folder of the base; the embedded one if None."""


def update(
    model: PolicyModel,
    critic: Critic,
    optimiser: torch.optim.Optimizer,
    trials: Trials,
    settings: PPOSettings,
    rng: np.random.Generator,
    processes: Processes,
) -> dict[str, float]:
    """The updates of one iteration; returns means of what happened."""
    remaining = remaining_periods(trials.rewards)
    with torch.no_grad():
        hidden = model.hidden_states(trials.features)[:, trials.logged :]
    for _ in range(settings.critic_epochs):
        _fit_critic(critic, optimiser, hidden, trials, settings, rng)
    with torch.no_grad():
        future = critic.mean(critic(hidden, remaining)) * remaining
    advantage, target = advantages(
        trials.rewards, trials.expected_rewards, future, gae_lambda=settings.gae_lambda
    )
    over = 0 if settings.by_period else None
    advantage = (advantage - advantage.mean(dim=over)) / (advantage.std(dim=over) + 1e-6)
    target = target / remaining.clamp(min=1.0)
    seen: list[tuple[float, float, float, float]] = []
    for _ in range(settings.epochs):
        for rows in torch.from_numpy(rng.permutation(len(remaining))).split(settings.minibatch):
            hidden = model.hidden_states(trials.features[rows])[:, trials.logged :]
            logits = model.answer(hidden).price_logits
            allowed = trials.allowed[rows]
            log_chances = masked_log_softmax(logits, allowed)
            log_chance = log_chances.gather(-1, trials.actions[rows][..., None])[..., 0]
            ratio = (log_chance - trials.log_chance[rows]).exp()
            gain = advantage[rows]
            clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
            surrogate = torch.minimum(ratio * gain, clipped * gain).mean()
            entropy = entropy_of(log_chances, allowed)
            goes_on = remaining[rows] > 0
            value = critic.loss(critic(hidden.detach(), remaining[rows]), target[rows])[goes_on].mean()
            optimiser.zero_grad(set_to_none=True)
            (-surrogate - settings.entropy * entropy + value).backward()
            for group in optimiser.param_groups:
                processes.average_gradients(group["params"])
                nn.utils.clip_grad_norm_(group["params"], 0.5)
            optimiser.step()
            with torch.no_grad():
                divergence = (ratio - 1 - ratio.log()).mean().item()
                outside = ((ratio - 1).abs() > settings.clip).float().mean().item()
            seen.append((divergence, outside, entropy.item(), value.item()))
        if processes.mean(seen[-1][0]) > settings.most_divergence:
            break
    means = np.mean(seen, axis=0)
    return dict(zip(("divergence", "clipped", "entropy", "value_loss"), map(float, means), strict=True))


def _fit_critic(
    critic: Critic,
    optimiser: torch.optim.Optimizer,
    hidden: torch.Tensor,
    trials: Trials,
    settings: PPOSettings,
    rng: np.random.Generator,
) -> None:
    """One pass over the trials, hidden states (B, T, D), towards targets of the critic as it is now."""
    remaining = remaining_periods(trials.rewards)
    with torch.no_grad():
        future = critic.mean(critic(hidden, remaining)) * remaining
        _, target = advantages(
            trials.rewards, trials.expected_rewards, future, gae_lambda=settings.gae_lambda
        )
    target = target / remaining.clamp(min=1.0)
    for rows in torch.from_numpy(rng.permutation(len(remaining))).split(settings.minibatch):
        goes_on = remaining[rows] > 0
        optimiser.zero_grad(set_to_none=True)  # leaves the adapter without a gradient, and so as it is
        critic.loss(critic(hidden[rows], remaining[rows]), target[rows])[goes_on].mean().backward()
        nn.utils.clip_grad_norm_(critic.parameters(), 0.5)
        optimiser.step()


Play = Callable[[PolicyModel, np.random.Generator], Trials]
"""Lets a network play the trials of one iteration; all their luck comes from the generator."""


def on_markets(settings: PPOSettings, prior: Prior) -> Play:
    """Trials in markets from the prior."""

    def play(network: PolicyModel, rng: np.random.Generator) -> Trials:
        logged, horizon = trial_lengths(rng, horizons=settings.horizons, longest_log=settings.longest_log)
        return play_trials(network, rng, markets=settings.trials, logged=logged, horizon=horizon, prior=prior)

    return play


def train(
    settings: PPOSettings, run: Path, *, prior: Prior = TRIAL_PRIOR, play: Play | None = None
) -> PolicyModel:
    """Train, or go on where the run in this folder stopped; returns the network with the
    adapter in it.

    Trials are those of `play`, by default in markets from the prior. The folder holds `checkpoint.pt`,
    `log.csv` and, at the end, the adapter under `adapter`.

    Raises
    ------
    ValueError
        The folder holds a run with other settings.
    """
    run.mkdir(parents=True, exist_ok=True)
    play = play or on_markets(settings, prior)
    processes = Processes.current()
    base = load_model(settings.start_from)
    wrapped, network = adapted_base(base.network, rank=settings.rank, seed=settings.seed)
    processes.place(network)
    critic = Critic(network.backbone.config.hidden_size, curve=settings.critic_curve).to(processes.device)
    optimiser = torch.optim.Adam(
        parameter_groups(
            network, critic, rate=settings.learning_rate, head_rate=settings.critic_learning_rate
        )
    )
    checkpoint, first = Checkpoint(run, settings, may_change=("iterations",), base=base.digest), 0
    if state := checkpoint.load():
        network.load_state_dict(state["adapter"], strict=False)
        critic.load_state_dict(state["critic"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["iteration"]
    log = RunLog(run, resumed_at=first) if processes.is_main else None
    progress = tqdm(
        range(first, settings.iterations),
        total=settings.iterations,
        initial=first,
        desc="ppo",
        unit="it",
        disable=not processes.is_main,
    )
    for iteration in progress:
        rng = np.random.default_rng([settings.seed, iteration, processes.rank])
        began = time.perf_counter()
        network.eval()
        trials = play(network, rng)
        told = update(network, critic, optimiser, trials.to(processes.device), settings, rng, processes)
        lengths = {"logged": trials.logged, "horizon": trials.rewards.shape[1]}
        told = {"reward": trials.rewards.mean().item()} | lengths | told
        told["seconds"] = time.perf_counter() - began
        progress.set_postfix(reward=f"{told['reward']:.3f}", entropy=f"{told['entropy']:.2f}")
        if log is None:
            continue
        log.write(iteration + 1, told)
        if (iteration + 1) % 10 == 0 or iteration + 1 == settings.iterations:
            checkpoint.save(
                {
                    "adapter": adapter_state(network),
                    "critic": critic.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "iteration": iteration + 1,
                }
            )
    if processes.is_main:
        save_adapter(wrapped, run / "adapter", base=base.digest)
    processes.wait()
    return network.cpu().eval()
