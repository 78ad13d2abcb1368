"""The shop's adapters in words: what refuses one, in the merchant's language."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from assistant.wording import Language
from policy.model.adapter_files import AdapterError
from prompts import load, substitute


@cache
def adapter_words(language: Language) -> dict[str, Any]:
    """`prompts/<language>/adapters.toml`."""
    return tomllib.loads(load(language, "adapters.toml"))


def adapter_error_text(error: AdapterError, language: Language, *, where: str = "") -> str:
    """Why an adapter cannot be used or changed, and what to do.

    `where` goes after the commands that it names: the options with which the shelf was asked for.
    """
    words = adapter_words(language)
    values = {k: words["faults"][v] if k == "fault" else str(v) for k, v in error.values.items()}
    return substitute(words["errors"][error.code], where=where, **values)
