"""Asynchronous advantage actor-critic on whole trials, by LoRA on the pretrained base.

Workers play trials with their own copy of the network and send gradients to a shared one without waiting
for each other (Mnih et al. 2016, arXiv 1602.01783). For n_workers = 1 a run repeats bit for bit; with more
the order of the updates, and so the result, depends on the machine's timing, which is the method.

With advantages A_t (`policy.learning.values`, lambda = 1: returns of the whole trial) a worker ascends the
mean of A_t log pi(a_t | history) + beta H(pi) minus the critic's cross-entropy.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.multiprocessing as mp
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
class A3CSettings:
    """A run of A3C; written into its checkpoint."""

    updates: int = 1500
    """Gradients applied, over all workers."""
    workers: int = 2
    trials: int = 32
    """Markets played for each gradient."""
    horizons: tuple[int, int] = (20, 50)
    longest_log: int = 30
    learning_rate: float = 3e-4
    critic_learning_rate: float = 1e-3
    entropy: float = 0.002
    rank: int = 16
    seed: int = 1
    start_from: str | None = None
    """Folder of the base; the embedded one if None."""


BETWEEN_CHECKPOINTS = 100
"""Updates between checkpoints: what a stopped run may lose."""


@dataclass(frozen=True)
class _Shared:
    """What the workers share. Tensors live in shared memory; `lock` guards them all."""

    network: PolicyModel
    critic: Critic
    optimiser: torch.optim.Optimizer
    lock: Any
    claimed: Any
    """Number of updates that some worker has begun."""


def actor_critic_loss(
    network: PolicyModel, critic: Critic, trials: Trials, *, entropy: float
) -> tuple[torch.Tensor, dict[str, float]]:
    """The loss of one worker's trials, and what to report of it."""
    remaining = remaining_periods(trials.rewards)
    hidden = network.hidden_states(trials.features)[:, trials.logged :]
    values = critic(hidden.detach(), remaining)
    future = (critic.mean(values) * remaining).detach()
    advantage, target = advantages(trials.rewards, trials.expected_rewards, future, gae_lambda=1.0)
    log_chances = masked_log_softmax(network.answer(hidden).price_logits, trials.allowed)
    log_chance = log_chances.gather(-1, trials.actions[..., None])[..., 0]
    spread = entropy_of(log_chances, trials.allowed)
    gain = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
    value = critic.loss(values, target / remaining.clamp(min=1.0))[remaining > 0].mean()
    loss = -(gain * log_chance).mean() - entropy * spread + value
    return loss, {
        "reward": trials.rewards.mean().item(),
        "entropy": spread.item(),
        "value_loss": value.item(),
    }


def _work(
    shared: _Shared, base: PolicyModel, settings: A3CSettings, prior: Prior, stop: int, reports: Any
) -> None:
    """One worker: copy the shared weights, play, hand in the gradient, until `stop` updates are claimed."""
    torch.set_num_threads(1)
    _, network = adapted_base(base, rank=settings.rank, seed=settings.seed)
    critic = Critic(network.backbone.config.hidden_size)
    pairs = [
        (mine, theirs)
        for own, common in ((network, shared.network), (critic, shared.critic))
        for mine, theirs in zip(own.parameters(), common.parameters(), strict=True)
        if theirs.requires_grad
    ]
    while True:
        with shared.lock:
            update = int(shared.claimed.value)
            if update >= stop:
                return
            shared.claimed.value += 1
            with torch.no_grad():
                for mine, theirs in pairs:
                    mine.copy_(theirs)
        rng = np.random.default_rng([settings.seed, update])
        logged, horizon = trial_lengths(rng, horizons=settings.horizons, longest_log=settings.longest_log)
        network.eval()
        trials = play_trials(
            network, rng, markets=settings.trials, logged=logged, horizon=horizon, prior=prior
        )
        loss, told = actor_critic_loss(network, critic, trials, entropy=settings.entropy)
        network.zero_grad()
        critic.zero_grad()
        loss.backward()
        with shared.lock:
            for mine, theirs in pairs:
                theirs.grad = mine.grad
            for group in shared.optimiser.param_groups:
                nn.utils.clip_grad_norm_(group["params"], 0.5)
            shared.optimiser.step()
        reports.put(told | {"logged": logged, "horizon": horizon})


def _shared_adam(settings: A3CSettings, network: PolicyModel, critic: Critic) -> torch.optim.Adam:
    """Adam whose moments the workers share, as in section 4 of the paper."""
    optimiser = torch.optim.Adam(
        parameter_groups(
            network, critic, rate=settings.learning_rate, head_rate=settings.critic_learning_rate
        ),
        foreach=False,
    )
    for group in optimiser.param_groups:
        for p in group["params"]:
            moments = {name: torch.zeros_like(p).share_memory_() for name in ("exp_avg", "exp_avg_sq")}
            optimiser.state[p] = {"step": torch.zeros(()).share_memory_(), **moments}
    return optimiser


def _stretch(
    shared: _Shared,
    base: PolicyModel,
    settings: A3CSettings,
    prior: Prior,
    log: RunLog,
    start: int,
    stop: int,
) -> None:
    """Updates start to stop, by all workers at once."""
    context = mp.get_context("spawn")
    reports = context.Queue()
    workers = [
        context.Process(target=_work, args=(shared, base, settings, prior, stop, reports), daemon=True)
        for _ in range(settings.workers)
    ]
    for worker in workers:
        worker.start()
    progress = tqdm(range(start, stop), total=settings.updates, initial=start, desc="a3c", unit="update")
    try:
        for update in progress:
            told = _next_report(reports, workers)
            progress.set_postfix(reward=f"{told['reward']:.3f}", entropy=f"{told['entropy']:.2f}")
            log.write(update + 1, told)
        for worker in workers:
            worker.join()
    finally:
        for worker in workers:
            worker.terminate()


def _next_report(reports: Any, workers: list[Any]) -> dict[str, float]:
    """The next report of any worker.

    Raises
    ------
    RuntimeError
        A worker died and no report came.
    """
    while True:
        try:
            told: dict[str, float] = reports.get(timeout=5.0)
            return told
        except queue.Empty:
            dead = [w for w in workers if w.exitcode not in (None, 0)]
            if dead:
                raise RuntimeError(
                    f"{len(dead)} of {len(workers)} workers died; see the error above."
                ) from None


def train(settings: A3CSettings, run: Path, *, prior: Prior = TRIAL_PRIOR) -> PolicyModel:
    """Train, or go on where the run in this folder stopped; returns the network with the adapter in it.

    The folder holds `checkpoint.pt`, `log.csv` and, at the end, the adapter under `adapter`.

    Raises
    ------
    ValueError
        The folder holds a run with other settings.
    RuntimeError
        A worker died.
    """
    Processes.current().require_alone("A3C, which has workers of its own,")
    run.mkdir(parents=True, exist_ok=True)
    base = load_model(settings.start_from)
    wrapped, network = adapted_base(
        load_model(settings.start_from).network, rank=settings.rank, seed=settings.seed
    )
    torch.manual_seed(settings.seed)
    critic = Critic(network.backbone.config.hidden_size)
    network.share_memory()
    critic.share_memory()
    optimiser = _shared_adam(settings, network, critic)
    checkpoint, first = Checkpoint(run, settings, may_change=("updates",), base=base.digest), 0
    if state := checkpoint.load():
        network.load_state_dict(state["adapter"], strict=False)
        critic.load_state_dict(state["critic"])
        for group, saved in zip(optimiser.param_groups, state["moments"], strict=True):
            for p, moments in zip(group["params"], saved, strict=True):
                for name, value in moments.items():
                    optimiser.state[p][name].copy_(value)
        first = state["updates"]
    context = mp.get_context("spawn")
    shared = _Shared(network, critic, optimiser, context.Lock(), context.Value("q", first, lock=False))
    log = RunLog(run, resumed_at=first)
    for start in range(first, settings.updates, BETWEEN_CHECKPOINTS):
        # Workers finish a stretch together, so that a checkpoint never falls into the middle of an update.
        stop = min(start + BETWEEN_CHECKPOINTS, settings.updates)
        _stretch(shared, base.network, settings, prior, log, start, stop)
        checkpoint.save(
            {
                "adapter": adapter_state(network),
                "critic": critic.state_dict(),
                "moments": [[dict(optimiser.state[p]) for p in g["params"]] for g in optimiser.param_groups],
                "updates": stop,
            }
        )
    save_adapter(wrapped, run / "adapter", base=base.digest)
    return network.eval()
