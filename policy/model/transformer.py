"""The policy network: a Hugging Face decoder over trajectory tokens, with demand and price heads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from transformers import AutoConfig, AutoModel, Cache, PreTrainedConfig, PreTrainedModel

from policy.model.tokens import FEATURES

GRID = torch.linspace(-1.4, 1.4, 29)
"""Log price over the anchor price (`Tokens.log_price`) at which the heads answer, shape (G,): a quarter to
four times the usual price."""

_CENTRE = len(GRID) // 2
_STEP = float(GRID[1] - GRID[0])


class PolicyConfig(PreTrainedConfig):
    """Shape of the policy network; `backbone` is the configuration of any Hugging Face decoder."""

    model_type = "pricing-policy"

    def __init__(
        self,
        backbone: dict[str, Any] | None = None,
        features: int = FEATURES,
        components: int = 6,
        context: int = 112,
        calibration: dict[str, float] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.backbone = backbone or EMBEDDED_BACKBONE
        self.features = features
        self.components = components
        """Demand curves in the mixture that stands for the posterior."""
        self.calibration = calibration or {}
        """Fields of `policy.model.posterior.Calibration`, once measured."""
        self.context = context
        """Positions that the transformer reads; what lies further back reaches it as running statistics."""


EMBEDDED_BACKBONE: dict[str, Any] = {
    "model_type": "qwen3",
    "hidden_size": 128,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "intermediate_size": 384,
    "vocab_size": 1,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
}
"""The decoder that we pretrain ourselves: about 1.1 million parameters. It reads no text, so its token
table has one row."""


@dataclass
class PolicyOutput:
    """Answers at every position for the period ahead. Axes: B batch, T positions, K components, G grid."""

    log_weights: Tensor
    """Log posterior weight of each demand curve, shape (B, T, K)."""
    log_curves: Tensor
    """Log mean units relative to the anchor level, non-increasing along the grid, shape (B, T, K, G)."""
    log_dispersion: Tensor
    """Log of the negative-binomial dispersion of each component, shape (B, T, K)."""
    price_logits: Tensor
    """Unnormalised log probability that each grid price is the best one, shape (B, T, G)."""


class PolicyModel(PreTrainedModel):
    """Token encoder, decoder and heads. Loads and saves like any Hugging Face model."""

    config_class = PolicyConfig
    base_model_prefix = "policy"
    _supports_sdpa = True

    def __init__(self, config: PolicyConfig, backbone: PreTrainedModel | None = None):
        super().__init__(config)
        if backbone is None:
            fields = dict(config.backbone)
            backbone = AutoModel.from_config(AutoConfig.for_model(fields.pop("model_type"), **fields))
        self.backbone = backbone
        width = backbone.config.hidden_size
        k, g = config.components, len(GRID)
        self.encoder_in = nn.Linear(config.features, width)
        self.encoder_out = nn.Linear(width, width)
        self.demand_head = nn.Linear(width, k * (g - 1 + 3))
        self.price_head = nn.Linear(width, g)
        self.post_init()
        self._spread_components()

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether activations are computed again on the way back. peft asks for it by this name, at which
        transformers' own property warns of its end in every run."""
        return any(getattr(module, "gradient_checkpointing", False) for module in self.modules())

    @classmethod
    def on_backbone(cls, path: str, *, components: int = 6, context: int = 112) -> PolicyModel:
        """Put fresh token encoder and heads on a pretrained decoder, by folder or hub name.

        Its token table is dropped: tokens come as embeddings, never as text.

        Raises
        ------
        FileNotFoundError
            There is no such folder.
        ValueError
            The network looks ahead, as encoders do: it would be taught by what it is to foretell.
        """
        if path.startswith(("/", ".", "~")) and not Path(path).is_dir():
            raise FileNotFoundError(f"No folder '{path}'. Give one with a saved decoder, or its hub name.")
        backbone = AutoModel.from_pretrained(path, dtype=torch.float32)
        backbone.set_input_embeddings(nn.Embedding(1, backbone.get_input_embeddings().embedding_dim))
        backbone.config.vocab_size = 1
        if _looks_ahead(backbone):
            raise ValueError(
                f"'{path}' is no decoder: what it says of a position depends on later ones. Give a decoder, "
                "or set `is_decoder` to true in its config.json where the architecture can be one (BERT)."
            )
        config = PolicyConfig(backbone=backbone.config.to_dict(), components=components, context=context)
        return cls(config, backbone=backbone)

    @torch.no_grad()
    def _spread_components(self) -> None:
        """Start the mixture as a broad prior: constant elasticities from 0.7 to 5, dispersion 0.2."""
        k, g = self.config.components, len(GRID)
        elasticity = torch.logspace(-0.15, 0.7, k)
        bias = self.demand_head.bias.view(k, g - 1 + 3)
        bias[:, : g - 1] = torch.log(torch.expm1(elasticity))[:, None]
        bias[:, -1] = -1.6
        self.demand_head.weight.mul_(0.5)

    def forward(
        self, features: Tensor, padding: Tensor | None = None, cache: Cache | None = None
    ) -> PolicyOutput:
        """
        Parameters
        ----------
        features
            Tokens, shape (B, T, F).
        padding
            True at positions before a product's first period, shape (B, T). Histories are aligned at the
            end, so padding is on the left.
        cache
            Keys and values of the positions before these, extended in place: a history that grows is read
            token by token. Goes with no padding.
        """
        return self.answer(self.hidden_states(features, padding, cache))

    def hidden_states(
        self,
        features: Tensor,
        padding: Tensor | None = None,
        cache: Cache | None = None,
        *,
        branches: int = 1,
        branch: int = 0,
    ) -> Tensor:
        """Last hidden states of the decoder, shape (B, T, D); other arguments as of `forward`.

        Parameters
        ----------
        branches
            How many futures the last positions hold, one after the other: each goes on from the positions
            before the first of them and sees none of the others, as if it were alone. Without a cache.
        branch
            Positions of each such future.
        """
        x = self.encoder_out(nn.functional.silu(self.encoder_in(features)))  # (B, T, D)
        mask, position = None, None
        if branches > 1:
            mask, position = _branching(features, padding, branches, branch)
        elif padding is not None:
            mask = (~padding).long()
            position = (mask.cumsum(dim=1) - 1).clamp(min=0)
        hidden: Tensor = self.backbone(
            inputs_embeds=x,
            attention_mask=mask,
            position_ids=position,
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state  # (B, T, D)
        return hidden

    def answer(self, hidden: Tensor) -> PolicyOutput:
        """Read the heads off hidden states of shape (B, T, D)."""
        b, t, _ = hidden.shape
        k, g = self.config.components, len(GRID)
        with torch.autocast(hidden.device.type, enabled=False):  # levels need more digits than bfloat16 has
            hidden = hidden.float()
            raw = self.demand_head(hidden).view(b, t, k, g - 1 + 3)
            price_logits = self.price_head(hidden)
        # Elasticity between neighbouring grid prices is positive, so curves never rise with price.
        fall = -softplus(raw[..., : g - 1]) * _STEP
        curve = torch.cat([torch.zeros_like(fall[..., :1]), fall.cumsum(dim=-1)], dim=-1)
        curve = curve - curve[..., _CENTRE : _CENTRE + 1] + raw[..., g - 1 : g]
        return PolicyOutput(
            log_weights=raw[..., g].log_softmax(dim=-1),
            log_curves=curve,
            log_dispersion=raw[..., g + 1].clamp(-7.0, 3.0),
            price_logits=price_logits,
        )


def _branching(features: Tensor, padding: Tensor | None, branches: int, branch: int) -> tuple[Tensor, Tensor]:
    """What each position may attend to, added to attention, shape (B, 1, T, T), and its place, (B, T)."""
    b, t, _ = features.shape
    hidden = features.new_zeros((b, t), dtype=torch.bool) if padding is None else padding
    index = torch.arange(t, device=features.device)
    stem = t - branches * branch
    own = (index - stem).div(branch, rounding_mode="floor").clamp(min=-1)  # -1 for what is shared
    sees = (index[:, None] >= index) & ((own == -1) | (own[:, None] == own))
    sees = sees & ~hidden[:, None]
    # A position that sees nothing would have no attention to share out; padding sees itself.
    sees = sees | torch.eye(t, dtype=torch.bool, device=features.device)
    mask = features.new_zeros(sees.shape).masked_fill(~sees, torch.finfo(features.dtype).min)
    count = (~hidden).long().cumsum(dim=1) - 1
    place = torch.where(own >= 0, count - own * branch, count).clamp(min=0)
    return mask[:, None], place


@torch.no_grad()
def _looks_ahead(backbone: PreTrainedModel) -> bool:
    """Whether a change of the last of four positions reaches those before."""
    x = torch.linspace(-1.0, 1.0, 4 * backbone.config.hidden_size).view(1, 4, -1)
    changed = x.clone()
    changed[:, -1] *= -1.0  # a shift would be lost on networks that centre their input
    training = backbone.training
    backbone.eval()  # dropout would change every position
    before, after = (backbone(inputs_embeds=v).last_hidden_state[:, :-1] for v in (x, changed))
    backbone.train(training)
    return not torch.allclose(before, after, atol=1e-5)


def curve_at(log_curves: Tensor, log_multiplier: Tensor) -> Tensor:
    """Read curves between grid prices (linear in logs; the end slopes go on beyond the grid).

    Parameters
    ----------
    log_curves
        Shape (..., K, G).
    log_multiplier
        Log price over the anchor price, shape (..., J).

    Returns
    -------
    Log mean units relative to the anchor level, shape (..., K, J).
    """
    grid_position = (log_multiplier - float(GRID[0])) / _STEP
    left = grid_position.floor().clamp(0, len(GRID) - 2)
    fraction = (grid_position - left).unsqueeze(-2)
    index = left.long().unsqueeze(-2).expand(*log_curves.shape[:-1], log_multiplier.shape[-1])
    low, high = log_curves.gather(-1, index), log_curves.gather(-1, index + 1)
    return low + fraction * (high - low)


AutoConfig.register("pricing-policy", PolicyConfig, exist_ok=True)
AutoModel.register(PolicyConfig, PolicyModel, exist_ok=True)
