"""Small networks of the policy's kind, for tests."""

from __future__ import annotations

import torch

from policy.model.transformer import EMBEDDED_BACKBONE, PolicyConfig, PolicyModel


def tiny_network(*, context: int = 64, seed: int = 0) -> PolicyModel:
    """A policy network of one narrow layer with fresh weights."""
    torch.manual_seed(seed)
    narrow = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    backbone = EMBEDDED_BACKBONE | narrow | {"head_dim": 16, "intermediate_size": 64}
    return PolicyModel(PolicyConfig(backbone=backbone, context=context)).eval()
