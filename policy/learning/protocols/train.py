"""Training on a protocol: decision pretraining on the policy's own play, then PPO by LoRA.

The first stage lets the network play and teaches it the best action at every position of what it played
(Lee et al. 2023, arXiv 2306.14892; own rollouts as in Wang et al. 2024, arXiv 2405.14219, and, before both,
Ross, Gordon and Bagnell 2011, arXiv 1011.0686). What it learns is to act as if by posterior sampling or by
posterior mean, neither of which counts what an action teaches. The second stage is `policy.learning.ppo`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from policy.learning import ppo
from policy.learning.checkpoints import Checkpoint
from policy.learning.processes import Processes
from policy.learning.protocols.play import Played, Task, play
from policy.learning.runlog import RunLog
from policy.learning.trials import Trials, masked_log_softmax
from policy.model.loading import load_model
from policy.model.transformer import EMBEDDED_BACKBONE, PolicyConfig, PolicyModel

BACKBONE: dict[str, Any] = EMBEDDED_BACKBONE | {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 192,
    "max_position_embeddings": 1024,
}
"""A small relative of the embedded base, about 0.1 million parameters: there is less to know here."""


@dataclass(frozen=True, kw_only=True)
class ProtocolSettings:
    """A run of the first stage; written into its checkpoint."""

    iterations: int = 150
    trials: int = 128
    """Markets played in each iteration."""
    epochs: int = 2
    minibatch: int = 32
    learning_rate: float = 1e-3
    explore: float = 0.3
    """Share of even draws among the actions of half of the markets."""
    sharpen: float = 1.0
    """Factor on the price head's logits once it is trained. By imitation the head says how likely each action
    is the best one; above 1 it mostly plays the likeliest, where the second stage then starts."""
    layers: int = 2
    """Layers of the decoder."""
    window: int | None = None
    """Positions that a layer looks back over, where tokens say all that there is to remember; None: all."""
    seed: int = 1

    def backbone(self) -> dict[str, Any]:
        """Configuration of the decoder."""
        fields = BACKBONE | {"num_hidden_layers": self.layers}
        if self.window is None:
            return fields
        layers = ["sliding_attention"] * self.layers
        return fields | {"use_sliding_window": True, "sliding_window": self.window, "layer_types": layers}


def imitation_loss(network: PolicyModel, played: Played, rows: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the best action, mean over positions."""
    trials = played.trials
    logits = network.answer(network.hidden_states(trials.features[rows])).price_logits
    log_chances = masked_log_softmax(logits, trials.allowed[rows])
    # An action that is not allowed is in no target; its -inf must not meet a 0.
    return -(played.targets[rows] * log_chances.masked_fill(~trials.allowed[rows], 0.0)).sum(dim=-1).mean()


def train(task: Task, settings: ProtocolSettings, run: Path) -> PolicyModel:
    """The first stage: train, or go on where the run in this folder stopped; returns the network.

    The folder holds `checkpoint.pt`, `log.csv` and, at the end, the network under `model`.

    Raises
    ------
    ValueError
        The folder holds a run with other settings.
    """
    Processes.current().require_alone("Pretraining on a protocol")
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    config = PolicyConfig(
        backbone=settings.backbone(), features=task.features, components=1, context=task.longest
    )
    network = PolicyModel(config)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    checkpoint, first = Checkpoint(run, settings, may_change=("iterations",), base=task.name), 0
    if state := checkpoint.load():
        network.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["iteration"]
    log = RunLog(run, resumed_at=first)
    progress = tqdm(
        range(first, settings.iterations), total=settings.iterations, initial=first, desc=task.name, unit="it"
    )
    for iteration in progress:
        rng = np.random.default_rng([settings.seed, iteration])
        fall = 1 - iteration / settings.iterations
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, 2 * fall)
        played = play(network, task.begin(settings.trials, rng), rng, explore=settings.explore)
        losses = []
        for _ in range(settings.epochs):
            for rows in torch.from_numpy(rng.permutation(settings.trials)).split(settings.minibatch):
                loss = imitation_loss(network, played, rows)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                losses.append(loss.item())
        told = {"reward": played.trials.rewards.mean().item(), "cross_entropy": float(np.mean(losses))}
        progress.set_postfix({name: f"{value:.4f}" for name, value in told.items()})
        log.write(iteration + 1, told)
        if (iteration + 1) % 10 == 0 or iteration + 1 == settings.iterations:
            checkpoint.save(
                {
                    "model": network.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "iteration": iteration + 1,
                }
            )
    with torch.no_grad():
        network.price_head.weight.mul_(settings.sharpen)
        network.price_head.bias.mul_(settings.sharpen)
    network.save_pretrained(run / "model")
    return network.eval()


def reinforce(task: Task, settings: ppo.PPOSettings, run: Path) -> PolicyModel:
    """The second stage: PPO on whole trials of the task, an adapter on the network of the first.

    Raises
    ------
    ValueError
        The network is another task's, or the folder holds another run.
    """

    features = load_model(settings.start_from).network.config.features
    if features != task.features:
        raise ValueError(
            f"The model in '{settings.start_from}' reads tokens of {features} numbers; those of {task.name} "
            f"have {task.features}. Give the model of this protocol's own first stage."
        )

    def on_task(network: PolicyModel, rng: np.random.Generator) -> Trials:
        return play(network, task.begin(settings.trials, rng), rng).trials

    return ppo.train(settings, run, play=on_task)
