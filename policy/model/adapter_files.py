"""The files of a saved adapter: which there are, whether they are whole, their hash. Needs no torch."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
BASE_FILE = "base.json"
"""File of an adapter's folder that names its base by digest."""
REPORT_FILE = "report.json"
CHECKPOINT = Path("work", "checkpoint.pt")
"""In a shelf: what a training run that was stopped goes on from."""
_TOLD = {CONFIG_FILE: "peft_type", BASE_FILE: "base", REPORT_FILE: "created_at"}
"""What the JSON files of a version must tell."""
_LONGEST_NAME = 200
"""Characters of a store's folder name; file systems hold 255."""


class AdapterError(ValueError):
    """An adapter that cannot be used, or a change of the shelf that is refused, with what to do instead.

    The message's placeholders are filled with `values`; with `code` they say the same to whoever words it
    in another language.
    """

    def __init__(self, code: str, message: str, **values: Any) -> None:
        super().__init__(message.format_map(values))
        self.code = code
        self.values = values


def store_folder(store: str) -> str:
    """Name of a store's shelf among those of other stores: the store's own, percent-encoded.

    Longer ones are cut and end with a hash; `.` and `..` are spelt out, since they are folders elsewhere.
    """
    name = quote(store, safe="")
    if not name.strip("."):
        name = name.replace(".", "%2E")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}~{hashlib.sha256(store.encode()).hexdigest()[:16]}"
    return name


def folder_digest(folder: Path, kind: str) -> str:
    """SHA-256 over the weights and configuration in a folder; `kind` is what a missing file is called."""
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


def fault(folder: Path) -> tuple[str, str] | None:
    """What is wrong with a version, as `Broken.code` and `Broken.file`; None where it is whole."""
    for name in (WEIGHTS_FILE, *_TOLD):
        file = folder / name
        if not file.is_file():
            return "missing", name
        try:
            whole = _weights_are_whole(file) if name == WEIGHTS_FILE else bool(read_json(file)[_TOLD[name]])
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            return "damaged", name
    return None


def _weights_are_whole(file: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > size:
            return False
        header = json.loads(opened.read(length))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return bool(ends) and 8 + length + max(ends) == size


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from its file. Raises `ValueError` where it holds anything else."""
    values = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"'{file}' holds no JSON object.")
    return values


def write_durably(file: Path, text: str) -> None:
    """Write a text and have the disk hold it."""
    file.write_text(text, encoding="utf-8")
    settle(file)


def settle(file: Path) -> None:
    """Have the disk hold a file before anything is made to depend on it."""
    with contextlib.suppress(PermissionError), file.open("rb+") as opened:
        os.fsync(opened.fileno())
