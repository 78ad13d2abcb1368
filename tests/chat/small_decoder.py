"""Decoders small enough for tests, saved as any other: one knows dialogues by heart, one babbles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

Dialogue = Sequence[dict[str, Any]]

# Calls as Hermes and Qwen write them. Instructions, tools and what tools return are left out, so that a
# dialogue is short enough to be known by heart.
TEMPLATE = """
{#- `tools` are read, and left out. -#}
{%- for message in messages if message.role != 'system' %}
{{- '<|im_start|>' + message.role + '\n' }}
{%- if message.role == 'tool' %}{{ message.name }}{% else %}{{ message.content }}{% endif %}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' + call.function.arguments | tojson }}
{{- '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""


def save_decoder(
    folder: Path, dialogues: Sequence[Dialogue], *, learn: bool = True, context: int = 4096
) -> Path:
    """A decoder of 100,000 weights with tokenizer and template; `learn`: it answers as in the dialogues."""
    torch.manual_seed(0)
    tokenizer = _tokenizer([str(message) for dialogue in dialogues for message in dialogue])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=context,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    network = LlamaForCausalLM(config)
    if learn:
        _learn(network, tokenizer, dialogues)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    pieces.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces, eos_token="<|im_end|>", pad_token="<|pad|>", chat_template=TEMPLATE
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    return tokenizer


def _learn(
    network: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, dialogues: Sequence[Dialogue]
) -> None:
    """Until every token that the assistant says is the likeliest."""
    pairs = [
        (
            tokenizer.apply_chat_template(list(d[:i]), tokenize=False, add_generation_prompt=True),
            tokenizer.apply_chat_template(list(d[: i + 1]), tokenize=False),
        )
        for d in dialogues
        for i, message in enumerate(d)
        if message["role"] == "assistant"
    ]
    read = [tokenizer(prompt).input_ids for prompt, _ in pairs]
    written = [tokenizer(whole).input_ids for _, whole in pairs]
    longest = max(map(len, written))
    ids = torch.full((len(pairs), longest), tokenizer.pad_token_id)  # (B, T)
    labels = torch.full((len(pairs), longest), -100)
    for row, (start, whole) in enumerate(zip(read, written, strict=True)):
        assert whole[: len(start)] == start
        ids[row, : len(whole)] = torch.tensor(whole)
        labels[row, len(start) : len(whole)] = torch.tensor(whole[len(start) :])
    steps = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(400):
        output = network(input_ids=ids, attention_mask=(ids != tokenizer.pad_token_id).long(), labels=labels)
        if output.loss.item() < 0.003:
            return
        steps.zero_grad()
        output.loss.backward()
        steps.step()
    raise AssertionError(f"Not learned by heart: the loss is {output.loss.item():.3f}.")
