"""Many adapters on one base: chosen by store, read when first asked for, mixed in one batch.

peft runs mixed batches too, but puts every adapter's layers into the network, so that each further one takes
longer to load than the last (two seconds beyond the seventieth, on one core), and threads have to take turns.
Here the network stays as it is: what an adapter adds to a linear layer is added to the layer's output, for
the rows that it belongs to. The files are peft's.
"""

from __future__ import annotations

import copy
import json
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import linear

from policy.model.adapter_files import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    AdapterError,
    folder_digest,
    store_folder,
)
from policy.model.adapter_folders import adapter_folder
from policy.model.adapters import lora_targets
from policy.model.loading import LoadedModel, another_base, check_base
from policy.model.shelf import POINTER_FILE
from policy.model.transformer import PolicyModel

KEEP = 64
"""Adapters kept in memory, those used last: at most 2 MB each."""

Updates = dict[str, tuple[Tensor, Tensor]]
"""By linear layer: the way down (rank, in), and the way up, scaled (out, rank)."""


@dataclass(frozen=True)
class Adapter:
    """A saved adapter, known by the content of its files."""

    folder: Path
    digest: str


class AdapterPool:
    """A base network with one adapter for all stores, or one for each. Safe to share between threads.

    Which adapter is promoted is looked up anew in every `of`; a rollback holds from the next one on.
    """

    def __init__(self, base: LoadedModel, place: str | Path, *, by_store: bool = False, keep: int = KEEP):
        """
        Parameters
        ----------
        base
            Left as it is: the pool's network is another that shares its weights in memory.
        place
            An adapter or a shelf for everybody; or, `by_store`, a folder of shelves, one a store and called
            as `store_folder` says. None of those is read before its store is asked about.
        keep
            Adapters held in memory.

        Raises
        ------
        FileNotFoundError
            There is no such folder, or nothing in it is an adapter.
        AdapterError
            The adapter for everybody is broken or another base's.
        """
        if base.adapter_digest is not None:
            raise ValueError("`base` has an adapter inside it already; load it without one.")
        self._base, self._place, self._keep = base, Path(place), keep
        self.by_store = by_store
        self._known: dict[Path, tuple[object, Adapter | None]] = {}
        self._loaded: OrderedDict[str, Updates] = OrderedDict()
        self._loading = threading.Lock()
        self._rows = threading.local()
        self.network = _sharing_weights(base.network)
        """Answers as the base does, and inside `applied` by each row's adapter."""
        self._layers = lora_targets(self.network)
        for name in self._layers:
            self.network.get_submodule(name).register_forward_hook(self._hook(name))
        if not by_store:
            self.of([None])
        elif not self._place.is_dir():
            raise FileNotFoundError(
                f"No folder '{place}'. Give the one in which every store has a folder of its own adapters."
            )

    def of(self, stores: Sequence[str | None]) -> FittedRows:
        """The adapters that price rows of these stores now, shape (B,).

        Raises
        ------
        AdapterError
            A store's promoted adapter is broken or another base's.
        """
        found = {store: self._at(place) for store, place in self._places(set(stores)).items()}
        return FittedRows(self, tuple(found.get(store) for store in stores))

    def _places(self, stores: set[str | None]) -> dict[str | None, Path]:
        """The adapter or shelf of each store that has one."""
        if not self.by_store:
            return dict.fromkeys(stores, self._place)
        # Names are compared here, not by the file system: some take `Shop` for `shop`.
        there = set(os.listdir(self._place))  # noqa: PTH208  # names only: a thousand stores cost a millisecond
        named = {store: store_folder(store) for store in stores if store}
        return {store: self._place / name for store, name in named.items() if name in there}

    def _at(self, place: Path) -> Adapter | None:
        """The adapter that a folder stands for, read again only where its files were replaced."""
        stamp = [_stamp(place / name) for name in (POINTER_FILE, WEIGHTS_FILE, CONFIG_FILE)]
        known = self._known.get(place)
        if known is None or known[0] != stamp or not any(stamp):
            folder = adapter_folder(place)
            adapter = None
            if folder is not None:
                adapter = Adapter(folder, folder_digest(folder, "adapter"))
                check_base(folder, self._base.digest)
            known = self._known[place] = stamp, adapter
        return known[1]

    @contextmanager
    def applied(self, adapters: Sequence[Adapter | None]) -> Iterator[PolicyModel]:
        """The network with each row of its batch, shape (B, ...), going through its own adapter.

        Holds for the calling thread.
        """
        runs, start = [], 0
        for adapter, group in groupby(adapters):
            stop = start + sum(1 for _ in group)
            if adapter is not None:
                runs.append((slice(start, stop), self._updates(adapter)))
            start = stop
        self._rows.runs = runs
        try:
            yield self.network
        finally:
            self._rows.runs = ()

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        def add(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            for rows, updates in getattr(self._rows, "runs", ()):
                if name in updates:
                    down, up = updates[name]
                    output[rows] += linear(linear(inputs[0][rows], down), up)
            return output

        return add

    def _updates(self, adapter: Adapter) -> Updates:
        with self._loading:
            if adapter.digest not in self._loaded:
                self._loaded[adapter.digest] = self._read(adapter.folder)
            self._loaded.move_to_end(adapter.digest)
            while len(self._loaded) > self._keep:
                self._loaded.popitem(last=False)  # whoever computes with it holds it still
            return self._loaded[adapter.digest]

    def _read(self, folder: Path) -> Updates:
        try:
            config = json.loads((folder / CONFIG_FILE).read_text())
            tensors = load_file(folder / WEIGHTS_FILE, device=str(self.network.device))
        except (OSError, ValueError, SafetensorError) as error:
            raise AdapterError(
                "unreadable",
                "The adapter in '{folder}' cannot be read ({error}). "
                "Roll back to the one before it: `pricing-assistant adapters rollback --out '{shelf}'`.",
                folder=str(folder),
                shelf=str(folder.parent),
                error=str(error),
            ) from error
        plain = config.get("peft_type") == "LORA" and config.get("bias") == "none"
        if not plain or any(config.get(name) for name in _OTHER_KINDS):
            raise _unknown_kind(folder)
        updates = {}
        for key, down in tensors.items():
            if not key.endswith(_DOWN):
                continue
            layer = key.removeprefix("base_model.model.").removesuffix(_DOWN)
            up = tensors.get(key.removesuffix(_DOWN) + _UP)
            if up is None or layer not in self._layers:
                raise _unknown_kind(folder)
            rank, weight = down.shape[0], self.network.get_parameter(f"{layer}.weight")
            if sorted((down.shape[1], up.shape[0])) != sorted(weight.shape):
                raise another_base(folder, self._base.digest)
            scale = config["lora_alpha"] / (math.sqrt(rank) if config.get("use_rslora") else rank)
            updates[layer] = down.float(), up.float() * scale
        if 2 * len(updates) != len(tensors):
            raise _unknown_kind(folder)
        return updates


@dataclass(frozen=True)
class FittedRows:
    """Which adapter each of B products goes through; None is the base."""

    pool: AdapterPool
    adapters: tuple[Adapter | None, ...]

    @property
    def network(self) -> PolicyModel:
        return self.pool.network

    def hash_of(self, row: int) -> str | None:
        """Hash of a row's adapter as records carry it, None for the base."""
        adapter = self.adapters[row]
        return None if adapter is None else adapter.digest[:16]

    def take(self, index: NDArray) -> FittedRows:
        """The rows at `index`."""
        return FittedRows(self.pool, tuple(self.adapters[i] for i in index))

    @contextmanager
    def applied(self, rows: slice) -> Iterator[PolicyModel]:
        """The network, for batches of just these rows."""
        with self.pool.applied(self.adapters[rows]) as network:
            yield network


_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
_OTHER_KINDS = (
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
    "layer_replication",
)
"""Settings of peft with which an adapter is more than two matrices a layer."""


def _unknown_kind(folder: Path) -> AdapterError:
    return AdapterError(
        "unknown_kind",
        "The adapter in '{folder}' is not one of ours: plain LoRA on the policy's linear layers is all that "
        "runs beside others. Train it with `pricing-assistant fine-tune`.",
        folder=str(folder),
    )


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Changes whenever a file is replaced; None where there is none."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _sharing_weights(network: PolicyModel) -> PolicyModel:
    """Another network of the same weights, which are in memory once."""
    shared: dict[int, Any] = {id(p): nn.Parameter(p.data, requires_grad=False) for p in network.parameters()}
    return copy.deepcopy(network, shared).eval()
