"""A store's adapters on disk: numbered versions, of which at most one is promoted. Needs no torch.

    DIR/promoted.json    which version prices, and what did before it
    DIR/0001/            adapter_config.json, adapter_model.safetensors, base.json, report.json
    DIR/work/            a training run in progress, none of the shelf's business
    DIR/.lock            held while one is running

A version is written in a hidden folder and renamed when whole, and `promoted.json` is replaced in one step: a
run that is killed and a disk that is full leave what was there before.
"""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from policy.model.adapter_files import (
    BASE_FILE,
    CHECKPOINT,
    REPORT_FILE,
    AdapterError,
    fault,
    folder_digest,
    read_json,
    settle,
    write_durably,
)

POINTER_FILE = "promoted.json"

VERSION_NAME = re.compile(r"\d{4,}")
"""What a version's folder is called."""
_DRAFT, _DELETED = ".draft-", ".deleted-"


@dataclass(frozen=True)
class Version:
    """One adapter of a shelf. What is not in its name is read from its files when asked for."""

    folder: Path
    promoted: bool
    """Whether it is the one that prices."""

    @property
    def name(self) -> str:
        """Its number, e.g. `0001`."""
        return self.folder.name

    @cached_property
    def digest(self) -> str:
        """Hash of its files, as `LoadedModel.adapter_digest`; records carry the first 16 digits."""
        return folder_digest(self.folder, "adapter")

    @cached_property
    def base(self) -> str:
        """Hash of the base that it was trained on."""
        return str(read_json(self.folder / BASE_FILE)["base"])

    @cached_property
    def bytes(self) -> int:
        """What its files take on disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())

    @cached_property
    def report(self) -> dict[str, Any]:
        """What its training run found: how it compares with the base, and why it was or was not promoted."""
        return read_json(self.folder / REPORT_FILE)

    @property
    def passed(self) -> bool:
        """Whether it stood its test; one that did not can be promoted all the same."""
        return bool(self.report.get("promoted"))

    @property
    def created_at(self) -> str:
        """When it was made, ISO 8601 in UTC."""
        return str(self.report["created_at"])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, without the report."""
        names = ("name", "promoted", "passed", "created_at", "digest", "base", "bytes")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Broken:
    """A part of a shelf that cannot be used."""

    name: str
    code: str
    """`unfinished` (left by a run that was killed), `missing` or `damaged` (a file of it)."""
    file: str = ""


class Shelf:
    """The adapters in a folder, which need not exist before the first is added.

    Several processes may use one shelf: readers see the state before a change or after it. Methods that
    name a version raise `AdapterError` where there is none of that name; `2` means `0002`.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def versions(self) -> list[Version]:
        """The versions that are whole, oldest first."""
        promoted = self._state(damaged=_State()).promoted
        return [
            Version(folder, folder.name == promoted) for folder in self._folders() if fault(folder) is None
        ]

    def broken(self) -> list[Broken]:
        """What else lies on the shelf: half-written and damaged versions, by name."""
        found = [Broken(folder.name, *wrong) for folder in self._folders() if (wrong := fault(folder))]
        if self.root.is_dir():
            left = sorted(p.name for p in self.root.iterdir() if p.name.startswith((_DRAFT, _DELETED)))
            found += [Broken(name, "unfinished") for name in left]
        try:
            self._state()
        except AdapterError:
            found.append(Broken(POINTER_FILE, "damaged", POINTER_FILE))
        return found

    @property
    def unfinished(self) -> bool:
        """Whether a training run was begun that has not ended: it goes on, or waits to be taken up again."""
        return (self.root / CHECKPOINT).exists()

    @property
    def promoted(self) -> Version | None:
        """The version that prices; None where the base does. Raises `AdapterError` where it is broken."""
        name = self._state().promoted
        if name is None:
            return None
        folder = self.root / name
        if wrong := fault(folder):
            raise AdapterError(
                "promoted_broken",
                "The promoted adapter {version} in '{folder}' cannot be used: its file {file} is {fault}. "
                "Roll back to the one before it: `pricing-assistant adapters rollback --out '{folder}'`.",
                version=name,
                folder=str(self.root),
                file=wrong[1],
                fault=wrong[0],
            )
        return Version(folder, promoted=True)

    def version(self, name: str) -> Version:
        """The whole version of this name."""
        name = self._named(name)
        return next(version for version in self.versions() if version.name == name)

    def add(self, write: Callable[[Path], None], report: dict[str, Any], *, promote: bool) -> Version:
        """Put a new version on the shelf, all of it or nothing.

        Parameters
        ----------
        write
            Saves the adapter, `base.json` included, in the folder that it is given.
        report
            JSON for `report.json`; `version`, `adapter` and, where it is missing, `created_at` are added.
        promote
            Let it price from now on.

        Raises
        ------
        OSError
            The disk is full or not to be written to. Nothing was changed.
        AdapterError
            `write` left a file out. Nothing was changed.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        draft = self.root / f"{_DRAFT}{uuid4().hex[:8]}"
        pointer: Path | None = None
        try:
            draft.mkdir()
            write(draft)
            made = {"created_at": datetime.now(UTC).isoformat(timespec="seconds")}
            digest = folder_digest(draft, "adapter")
            while True:
                name = self._next_name()
                named = made | report | {"version": name, "adapter": digest}
                write_durably(draft / REPORT_FILE, json.dumps(named, indent=2, ensure_ascii=False) + "\n")
                if wrong := fault(draft):
                    raise AdapterError(
                        "unfinished",
                        "The new adapter is not whole: its file {file} is {fault}. Train it again.",
                        file=wrong[1],
                        fault=wrong[0],
                    )
                for file in draft.iterdir():
                    settle(file)
                if promote:  # written before the folder is named: after that there is only renaming to do
                    pointer = self._drafted(self._state(damaged=_State()).with_promoted(name))
                try:
                    draft.rename(self.root / name)
                    break
                except OSError as error:  # another process took the number
                    if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                        raise
            if pointer is not None:
                pointer.replace(self.root / POINTER_FILE)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            if pointer is not None:
                pointer.unlink(missing_ok=True)
            raise
        return Version(self.root / name, promote)

    def promote(self, name: str) -> Version:
        """Let a version price from now on."""
        version = self.version(name)
        state = self._state(damaged=_State())
        if state.promoted != version.name:
            self._keep(state.with_promoted(version.name))
        return Version(version.folder, promoted=True)

    def rollback(self) -> Version | None:
        """Return to what priced before, None for the base; versions that are gone or broken are passed over.

        Raises `AdapterError` where nothing is promoted and nothing was.
        """
        state = self._state()
        if state.promoted is None and not state.before:
            raise AdapterError(
                "nothing_promoted",
                "There is nothing to roll back in '{folder}': no adapter is promoted, the base prices.",
                folder=str(self.root),
            )
        before = list(state.before)
        former: str | None = None
        while before:
            former = before.pop()
            if former is None or (former != state.promoted and fault(self.root / former) is None):
                break
            former = None
        self._keep(_State(former, tuple(before), state.last))
        return None if former is None else Version(self.root / former, promoted=True)

    def delete(self, name: str) -> str:
        """Remove a version, or what a killed run left, and return its full name.

        Raises `AdapterError` for the promoted version.
        """
        name = self._named(name, broken=True)
        self._refuse_promoted(name)
        gone = self.root / f"{_DELETED}{uuid4().hex[:8]}"
        (self.root / name).rename(gone)
        try:
            self._refuse_promoted(name)  # another process may have promoted it since
        except AdapterError:
            gone.rename(self.root / name)
            raise
        shutil.rmtree(gone)  # first of all: where the disk is full, this is what makes room
        if VERSION_NAME.fullmatch(name):
            state = self._state()
            before = tuple(it for it in state.before if it != name)
            # Its number is not given again: a record that names it must not come to mean another.
            self._keep(_State(state.promoted, before, max(state.last, int(name))))
        return name

    def _refuse_promoted(self, name: str) -> None:
        if self._state().promoted == name:
            raise AdapterError(
                "delete_promoted",
                "Adapter {version} is promoted: it prices now. Roll back first "
                "(`pricing-assistant adapters rollback --out '{folder}'`), then delete it.",
                version=name,
                folder=str(self.root),
            )

    def _named(self, name: str, *, broken: bool = False) -> str:
        """The name as it stands on the shelf. Raises `AdapterError` where there is none of it."""
        full = name.zfill(4) if name.isascii() and name.isdigit() else name
        whole = [version.name for version in self.versions()]
        unusable = {it.name: it for it in self.broken() if it.name != POINTER_FILE}
        if full in whole or (broken and full in unusable):
            return full
        if full in unusable:
            raise AdapterError(
                "broken_version",
                "Adapter {version} in '{folder}' is {fault} and cannot be used. Delete it or train anew.",
                version=full,
                folder=str(self.root),
                fault=unusable[full].code,
            )
        raise AdapterError(
            "unknown_version",
            "There is no adapter '{version}' in '{folder}'. It has: {versions}.",
            version=name,
            folder=str(self.root),
            versions=", ".join([*whole, *unusable]) or "–",
        )

    def _folders(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        found = [p for p in self.root.iterdir() if VERSION_NAME.fullmatch(p.name) and p.is_dir()]
        return sorted(found, key=lambda folder: int(folder.name))

    def _next_name(self) -> str:
        state = self._state(damaged=_State())
        taken = [int(folder.name) for folder in self._folders()]
        return f"{max([state.last, *taken]) + 1:04d}"

    def _state(self, damaged: _State | None = None) -> _State:
        """What is promoted. A pointer that cannot be read raises `AdapterError`, or counts as `damaged`."""
        try:
            values = json.loads((self.root / POINTER_FILE).read_text())
            names = [values["promoted"], *values["before"]]
            if all(name is None or VERSION_NAME.fullmatch(name) for name in names):
                return _State(names[0], tuple(names[1:]), int(values.get("last", 0)))
        except FileNotFoundError:
            return _State()
        except (OSError, ValueError, KeyError, TypeError):
            pass
        if damaged is None:
            raise AdapterError(
                "pointer_damaged",
                "The file '{file}', which names the promoted adapter, cannot be read. "
                "Promote one anew: `pricing-assistant adapters promote VERSION --out '{folder}'`.",
                file=str(self.root / POINTER_FILE),
                folder=str(self.root),
            )
        return damaged

    def _keep(self, state: _State) -> None:
        file = self._drafted(state)
        try:
            file.replace(self.root / POINTER_FILE)
        except OSError:
            file.unlink(missing_ok=True)
            raise

    def _drafted(self, state: _State) -> Path:
        """The pointer written beside the one in force."""
        file = self.root / f".{uuid4().hex[:8]}-{POINTER_FILE}"
        values = {"promoted": state.promoted, "before": list(state.before), "last": state.last}
        try:
            write_durably(file, json.dumps(values) + "\n")
        except OSError:
            file.unlink(missing_ok=True)
            raise
        return file


@dataclass(frozen=True)
class _State:
    """The content of `promoted.json`."""

    promoted: str | None = None
    before: tuple[str | None, ...] = ()
    """What priced before it, the latest last; None is the base."""
    last: int = 0
    """Highest number that was given to a version since deleted."""

    def with_promoted(self, name: str) -> _State:
        return _State(name, (*self.before, self.promoted), self.last)
