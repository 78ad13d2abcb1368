"""Where a conversation's words go: which chat model answers, and whether it runs on this computer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
EMBEDDED = "pricing-assistant-embedded"
"""`_llm_type` of the built-in model, which uses no network."""
ADDRESSES = ("openai_api_base", "base_url", "anthropic_api_url")
"""Where LangChain's clients keep the address that they call."""
RUNS_HERE = {"chat-ollama": "OLLAMA_HOST", "huggingface-local": None}
"""Models that run on this computer unless they are told another address, and where that is told."""


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """The chat model in use."""

    model: str
    built_in: bool
    """The embedded model: no network at all."""
    endpoint: str | None
    """Host that it is reached at, or what provides it; None for the built-in one."""
    leaves_computer: bool
    """Whether messages and results of tools are sent to another computer."""


def whereabouts(model: BaseChatModel, name: str) -> Whereabouts:
    """Where this model runs, by what its client is set to. In doubt it is elsewhere."""
    kind = model._llm_type
    if kind == EMBEDDED:
        return Whereabouts(model=name, built_in=True, endpoint=None, leaves_computer=False)
    address = next((str(at) for field in ADDRESSES if (at := getattr(model, field, None))), None)
    if address is None and kind in RUNS_HERE:
        told = RUNS_HERE[kind]
        address = (told and os.environ.get(told)) or "http://localhost"
    host = urlsplit(address if "//" in (address or "") else f"//{address}").hostname if address else None
    return Whereabouts(
        model=name, built_in=False, endpoint=host or kind, leaves_computer=host not in LOOPBACK
    )
