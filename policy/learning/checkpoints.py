"""Checkpoints: a stopped run goes on where it was, and only as the run that it was."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from policy.model.adapter_files import settle


@dataclass(frozen=True)
class Checkpoint:
    """The file `checkpoint.pt` of a run, with the settings that it belongs to."""

    run: Path
    settings: Any
    """A frozen dataclass."""
    may_change: tuple[str, ...]
    """Settings that a run may be continued with other values of: its length, its speed."""
    base: str | None = None
    """What else a run depends on: the digest of the base that an adapter is trained on or of the network that
    prices histories, or the protocol; None where there is nothing."""

    @property
    def path(self) -> Path:
        return self.run / "checkpoint.pt"

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None for a new run.

        Raises
        ------
        ValueError
            The folder holds a run with other settings, or on another base.
        """
        if not self.path.exists():
            return None
        state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
        if set(state["settings"]) != set(asdict(self.settings)):
            raise ValueError("This folder holds a run of another algorithm. Give another folder by --run.")
        saved = {k: tuple(v) if isinstance(v, list) else v for k, v in state["settings"].items()}
        now = asdict(self.settings)
        other = [
            f"{name} was {saved.get(name)!r} and is {value!r}"
            for name, value in now.items()
            if name not in self.may_change and saved.get(name) != value
        ]
        if other:
            raise ValueError(
                f"This folder holds a run with other settings: {', '.join(other)}. "
                "Give another folder by --run."
            )
        if state["base"] != self.base:
            raise ValueError(
                "This folder holds a run on another base than the one given. Give another folder by --run."
            )
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Write it whole or not at all, see `write_whole`."""
        write_whole({**state, "settings": asdict(self.settings), "base": self.base}, self.path)


def write_whole(state: dict[str, Any], path: Path) -> None:
    """Write beside and rename, so that a killed run never leaves half a checkpoint.

    Raises `OSError`, and leaves what was there, where the disk is full or cannot be written to: torch itself
    would call that a fault of its own.
    """
    content = io.BytesIO()
    torch.save(state, content)
    draft = path.with_suffix(".tmp")
    try:
        draft.write_bytes(content.getbuffer())
        settle(draft)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
