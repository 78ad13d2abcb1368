"""In-context Q-learning on whole trials, by LoRA on the pretrained base.

A dueling double deep Q-network with replay and a target network (Mnih et al. 2015; van Hasselt, Guez and
Silver 2016, arXiv 1509.06461; Wang et al. 2016, arXiv 1511.06581) whose state is the whole history, as the
decoder reads it. With price-head logits l and a value V(s), both of the same hidden state,

    Q(s, a) = V(s) + tau (l_a - max_a' l_a'),

so the policy that is greedy in Q is the price head's mode, and the pretrained logits are where learning
starts. tau > 0 is learned. Rewards are scaled by 1 - gamma, so that |Q| <= 1. Targets are

    y_t = (1 - gamma) r_t + gamma Q_target(s_{t+1}, argmax_a Q(s_{t+1}, a)).

The last period of a trial has no successor on record and is not learned from.
"""

from __future__ import annotations

import copy
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from policy.learning.checkpoints import Checkpoint
from policy.learning.processes import Processes
from policy.learning.runlog import RunLog
from policy.learning.trials import TRIAL_PRIOR, Trials, play_trials, trial_lengths
from policy.market import Prior
from policy.model.adapters import adapted_base, adapter_state, parameter_groups, save_adapter
from policy.model.loading import load_model
from policy.model.transformer import PolicyModel


@dataclass(frozen=True, kw_only=True)
class DQNSettings:
    """A run of DQN; written into its checkpoint."""

    iterations: int = 300
    trials: int = 64
    """Markets played in each iteration."""
    horizons: tuple[int, int] = (20, 50)
    longest_log: int = 30
    replay: int = 20
    """Iterations whose trials are kept for replay."""
    batches: int = 8
    """Minibatches learned from in each iteration, each from one iteration's trials."""
    minibatch: int = 32
    gamma: float = 0.9
    exploration: tuple[float, float] = (0.3, 0.03)
    """Chance of a random allowed price at the start and at the end of the first half of the run."""
    target_every: int = 5
    """Iterations between copies of the network into the target network."""
    learning_rate: float = 3e-4
    head_learning_rate: float = 1e-3
    rank: int = 16
    seed: int = 1
    start_from: str | None = None
    """Folder of the base; the embedded one if None."""


class DuelingHead(nn.Module):
    """Value of a state, and the scale that turns price logits into advantages. Serves in training only."""

    def __init__(self, width: int):
        super().__init__()
        self.value = nn.Sequential(nn.Linear(width, 128), nn.SiLU(), nn.Linear(128, 1))
        self.log_scale = nn.Parameter(torch.tensor(-4.0))

    def forward(self, hidden: Tensor, logits: Tensor, allowed: Tensor) -> Tensor:
        """Q of every price, -inf where not allowed: (B, T, D), (B, T, G), (B, T, G) to (B, T, G)."""
        best = logits.masked_fill(~allowed, -torch.inf).max(dim=-1, keepdim=True).values
        q: Tensor = self.value(hidden) + self.log_scale.exp() * (logits - best)
        return q.masked_fill(~allowed, -torch.inf)  # last, so that no infinity meets a gradient


def exploring(epsilon: float, logits: Tensor, allowed: Tensor) -> Tensor:
    """Log chances of an epsilon-greedy choice among the allowed prices, shapes (..., G)."""
    best = logits.masked_fill(~allowed, -torch.inf).argmax(dim=-1, keepdim=True)
    chance = epsilon * allowed / allowed.sum(dim=-1, keepdim=True)
    return chance.scatter_add(-1, best, torch.full_like(best, 1.0 - epsilon, dtype=chance.dtype)).log()


def q_loss(
    network: PolicyModel,
    head: DuelingHead,
    target: tuple[PolicyModel, DuelingHead],
    trials: Trials,
    rows: Tensor,
    *,
    gamma: float,
) -> Tensor:
    """Mean Huber loss of the double Q-learning targets over the given trials."""

    def q_of(net: PolicyModel, dueling: DuelingHead) -> Tensor:
        hidden = net.hidden_states(trials.features[rows])[:, trials.logged :]
        q: Tensor = dueling(hidden, net.answer(hidden).price_logits, trials.allowed[rows])
        return q

    q = q_of(network, head)
    with torch.no_grad():
        chosen = q[:, 1:].argmax(dim=-1, keepdim=True)
        after = q_of(*target)[:, 1:].gather(-1, chosen)[..., 0]
        goal = (1 - gamma) * trials.rewards[rows][:, :-1] + gamma * after
    charged = q[:, :-1].gather(-1, trials.actions[rows][:, :-1, None])[..., 0]
    # Scaled rewards are small: the switch from squares to absolute values is where they are large.
    return nn.functional.huber_loss(charged, goal, delta=0.1) / (1 - gamma)


def train(settings: DQNSettings, run: Path, *, prior: Prior = TRIAL_PRIOR) -> PolicyModel:
    """Train, or go on where the run in this folder stopped; returns the network with the adapter in it.

    The folder holds `checkpoint.pt` (with the trials kept for replay), `log.csv` and, at the end, the
    adapter under `adapter`. Of several processes the first keeps its replay, the others begin a new one.

    Raises
    ------
    ValueError
        The folder holds a run with other settings.
    """
    run.mkdir(parents=True, exist_ok=True)
    processes = Processes.current()
    base = load_model(settings.start_from)
    wrapped, network = adapted_base(base.network, rank=settings.rank, seed=settings.seed)
    processes.place(network)
    head = DuelingHead(network.backbone.config.hidden_size).to(processes.device)
    optimiser = torch.optim.Adam(
        parameter_groups(network, head, rate=settings.learning_rate, head_rate=settings.head_learning_rate)
    )
    target = (copy.deepcopy(network), copy.deepcopy(head))
    replay: deque[Trials] = deque(maxlen=settings.replay)
    checkpoint, first = Checkpoint(run, settings, may_change=(), base=base.digest), 0
    if state := checkpoint.load():
        network.load_state_dict(state["adapter"], strict=False)
        target[0].load_state_dict(state["target_adapter"], strict=False)
        head.load_state_dict(state["head"])
        target[1].load_state_dict(state["target_head"])
        optimiser.load_state_dict(state["optimiser"])
        replay.extend(Trials(**fields) for fields in state["replay"])
        first = state["iteration"]
    log = RunLog(run, resumed_at=first) if processes.is_main else None
    progress = tqdm(
        range(first, settings.iterations),
        total=settings.iterations,
        initial=first,
        desc="dqn",
        unit="it",
        disable=not processes.is_main,
    )
    for iteration in progress:
        began = time.perf_counter()
        rng = np.random.default_rng([settings.seed, iteration, processes.rank])
        if iteration % settings.target_every == 0:
            target[0].load_state_dict(network.state_dict())
            target[1].load_state_dict(head.state_dict())
        logged, horizon = trial_lengths(rng, horizons=settings.horizons, longest_log=settings.longest_log)
        share = min(1.0, 2.0 * iteration / settings.iterations)
        epsilon = settings.exploration[0] * (1 - share) + settings.exploration[1] * share
        replay.append(
            play_trials(
                network,
                rng,
                markets=settings.trials,
                logged=logged,
                horizon=horizon,
                prior=prior,
                choose=lambda logits, allowed, e=epsilon: exploring(e, logits, allowed),  # type: ignore[misc]
            )
        )
        told = {"reward": replay[-1].rewards.mean().item(), "greedy_share": 1 - epsilon}
        losses = []
        for _ in range(settings.batches):
            trials = replay[int(rng.integers(len(replay)))].to(processes.device)
            rows = torch.from_numpy(rng.permutation(settings.trials)[: settings.minibatch])
            loss = q_loss(network, head, target, trials, rows, gamma=settings.gamma)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            for group in optimiser.param_groups:
                processes.average_gradients(group["params"])
                nn.utils.clip_grad_norm_(group["params"], 0.5)
            optimiser.step()
            losses.append(loss.item())
        told |= {"q_loss": float(np.mean(losses)), "logged": logged, "horizon": horizon}
        told["seconds"] = time.perf_counter() - began
        progress.set_postfix(reward=f"{told['reward']:.3f}", q_loss=f"{told['q_loss']:.4f}")
        if log is None:
            continue
        log.write(iteration + 1, told)
        if (iteration + 1) % 10 == 0 or iteration + 1 == settings.iterations:
            checkpoint.save(
                {
                    "adapter": adapter_state(network),
                    "target_adapter": adapter_state(target[0]),
                    "head": head.state_dict(),
                    "target_head": target[1].state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "replay": [vars(trials) for trials in replay],
                    "iteration": iteration + 1,
                }
            )
    if processes.is_main:
        save_adapter(wrapped, run / "adapter", base=base.digest)
    processes.wait()
    return network.cpu().eval()
