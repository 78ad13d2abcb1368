"""The shop's adapters in words: what refuses one, in the merchant's language."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from assistant.wording import Language
from policy.model.adapter_files import REPORT_FILE, AdapterError
from policy.model.adapter_folders import adapter_folder
from policy.model.shelf import Version
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


def priced_by(path: str | Path, language: Language) -> str:
    """Which network prices where this adapter or shelf was asked for, and whether it stood its test.

    Raises as `adapter_folder`.
    """
    said, folder = adapter_words(language)["priced"], adapter_folder(path)
    if folder is None:
        return substitute(said["base"], shelf=str(path))
    tested = "untested"
    if (folder / REPORT_FILE).exists():
        tested = "passed" if Version(folder, promoted=False).passed else "failed"
    return substitute(said[tested], version=folder.name)
