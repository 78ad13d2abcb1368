"""Loading the policy network: the embedded base, a folder, or either with a store's adapter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers.utils import logging as hf_logging

from policy.model.adapter_files import BASE_FILE, AdapterError, folder_digest
from policy.model.adapter_folders import adapter_folder
from policy.model.adapters import load_adapter
from policy.model.transformer import PolicyModel

EMBEDDED = Path(__file__).parent.parent / "weights" / "base"
"""The base that ships with the package."""

EMBEDDED_PPO = EMBEDDED.parent / "ppo"
"""The adapter that PPO trained on whole trials: its price head prices to learn. Goes on `EMBEDDED`."""


@dataclass(frozen=True)
class LoadedModel:
    """A network ready for inference, with hashes of the files it came from."""

    network: PolicyModel
    digest: str
    adapter_digest: str | None


def load_model(path: str | None = None, *, adapter: str | None = None, device: str = "cpu") -> LoadedModel:
    """Load a model, offline if it is a folder, onto a device as PyTorch names it, with an adapter inside it
    where one is given: its folder, or a shelf whose promoted one is taken.

    Raises
    ------
    FileNotFoundError
        The folder of the model or of the adapter holds no weights.
    AdapterError
        The adapter names another base.
    """
    folder = Path(path) if path else EMBEDDED
    digest = folder_digest(folder, "model")
    bar = hf_logging.is_progress_bar_enabled()
    hf_logging.disable_progress_bar()  # four megabytes need none
    try:
        network = PolicyModel.from_pretrained(str(folder), dtype=torch.float32)
    finally:
        if bar:
            hf_logging.enable_progress_bar()
    adapter_digest = None
    if adapter and (chosen := adapter_folder(adapter)) is not None:
        adapter_digest = folder_digest(chosen, "adapter")
        check_base(chosen, digest)
        network = load_adapter(network, str(chosen))
    placed: nn.Module = network.eval()
    placed.to(device)
    return LoadedModel(network, digest, adapter_digest)


def check_base(adapter: Path, base: str) -> None:
    """Raises `AdapterError` where an adapter names another base than the one with this digest."""
    named = adapter / BASE_FILE
    if named.exists() and json.loads(named.read_text())["base"] != base:
        raise another_base(adapter, base)


def another_base(adapter: Path, base: str) -> AdapterError:
    """That an adapter does not belong to the base with this digest."""
    return AdapterError(
        "another_base",
        "The adapter in '{folder}' was trained on another base than this one ({base}). "
        "Load it with its own base, or train it anew.",
        folder=str(adapter),
        base=base[:16],
    )
