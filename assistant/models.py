"""Which language model answers: the embedded one, one from a folder, or any that LangChain reaches."""

from __future__ import annotations

import os
from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from pydantic import ValidationError

EMBEDDED, LOCAL = "embedded", "huggingface:"
PATIENCE_SECONDS = 60.0
"""How long an outside model may take for one call."""


class ModelUnavailable(ValueError):
    """The chosen language model cannot be set up; the message says why and what to do."""


def chosen_model() -> BaseChatModel:
    """The model that PRICING_ASSISTANT_MODEL names: `embedded` (the default), `huggingface:` and a folder or
    a name on the hub, or `provider:model` as `init_chat_model` knows it, at PRICING_ASSISTANT_MODEL_URL
    where that is set.

    Raises
    ------
    ModelUnavailable
        The provider is not known, not installed, or refuses its settings; the folder holds no chat model.
    """
    name = os.environ.get("PRICING_ASSISTANT_MODEL") or EMBEDDED
    if name == EMBEDDED:
        from assistant.embedded import EmbeddedChatModel

        return EmbeddedChatModel()
    if name.startswith(LOCAL):
        return _local(name)
    settings: dict[str, Any] = {"timeout": PATIENCE_SECONDS, "max_retries": 1}
    if url := os.environ.get("PRICING_ASSISTANT_MODEL_URL"):
        settings["base_url"] = url
        if name.startswith("openai:") and "OPENAI_API_KEY" not in os.environ:
            settings["api_key"] = "none"  # servers on one's own machine ask for none, the client insists
    try:
        model: BaseChatModel = init_chat_model(name, **settings)
    except Exception as error:  # each provider's client has its own errors
        raise ModelUnavailable(
            f"PRICING_ASSISTANT_MODEL={name!r} cannot be used: {error}\n"
            "Write it as provider:model, e.g. openai:gpt-5.5, install the provider "
            "(pip install 'pricing-assistant[openai]') and set its key, or unset it for the embedded model."
        ) from error
    return model


def _local(name: str) -> BaseChatModel:
    from assistant.local_model import LocalChatModel

    try:
        return LocalChatModel(model=name.removeprefix(LOCAL))
    except Exception as error:  # whatever reading a stranger's files raises
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise ModelUnavailable(
            f"PRICING_ASSISTANT_MODEL={name!r} cannot be used: {why}\n"
            "Write it as huggingface:/path/to/folder, with the files of a model tuned to chat and call tools "
            "(config.json, tokenizer.json, *.safetensors), or unset it for the embedded model."
        ) from error


def is_embedded(model: BaseChatModel) -> bool:
    """Whether it is the embedded model, whose words are ours."""
    from assistant.embedded import EmbeddedChatModel

    return isinstance(model, EmbeddedChatModel)


def stays_here(model: BaseChatModel) -> bool:
    """Whether the model runs in this process: what it is shown does not leave this computer."""
    from assistant.local_model import LocalChatModel

    return is_embedded(model) or isinstance(model, LocalChatModel)


def name_of(model: BaseChatModel) -> str:
    """What a model calls itself."""
    return str(getattr(model, "model_name", None) or getattr(model, "model", None) or model._llm_type)
