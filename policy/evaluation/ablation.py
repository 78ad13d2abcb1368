"""Ablation: what size, mixture, own rollouts, a language-pretrained backbone and each RL learner are worth.

Every variant is trained here, by the product's own learners, and measured on the benchmark's fresh markets.
Supervised variants get equal compute: training a network of N parameters on D tokens costs about 6 N D
floating-point operations, and 4 N D with LoRA, whose frozen weights need no gradient (Kaplan et al. 2020,
arXiv 2001.08361, section 2.1). RL variants get equal numbers of trials on the embedded base.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from policy.decision.policies import InContextPolicy, PriceHeadPolicy
from policy.evaluation.benchmark import SUITES, Stage
from policy.learning import a3c, dqn, ppo
from policy.learning.batches import make_batch
from policy.learning.pretrain import PretrainSettings, losses, new_model, pretrain
from policy.market import Prior
from policy.model.loading import EMBEDDED, load_model
from policy.model.transformer import PolicyModel

PERIODS, BATCH = 112, 16
"""Histories of a step. Small batches give large networks, which get few tokens, more steps."""

HELD_OUT_SEED, HELD_OUT_BATCHES = 50_001, 4


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much each variant may be trained, and how exactly it is measured."""

    petaflops: float = 0.004
    """Floating-point operations of a supervised variant, in 10^15."""
    trials: int = 2560
    """Trials of an RL variant."""
    markets: int = 400
    """Markets a setting of the benchmark."""


@dataclass(frozen=True)
class Variant:
    """One line of the table."""

    question: str
    """What lines are to be compared for."""
    name: str
    train: Callable[[Path], PolicyModel]
    """Trains, or goes on, in a run folder; returns the network."""
    settings: str
    """What it was trained with, for the results file."""
    by_head: bool = False
    """Whether the price head plays, as RL trains it, and not the posterior."""


def supervised(question: str, name: str, budget: Budget, settings: PretrainSettings) -> Variant:
    """A supervised variant, with as many steps as the budget allows a network of its size."""
    network = new_model(settings)
    lora = settings.backbone is not None
    # The token table reads no tokens.
    parameters = sum(p.numel() for n, p in network.named_parameters() if "embed_tokens" not in n)
    cost = (4 if lora else 6) * parameters * PERIODS * BATCH
    steps = max(int(budget.petaflops * 1e15 / cost), 1)
    whole = replace(
        settings, steps=steps, batch_size=BATCH, periods=PERIODS, warmup=min(settings.warmup, steps // 5 + 1)
    )
    told = f"{parameters / 1e6:.1f} million parameters; {steps} steps of {BATCH} x {PERIODS}"
    return Variant(question, name, lambda run: pretrain(whole, run), told)


def variants(budget: Budget, runs: Path, *, backbone: Path | None) -> Iterator[Variant]:
    """Every line of the table.

    Parameters
    ----------
    runs
        Folder for a copy of the backbone with random weights.
    backbone
        Folder of a language-pretrained decoder; its two lines are left out if None.
    """
    plain = PretrainSettings(warmup=100)
    yield supervised("size", "1 million", budget, plain)
    yield supervised("size", "4 million", budget, replace(plain, hidden_size=256, learning_rate=1e-3))
    yield supervised(
        "size", "12 million", budget, replace(plain, hidden_size=384, layers=6, learning_rate=7e-4)
    )
    yield supervised("mixture", "one demand curve instead of six", budget, replace(plain, components=1))
    own = replace(plain, rollouts_from=str(EMBEDDED))
    yield supervised("rollouts", "with own rollouts", budget, own)
    if backbone is not None:
        language = replace(plain, backbone=str(backbone), learning_rate=1e-3)
        yield supervised("backbone", "language-pretrained, LoRA", budget, language)
        random = replace(language, backbone=str(_random_copy(backbone, runs / "random-backbone")))
        yield supervised("backbone", "same shape, random weights, LoRA", budget, random)
    yield Variant("RL", "the base by its price head", lambda run: load_model().network, "none", by_head=True)
    yield Variant("RL", "the base by its posterior", lambda run: load_model().network, "none")
    n = budget.trials
    first = ppo.PPOSettings(iterations=n // 64, trials=64)
    yield Variant("RL", "PPO", lambda run: ppo.train(first, run), f"{n} trials", by_head=True)
    second = a3c.A3CSettings(updates=n // 32)
    yield Variant("RL", "A3C", lambda run: a3c.train(second, run), f"{n} trials", by_head=True)
    third = dqn.DQNSettings(iterations=n // 64)
    yield Variant("RL", "DQN", lambda run: dqn.train(third, run), f"{n} trials", by_head=True)


def _random_copy(backbone: Path, folder: Path) -> Path:
    """The same architecture with fresh weights."""
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(backbone)).save_pretrained(folder)
    return folder


@torch.inference_mode()
def held_out_loss(network: PolicyModel) -> float:
    """Negative log-likelihood of demand per position on histories that no run trains on, nats."""
    total = 0.0
    for i in range(HELD_OUT_BATCHES):
        rng = np.random.default_rng([HELD_OUT_SEED, i])
        total += losses(network, make_batch(rng, Prior(), 64, PERIODS))[0].item()
    return total / HELD_OUT_BATCHES


def ablation_rows(
    budget: Budget, runs: Path, *, backbone: Path | None, model_hash: str, commit: str
) -> list[dict[str, str]]:
    """Train and measure every variant; a run that was stopped goes on where it was, and its `minutes` are
    those since. The seed is that of the cold markets; every variant trains with its settings' own, 1.

    Parameters
    ----------
    runs
        Folder that gets one run folder a variant.
    """
    rows = []
    stages = [Stage(replace(suite, markets=budget.markets)) for suite in SUITES["fresh"]]
    for variant in list(variants(budget, runs, backbone=backbone)):  # what is missing is missed at once
        began = time.perf_counter()
        network = variant.train(runs / variant.name.replace(" ", "-").replace(",", "")).eval()
        minutes = (time.perf_counter() - began) / 60
        row = {
            "question": variant.question,
            "variant": variant.name,
            "training": variant.settings,
            "demand_nll": f"{held_out_loss(network):.3f}",
        }
        policy = (PriceHeadPolicy if variant.by_head else InContextPolicy)(network)
        for stage in stages:
            score = stage.play(lambda _, p=policy: p)  # type: ignore[misc]
            setting = "cold" if stage.suite.logged == 0 else "logged"
            row[f"captured_{setting}"] = f"{score.captured.mean():.4f}"
            row[f"error_{setting}"] = f"{score.captured.std(ddof=1) / np.sqrt(budget.markets):.4f}"
        row |= {
            "minutes": f"{minutes:.1f}",
            "markets": str(budget.markets),
            "seed": str(stages[0].suite.seed),
            "model_hash": model_hash,
            "commit": commit,
        }
        rows.append(row)
        print(
            "  {question:10s} {variant:34s} nll {demand_nll}  cold {captured_cold}".format(**row), flush=True
        )
    return rows
