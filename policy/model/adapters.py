"""LoRA adapters on the policy network, through peft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from torch import nn

from policy.model.adapter_files import BASE_FILE
from policy.model.transformer import PolicyModel

HEADS = ("encoder_in", "encoder_out", "demand_head", "price_head")
"""Our own linear layers around the backbone."""


def lora_targets(model: PolicyModel) -> list[str]:
    """Names of every linear layer: backbone, token encoder and heads alike. GPT-2's `Conv1D` counts."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
    ]


def add_lora(
    model: PolicyModel, *, rank: int = 16, alpha: int = 32, train_heads: bool = False
) -> PolicyModel:
    """Freeze the network and train low-rank updates of its linear layers (Hu et al. 2021, arXiv 2106.09685).

    With `train_heads`, for a backbone whose token encoder and heads are new, those are trained in full
    and only the backbone is adapted. Returns the same model with adapters inside it.
    """
    targets = [t for t in lora_targets(model) if not (train_heads and t in HEADS)]
    transposed = any(type(model.get_submodule(t)).__name__ == "Conv1D" for t in targets)
    config = LoraConfig(
        r=rank, lora_alpha=alpha, target_modules=targets, bias="none", fan_in_fan_out=transposed
    )
    wrapped: Any = get_peft_model(cast(Any, model), config)
    if train_heads:
        for name in HEADS:
            for parameter in wrapped.base_model.model.get_submodule(name).parameters():
                parameter.requires_grad_(True)
    return cast(PolicyModel, wrapped)


def load_adapter(model: PolicyModel, path: str) -> PolicyModel:
    """Put a saved adapter on a loaded base model."""
    wrapped: Any = PeftModel.from_pretrained(cast(Any, model), path)
    return cast(PolicyModel, wrapped)


def merged(model: PolicyModel) -> PolicyModel:
    """The plain network with its adapter's updates added into the weights."""
    network: Any = model
    return cast(PolicyModel, network.merge_and_unload()) if isinstance(network, PeftModel) else model


def adapted_base(base: PolicyModel, *, rank: int, seed: int) -> tuple[Any, PolicyModel]:
    """A base with a fresh adapter: as peft wraps it, which saves the adapter, and the network inside."""
    torch.manual_seed(seed)
    wrapped: Any = add_lora(base, rank=rank, alpha=2 * rank)
    return wrapped, cast(PolicyModel, wrapped.base_model.model)


def parameter_groups(
    network: PolicyModel, head: nn.Module, *, rate: float, head_rate: float
) -> list[dict[str, Any]]:
    """For an optimiser: the adapter's weights and those of a head that serves in training only, each with
    its learning rate."""
    adapter = [p for p in network.parameters() if p.requires_grad]
    return [{"params": adapter, "lr": rate}, {"params": list(head.parameters()), "lr": head_rate}]


def adapter_state(network: PolicyModel) -> dict[str, torch.Tensor]:
    """The trained low-rank weights alone."""
    return {name: value for name, value in network.state_dict().items() if "lora_" in name}


def save_adapter(wrapped: Any, folder: Path, *, base: str) -> None:
    """Save an adapter alone, with the digest of the base it belongs to. It does not say where on this machine
    that base lay: that is no use elsewhere. Raises `OSError` where the folder cannot be written to."""
    try:
        wrapped.save_pretrained(folder)
    except SafetensorError as error:  # a full disk, in a class that is no OSError
        raise OSError(f"The adapter cannot be written to '{folder}': {error}") from error
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text()) | {"base_model_name_or_path": None}
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / BASE_FILE).write_text(json.dumps({"base": base}) + "\n")
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card
