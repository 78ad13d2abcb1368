"""Loading the policy network: the embedded base, a folder, or either with a store's adapter."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers.utils import logging as hf_logging

from policy.model.adapters import BASE_FILE, load_adapter
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
    """Load a model, offline if it is a folder, onto a device as PyTorch names it.

    Raises
    ------
    FileNotFoundError
        The folder of the model or of the adapter holds no weights.
    ValueError
        The adapter names another base.
    """
    folder = Path(path) if path else EMBEDDED
    digest = _digest(folder, "model")
    bar = hf_logging.is_progress_bar_enabled()
    hf_logging.disable_progress_bar()  # four megabytes need none
    try:
        network = PolicyModel.from_pretrained(str(folder), dtype=torch.float32)
    finally:
        if bar:
            hf_logging.enable_progress_bar()
    adapter_digest = None
    if adapter:
        adapter_digest = _digest(Path(adapter), "adapter")
        named = Path(adapter) / BASE_FILE
        if named.exists() and json.loads(named.read_text())["base"] != digest:
            raise ValueError(
                f"The adapter in '{adapter}' was trained on another base than the one in '{folder}'. "
                "Load it with its own base, or train it anew."
            )
        network = load_adapter(network, adapter)
    placed: nn.Module = network.eval()
    placed.to(device)
    return LoadedModel(network, digest, adapter_digest)


def _digest(folder: Path, kind: str) -> str:
    """SHA-256 over the weights and configuration in a folder."""
    files = sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*config.json"))
    if not any(f.suffix == ".safetensors" for f in files):
        raise FileNotFoundError(
            f"No {kind} weights (*.safetensors) in '{folder}'. Give the folder that a training run wrote."
        )
    sha = hashlib.sha256()
    for file in files:
        sha.update(file.name.encode())
        sha.update(file.read_bytes())
    return sha.hexdigest()
