"""Adapters of many stores on one base: mixed in a batch, lazy, apart from each other, rolled back at once."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from peft import PeftModel
from small_adapters import shelve, write_adapter
from small_networks import tiny_network
from test_pipeline import product
from transformers import GPT2Config, GPT2Model

from policy import HistoryError, PricingPipeline
from policy.model import pool as pool_module
from policy.model.adapter_files import AdapterError, store_folder
from policy.model.loading import load_model
from policy.model.pool import AdapterPool
from policy.model.shelf import Shelf
from policy.model.transformer import PolicyModel

STORES = {"north": 4, "south": 8, "west/end 东": 2}
"""Stores with an adapter, and its rank. `bare` has none."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_network().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def saved(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shelf a store."""
    root = tmp_path_factory.mktemp("stores")
    for seed, (store, rank) in enumerate(STORES.items()):
        shelve(root / store_folder(store), seed=seed, base=base, rank=rank)
    return root


@pytest.fixture
def root(saved: Path, tmp_path: Path) -> Path:
    """The same, to be changed at will."""
    return Path(shutil.copytree(saved, tmp_path / "stores"))


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    """Three products in each of four stores, of different lengths, so that batches are padded."""
    return pd.concat(
        product(f"P{i}", seed=i, weeks=30 + 10 * i).assign(store=store)
        for store in [*STORES, "bare"]
        for i in range(3)
    )


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The weights read since."""
    seen: list[Path] = []
    original = pool_module.load_file

    def counted(file: Path, **options: Any) -> Any:
        seen.append(Path(file))
        return original(file, **options)

    monkeypatch.setattr(pool_module, "load_file", counted)
    return seen


@pytest.fixture(scope="module")
def opened() -> Iterator[list[str]]:
    """Every file that Python opens; a hook cannot be taken away, so there is one for the module."""
    files: list[str] = []
    listening = [True]
    sys.addaudithook(
        lambda event, args: files.append(str(args[0])) if listening and event == "open" else None
    )
    yield files
    listening.clear()


def records(pipe: PricingPipeline, history: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Records of each store."""
    found: dict[str, list[dict[str, Any]]] = {}
    for record in pipe.recommend(history):
        found.setdefault(str(record.store), []).append(record.to_dict())
    return found


# One batch


def test_a_mixed_batch_is_what_each_adapter_says_alone(base: Path, root: Path) -> None:
    model = load_model(str(base))
    pool = AdapterPool(model, root, by_store=True)
    torch.manual_seed(1)
    features = torch.randn(6, 20, model.network.config.features)
    padding = torch.zeros(6, 20, dtype=torch.bool)
    padding[2, :7] = padding[4, :3] = True
    stores = ["north", "south", "north", None, "west/end 东", "bare"]
    with torch.inference_mode(), pool.applied(pool.of(stores).adapters) as network:
        mixed = network(features, padding).log_curves
    for row, store in enumerate(stores):
        alone: Any = load_model(str(base)).network
        if store in STORES:
            folder = Shelf(root / store_folder(store)).promoted.folder
            alone = PeftModel.from_pretrained(alone, str(folder)).eval()
        with torch.inference_mode():
            expected = alone(features[row : row + 1], padding[row : row + 1]).log_curves
            plain = model.network(features[row : row + 1], padding[row : row + 1]).log_curves
        real = ~padding[row]
        assert torch.allclose(mixed[row][real], expected[0][real], atol=1e-5)
        assert torch.allclose(expected, plain, atol=1e-2) == (store not in STORES)


def test_stores_in_one_call_are_priced_as_each_alone(base: Path, root: Path, history: pd.DataFrame) -> None:
    together = PricingPipeline.from_pretrained(str(base), adapters=root).recommend(history)
    hashes = {}
    for store in [*STORES, "bare"]:
        place = root / store_folder(store)
        one = PricingPipeline.from_pretrained(str(base), adapter=place if place.exists() else None)
        # The whole history, since a product counts as stale by the newest date of all.
        alone = [r for r in one.recommend(history) if r.store == store]
        same = [r for r in together if r.store == store]
        hashes[store] = {r.adapter_hash for r in same}
        assert [r.adapter_hash for r in alone] == [r.adapter_hash for r in same]
        for a, b in zip(alone, same, strict=True):
            assert a.keep is not None and b.keep is not None
            assert b.keep.units.mean == pytest.approx(a.keep.units.mean, rel=1e-5)
            assert b.elasticity.mean == pytest.approx(a.elasticity.mean, rel=1e-5)
    assert hashes["bare"] == {None}
    assert len(set.union(*hashes.values())) == len(STORES) + 1


def test_every_method_goes_through_the_stores_adapter(base: Path, root: Path, history: pd.DataFrame) -> None:
    many = PricingPipeline.from_pretrained(str(base), adapters=root)
    one = PricingPipeline.from_pretrained(str(base), adapter=root / "north")
    plain = PricingPipeline.from_pretrained(str(base))
    north = history[history.store == "north"]
    future = pd.DataFrame({"store": "north", "sku": "P0", "date": ["2027-01-04"], "price": 20.0})

    def answers(pipe: PricingPipeline) -> list[float]:
        asked = pipe.what_if(north, sku="P0", price=19.0)
        curve = pipe.demand_curve(north)[0]
        return [asked.at.units.mean, curve.elasticity.mean, pipe.predict_demand(north, future)["mean"][0]]

    assert answers(many) == pytest.approx(answers(one), rel=1e-5)
    assert all(abs(a / b - 1) > 1e-3 for a, b in zip(answers(many), answers(plain), strict=True))


def test_adapters_run_on_a_language_models_transposed_layers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    GPT2Model(GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=50, n_positions=256)).save_pretrained(
        tmp_path / "gpt2"
    )
    PolicyModel.on_backbone(str(tmp_path / "gpt2")).save_pretrained(tmp_path / "base")
    write_adapter(tmp_path / "adapter", seed=0, base=tmp_path / "base")
    model = load_model(str(tmp_path / "base"))
    pool = AdapterPool(model, tmp_path / "adapter")
    features = torch.randn(2, 9, model.network.config.features)
    inside = load_model(str(tmp_path / "base"), adapter=str(tmp_path / "adapter")).network
    with torch.inference_mode(), pool.applied(pool.of([None, None]).adapters) as network:
        assert torch.allclose(network(features).log_curves, inside(features).log_curves, atol=1e-5)


# Lazy


def test_a_thousand_adapters_cost_nothing_until_used(
    base: Path, saved: Path, tmp_path: Path, history: pd.DataFrame, reads: list[Path], opened: list[str]
) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for number in range(1000):
        shelf = root / f"store {number}".replace(" ", "%20")
        shelf.mkdir()
        (shelf / "promoted.json").write_text('{"promoted": "0001", "before": [null]}')
        (shelf / "0001").symlink_to(saved / "north" / "0001")
    opened.clear()
    pipe = PricingPipeline.from_pretrained(str(base), adapters=root)
    assert not [name for name in opened if name.startswith(str(root))]
    assert reads == []
    pipe.recommend(history[history.store == "north"].assign(store="store 7"))
    used = {Path(name).relative_to(root).parts[0] for name in opened if name.startswith(str(root))}
    assert used == {"store%207"}
    assert [file.relative_to(root).parts[0] for file in reads] == ["store%207"]
    pipe.recommend(history[history.store == "north"].assign(store="store 7"))
    assert len(reads) == 1


def test_only_the_adapters_used_last_stay_in_memory(
    base: Path, root: Path, history: pd.DataFrame, reads: list[Path]
) -> None:
    pool = AdapterPool(load_model(str(base)), root, by_store=True, keep=2)
    pipe = PricingPipeline(load_model(str(base)), pool)

    def ask(store: str) -> list[str]:
        reads.clear()
        pipe.demand_curve(history[history.store == store])
        return [file.parts[-3] for file in reads]

    assert ask("north") == ["north"]
    assert ask("south") == ["south"]
    assert ask("north") == []
    assert ask("west/end 东") == [store_folder("west/end 东")]  # puts out the south's, used longest ago
    assert ask("north") == []
    assert ask("south") == ["south"]
    everything = records(pipe, history)  # more adapters in one batch than are kept
    assert everything == records(PricingPipeline.from_pretrained(str(base), adapters=root), history)


def test_the_base_is_in_memory_once(base: Path, root: Path) -> None:
    model = load_model(str(base))
    pool = AdapterPool(model, root, by_store=True)
    for own, shared in zip(model.network.parameters(), pool.network.parameters(), strict=True):
        assert own.data_ptr() == shared.data_ptr()
        assert own.requires_grad  # the base is left as it was


# Promotion


def test_promotion_and_rollback_hold_from_the_next_call_on(
    base: Path, root: Path, history: pd.DataFrame, reads: list[Path]
) -> None:
    pipe = PricingPipeline.from_pretrained(str(base), adapters=root)
    first = records(pipe, history)
    new = shelve(root / "north", seed=99, base=base, rank=16)
    second = records(pipe, history)
    assert (
        {r["adapter_hash"] for r in second["north"]}
        == {new.digest[:16]}
        != {first["north"][0]["adapter_hash"]}
    )
    assert second["north"][0]["keep"] != first["north"][0]["keep"]
    Shelf(root / "north").rollback()
    reads.clear()
    assert records(pipe, history) == first
    assert reads == []  # it was still in memory
    Shelf(root / "north").rollback()
    assert records(pipe, history)["north"][0]["adapter_hash"] is None


def test_a_shelf_for_everybody_starts_with_the_base(
    base: Path, tmp_path: Path, history: pd.DataFrame
) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    pipe = PricingPipeline.from_pretrained(str(base), adapter=shelf)
    plain = records(PricingPipeline.from_pretrained(str(base)), history)
    assert records(pipe, history) == plain
    assert pipe.adapter_of() is None
    version = shelve(shelf, seed=1, base=base)
    assert pipe.adapter_of() == version.digest[:16]
    assert {r.adapter_hash for r in pipe.recommend(history)} == {version.digest[:16]}
    assert records(pipe.with_adapter(None), history) == plain
    alone = PricingPipeline.from_pretrained(str(base), adapter=version.folder)
    assert records(alone, history) == records(pipe, history)


def test_a_record_says_by_which_adapter(base: Path, root: Path, history: pd.DataFrame) -> None:
    digest = load_model(str(base), adapter=str(root / "south")).adapter_digest
    every = records(PricingPipeline.from_pretrained(str(base), adapters=root), history)
    assert {r["adapter_hash"] for r in every["south"]} == {str(digest)[:16]}


# Isolation


def test_a_stores_rows_never_change_with_another_stores_adapter(
    base: Path, root: Path, history: pd.DataFrame
) -> None:
    pipe = PricingPipeline.from_pretrained(str(base), adapters=root)
    before = records(pipe, history)
    shelve(root / "south", seed=50, base=base, rank=3)
    shelve(root / "bare", seed=51, base=base)
    Shelf(root / store_folder("west/end 东")).rollback()
    after = records(pipe, history)
    assert after["north"] == before["north"]
    assert all(after[store] != before[store] for store in after if store != "north")


@pytest.mark.parametrize(
    "store", ["..", ".", "North", "NORTH", "north/../south", "north ", "%2E", "no" + "rth" * 99]
)
def test_no_name_of_a_store_reaches_another_stores_adapter(
    base: Path, root: Path, history: pd.DataFrame, store: str
) -> None:
    # As if the folder of stores were itself a shelf, and lay in one.
    for place in (root, root.parent):
        shutil.copytree(root / "north" / "0001", place / "0001")
        shutil.copy(root / "north" / "promoted.json", place / "promoted.json")
    pipe = PricingPipeline.from_pretrained(str(base), adapters=root)
    assert pipe.adapter_of(store) is None
    assert pipe.adapter_of("") is None
    own = shelve(root / store_folder(store), seed=7, base=base)
    assert pipe.adapter_of(store) == own.digest[:16]
    assert pipe.adapter_of("north") != own.digest[:16]


def test_threads_do_not_mix_stores_up(base: Path, root: Path, history: pd.DataFrame) -> None:
    pool = AdapterPool(load_model(str(base)), root, by_store=True, keep=1)
    pipe = PricingPipeline(load_model(str(base)), pool)
    parts = {store: history[history.store == store] for store in [*STORES, "bare"]}
    expected = {store: records(pipe, part) for store, part in parts.items()}
    wrong: list[str] = []

    def ask(store: str) -> None:
        for _ in range(3):
            if records(pipe, parts[store]) != expected[store]:
                wrong.append(store)

    threads = [threading.Thread(target=ask, args=(store,)) for store in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# What cannot be


def test_an_adapter_of_another_base_is_refused(base: Path, root: Path, tmp_path: Path) -> None:
    tiny_network(seed=1).save_pretrained(tmp_path / "other")
    for open_it in (
        lambda: PricingPipeline.from_pretrained(str(tmp_path / "other"), adapter=root / "north"),
        lambda: PricingPipeline.from_pretrained(str(tmp_path / "other"), adapters=root).adapter_of("north"),
    ):
        with pytest.raises(ValueError, match="another base") as refused:
            open_it()
        assert "\n" not in str(refused.value)


def test_a_broken_adapter_is_named_and_other_stores_go_on(
    base: Path, root: Path, history: pd.DataFrame
) -> None:
    weights = root / "north" / "0001" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    pipe = PricingPipeline.from_pretrained(str(base), adapters=root)
    with pytest.raises(AdapterError, match=r"0001.*north.*rollback"):
        pipe.recommend(history)
    assert pipe.recommend(history[history.store == "south"])[0].adapter_hash is not None
    Shelf(root / "north").rollback()
    assert len(pipe.recommend(history)) == 12


def test_an_adapter_that_is_more_than_two_matrices_a_layer_is_refused(
    base: Path, tmp_path: Path, history: pd.DataFrame
) -> None:
    write_adapter(tmp_path / "adapter", seed=0, base=base)
    config = tmp_path / "adapter" / "adapter_config.json"
    config.write_text(config.read_text().replace('"use_dora": false', '"use_dora": true'))
    pipe = PricingPipeline.from_pretrained(str(base), adapter=tmp_path / "adapter")
    with pytest.raises(AdapterError, match="plain LoRA"):
        pipe.recommend(history)


def test_a_history_without_stores_is_asked_for_them(base: Path, root: Path, history: pd.DataFrame) -> None:
    pipe = PricingPipeline.from_pretrained(str(base), adapters=root)
    with pytest.raises(HistoryError, match="no `store` column"):
        pipe.recommend(product("A", seed=1))


def test_a_folder_that_holds_no_adapter_says_so(base: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere", base):
        with pytest.raises(FileNotFoundError, match="No adapter in"):
            PricingPipeline.from_pretrained(str(base), adapter=place)
    with pytest.raises(FileNotFoundError, match="No folder"):
        PricingPipeline.from_pretrained(str(base), adapters=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="not both"):
        PricingPipeline.from_pretrained(str(base), adapter=tmp_path, adapters=tmp_path)
