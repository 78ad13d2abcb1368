"""What a folder that someone names stands for: an adapter or a store's shelf, and the base beside it."""

from __future__ import annotations

from pathlib import Path

from policy.model.adapter_files import BASE_FILE, CONFIG_FILE, folder_digest, read_json
from policy.model.shelf import POINTER_FILE, VERSION_NAME, Shelf


def base_beside(path: str | Path) -> Path | None:
    """The base that lies on the shelf with an adapter, where the adapter was trained on that one: fine-tuning
    with a backbone of its own leaves it there. None where the adapter goes on another base."""
    folder = adapter_folder(path)
    if folder is None:
        return None
    for shelf in (Path(path), folder.parent):
        made = shelf / "base" / "model"
        if made.is_dir() and read_json(folder / BASE_FILE)["base"] == folder_digest(made, "model"):
            return made
    return None


def adapter_folder(path: str | Path) -> Path | None:
    """The adapter that a folder stands for: itself, or the promoted one of a shelf, None where there is none.

    Raises
    ------
    FileNotFoundError
        There is no such folder, or it is neither an adapter nor a shelf.
    AdapterError
        The promoted adapter is broken.
    """
    folder = Path(path)
    if (folder / CONFIG_FILE).exists():
        return folder
    shelf = Shelf(folder)
    if folder.is_dir():
        names = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
        if not names or names & {POINTER_FILE, "work", "base"} or any(map(VERSION_NAME.fullmatch, names)):
            promoted = shelf.promoted
            return None if promoted is None else promoted.folder
    raise FileNotFoundError(
        f"No adapter in '{folder}'. Give the folder that `pricing-assistant fine-tune` wrote, "
        "or one version of it."
    )
