"""Adapters with random updates, so that they answer unlike the base, for tests."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from policy.model.adapters import add_lora, save_adapter
from policy.model.loading import load_model
from policy.model.shelf import Shelf, Version

REPORT = {"measures": [], "reasons": []}


def write_adapter(folder: Path, *, seed: int, base: Path, rank: int = 4) -> None:
    """Save an adapter on the base in a folder, its updates drawn with a seed."""
    loaded = load_model(str(base))
    adapted: Any = add_lora(loaded.network, rank=rank, alpha=2 * rank)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
    save_adapter(adapted, folder, base=loaded.digest)


def shelve(root: Path, *, seed: int, base: Path, rank: int = 4, promote: bool = True) -> Version:
    """Put such an adapter on a shelf."""
    write = partial(write_adapter, seed=seed, base=base, rank=rank)
    return Shelf(root).add(write, REPORT, promote=promote)
