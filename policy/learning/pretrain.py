"""Supervised pretraining on the prior: demand likelihood and the decision-pretraining target.

At every position of a history the mixture of demand curves must explain demand at the price charged and
at counterfactual prices (a proper score, whose optimum is the posterior over curves), and the price head
must predict the market's best price as a distribution (Lee et al. 2023, arXiv 2306.14892).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from policy.learning.batches import Batch, PretrainingBatches
from policy.learning.checkpoints import Checkpoint
from policy.learning.processes import Processes
from policy.learning.runlog import RunLog
from policy.model.adapters import add_lora, merged
from policy.model.likelihood import log_mixture, log_negative_binomial
from policy.model.loading import load_model
from policy.model.transformer import EMBEDDED_BACKBONE, GRID, PolicyConfig, PolicyModel, curve_at

CHECKPOINT_EVERY = 100
"""Steps between checkpoints: what a stopped run may lose."""


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """A run of supervised pretraining; written beside its weights."""

    steps: int = 7000
    batch_size: int = 64
    periods: int = 112
    learning_rate: float = 1.5e-3
    warmup: int = 200
    decay_share: float = 0.35
    """Last share of the steps over which the learning rate falls to a hundredth."""
    price_weight: float = 0.2
    """Weight of the price head's loss against the demand likelihood."""
    seed: int = 1
    fast: bool = False
    """Compile the network, which needs a C++ compiler and a minute, and multiply in bfloat16 where the
    hardware can: about 1.5 times the speed there, little gain elsewhere."""
    hidden_size: int = 128
    """Width of a fresh network; heads of 32, three times the width inside a layer."""
    layers: int = 5
    components: int = 6
    """Demand curves in the mixture of a fresh network."""
    start_from: str | None = None
    """Folder of a model of ours to train further; fresh weights if None."""
    backbone: str | None = None
    """Folder or hub name of a pretrained decoder to adapt by LoRA; our own small decoder if None."""
    rollouts_from: str | None = None
    """Folder of a model of ours that prices part of the histories itself; none does if None."""
    rollout_share: float = 0.3
    """Share of the batches in which it does."""


def losses(model: PolicyModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean negative log-likelihood of the draws, and cross-entropy of the best price, per position."""
    out = model(batch.features, batch.padding)
    log_curves = curve_at(out.log_curves, batch.log_multiplier)  # (B, T, K, J)
    log_mean = (log_curves + batch.log_units[:, :, None, None]).clamp(-12.0, 19.0)
    log_p = log_negative_binomial(
        batch.units[:, :, None, :], log_mean, out.log_dispersion[..., None]
    )  # (B, T, K, J)
    nll = -log_mixture(out.log_weights, log_p.sum(dim=-1))  # (B, T)
    # The best price falls between two grid prices and is spread over both.
    position = (batch.best - GRID[0]) / (GRID[1] - GRID[0])
    left = position.floor().clamp(0, len(GRID) - 2)
    fraction = position - left
    log_q = out.price_logits.log_softmax(dim=-1)
    index = left.long()[..., None]
    near = log_q.gather(-1, index)[..., 0] * (1 - fraction) + log_q.gather(-1, index + 1)[..., 0] * fraction
    weight = (~batch.padding).double()
    total = weight.sum()
    return (nll * weight).sum() / total, (-near.double() * weight).sum() / total


def new_model(settings: PretrainSettings) -> PolicyModel:
    """The network at the start of a run."""
    if settings.start_from:
        return load_model(settings.start_from).network
    if settings.backbone:
        network = PolicyModel.on_backbone(settings.backbone, components=settings.components)
        return add_lora(network, train_heads=True)
    width = settings.hidden_size
    shape = {
        "hidden_size": width,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": width // 32,
        "num_key_value_heads": width // 32,
        "intermediate_size": 3 * width,
    }
    return PolicyModel(PolicyConfig(backbone=EMBEDDED_BACKBONE | shape, components=settings.components))


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is multiplied in hardware; where it is not, it is many times slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def learning_rate(step: int, settings: PretrainSettings) -> float:
    """Warm up, hold, then fall linearly to a hundredth."""
    start = settings.steps * (1 - settings.decay_share)
    fall = max(0.0, (step - start) / max(settings.steps - start, 1.0))
    return settings.learning_rate * min(1.0, (step + 1) / settings.warmup) * (1 - 0.99 * fall)


def pretrain(
    settings: PretrainSettings, run: Path, *, watch: Callable[[int], None] | None = None
) -> PolicyModel:
    """Train, or go on where the run in this folder stopped; returns the trained model.

    `watch` is told of each step taken; it may raise to stop the run, of which a checkpoint is then kept.

    The folder holds `checkpoint.pt` (weights, optimiser, step) and `log.csv`. On a CPU a resumed run ends bit
    for bit where an uninterrupted one does.
    """
    run.mkdir(parents=True, exist_ok=True)
    processes = Processes.current()
    torch.manual_seed(settings.seed)
    model = new_model(settings)
    processes.place(model)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    player = load_model(settings.rollouts_from) if settings.rollouts_from else None
    checkpoint, first = (
        Checkpoint(run, settings, may_change=("steps", "fast"), base=player.digest if player else None),
        0,
    )
    if state := checkpoint.load():
        torch.set_rng_state(state["random"])
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
    log = RunLog(run, resumed_at=first) if processes.is_main else None
    batches = PretrainingBatches(
        seed=settings.seed,
        size=settings.batch_size,
        steps=settings.steps,
        periods=settings.periods,
        player=player.network if player else None,
        rollout_share=settings.rollout_share,
        rank=processes.rank,
    )
    loader = DataLoader(
        batches,
        sampler=range(first, settings.steps),
        batch_size=None,
        num_workers=1,
        prefetch_factor=4,
        generator=torch.Generator(),  # its own: the global one is the dropout's, and is restored on resuming
    )
    model.train()
    half = settings.fast and multiplies_bfloat16(processes.device)
    if settings.fast:
        model.forward = torch.compile(model.forward)  # type: ignore[method-assign]
    recent: list[tuple[float, float]] = []
    progress = tqdm(loader, total=settings.steps, initial=first, desc="pretrain", unit="step", mininterval=5)
    progress.disable = not processes.is_main
    for step, batch in enumerate(progress, start=first):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, settings)
        with torch.autocast(processes.device.type, dtype=torch.bfloat16, enabled=half):
            demand, price = losses(model, batch.to(processes.device))
        optimiser.zero_grad(set_to_none=True)
        (demand + settings.price_weight * price).backward()
        processes.average_gradients(trained)
        norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
        if not math.isfinite(norm):
            raise FloatingPointError(f"Step {step}: the gradient is {norm}; lower the learning rate.")
        optimiser.step()
        recent.append((demand.item(), price.item()))
        if (step + 1) % 50 == 0:
            means = [sum(column) / len(recent) for column in zip(*recent, strict=True)]
            recent.clear()
            progress.set_postfix(nll=f"{means[0]:.4f}", price=f"{means[1]:.4f}")
            if log:
                log.write(step + 1, {"demand_nll": means[0], "price_cross_entropy": means[1]})
        due = (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == settings.steps
        stopped: BaseException | None = None
        try:
            if watch:
                watch(step + 1)
        except BaseException as reason:
            stopped = reason
        if processes.is_main and (due or stopped):
            checkpoint.save(
                {
                    "model": model.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "step": step + 1,
                    "random": torch.get_rng_state(),  # dropout of language-pretrained backbones draws from it
                }
            )
        if stopped:
            raise stopped
    model.__dict__.pop("forward", None)  # what is returned and saved is the plain network
    processes.wait()
    return merged(model).cpu().eval()
