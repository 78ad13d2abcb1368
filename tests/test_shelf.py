"""The shelf of a store's adapters: promotion, rollback, deletion, and what a crash or a full disk leaves."""

from __future__ import annotations

import errno
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_adapters import write_adapter
from small_networks import tiny_network

from policy.model.adapter_files import AdapterError, folder_digest, store_folder
from policy.model.adapter_folders import adapter_folder
from policy.model.loading import load_model
from policy.model.shelf import Broken, Shelf

Write = Callable[[Path], None]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_network().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def write(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Writes the same small adapter."""
    made = tmp_path_factory.mktemp("made") / "adapter"
    write_adapter(made, seed=0, base=base)

    def copy(folder: Path) -> None:
        for file in made.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())

    return copy


@pytest.fixture
def shelf(tmp_path: Path, write: Write) -> Shelf:
    """Three versions, of which the first and then the second were promoted."""
    shelf = Shelf(tmp_path / "adapters")
    for number in range(3):
        shelf.add(write, {"products": number}, promote=number < 2)
    return shelf


def state(shelf: Shelf) -> dict[str, bytes]:
    """Every file of the shelf."""
    files = (file for file in shelf.root.rglob("*") if file.is_file())
    return {str(file.relative_to(shelf.root)): file.read_bytes() for file in files}


def test_a_version_tells_what_it_is(shelf: Shelf, base: Path) -> None:
    first, second, third = shelf.versions()
    assert [v.name for v in (first, second, third)] == ["0001", "0002", "0003"]
    assert [v.promoted for v in (first, second, third)] == [False, True, False]
    assert third.report["products"] == 2
    loaded = load_model(str(base), adapter=str(third.folder))
    assert third.digest == loaded.adapter_digest == third.report["adapter"]
    assert third.base == loaded.digest
    assert third.bytes == sum(file.stat().st_size for file in third.folder.iterdir())
    assert third.created_at.endswith("+00:00")
    assert json.loads(json.dumps(third.to_dict()))["name"] == third.report["version"]


def test_an_empty_shelf_needs_no_folder(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "nothing")
    assert (shelf.versions(), shelf.broken(), shelf.promoted) == ([], [], None)
    with pytest.raises(AdapterError, match="nothing to roll back"):
        shelf.rollback()
    assert not shelf.root.exists()


def test_rollback_goes_back_step_by_step_to_the_base(shelf: Shelf) -> None:
    shelf.promote("3")
    rolled = [shelf.rollback() for _ in range(3)]
    assert [version and version.name for version in rolled] == ["0002", "0001", None]
    assert shelf.promoted is None
    assert adapter_folder(shelf.root) is None
    with pytest.raises(AdapterError) as refused:
        shelf.rollback()
    assert refused.value.code == "nothing_promoted"


def test_promoting_twice_is_promoting_once(shelf: Shelf) -> None:
    shelf.promote("0003")
    shelf.promote("0003")
    back = shelf.rollback()
    assert back is not None and back.name == "0002"


def test_the_promoted_version_is_not_deleted(shelf: Shelf) -> None:
    before = state(shelf)
    with pytest.raises(AdapterError, match="Roll back first"):
        shelf.delete("0002")
    assert state(shelf) == before
    shelf.rollback()
    shelf.delete("0002")
    assert [v.name for v in shelf.versions()] == ["0001", "0003"]


def test_rollback_passes_over_what_was_deleted(shelf: Shelf, write: Write) -> None:
    shelf.promote("0003")
    shelf.promote("0002")
    shelf.delete("0003")
    shelf.delete("0001")
    assert shelf.rollback() is None


def test_a_number_is_never_given_again(shelf: Shelf, write: Write) -> None:
    shelf.delete("0003")
    assert shelf.add(write, {}, promote=False).name == "0004"


@pytest.mark.parametrize("name", ["0009", "work", "../0001", "", "promoted.json", "1e3", "²"])
def test_an_unknown_version_is_named(shelf: Shelf, name: str) -> None:
    for change in (shelf.promote, shelf.delete, shelf.version):
        with pytest.raises(AdapterError, match="0001, 0002, 0003"):
            change(name)


# Crashes


@pytest.mark.parametrize("promote", [True, False])
def test_a_full_disk_leaves_what_was_there(shelf: Shelf, write: Write, promote: bool) -> None:
    before = state(shelf)

    def full(folder: Path) -> None:
        write(folder)
        weights = folder / "adapter_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:100])
        raise OSError(errno.ENOSPC, "No space left on device", str(weights))

    with pytest.raises(OSError, match="No space left"):
        shelf.add(full, {}, promote=promote)
    assert state(shelf) == before
    assert shelf.broken() == []


@pytest.mark.parametrize("at", ["report.json", "promoted.json", "replace"])
def test_a_disk_that_fills_up_later_changes_no_promotion(
    shelf: Shelf, write: Write, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from policy.model import shelf as module

    def full(file: Path, text: str) -> None:
        file.write_text(text[:5])
        if at == file.name or (at == "promoted.json" and file.name.endswith("-promoted.json")):
            raise OSError(errno.ENOSPC, "No space left on device")
        file.write_text(text)

    def stuck(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_durably", full)
    if at == "replace":
        monkeypatch.setattr(Path, "replace", stuck)
    before = state(shelf)
    with pytest.raises(OSError, match="No space left"):
        shelf.add(write, {}, promote=True)
    monkeypatch.undo()
    now = state(shelf)
    assert shelf.promoted is not None and shelf.promoted.name == "0002"
    assert {name: now[name] for name in before} == before
    assert shelf.broken() == []
    with pytest.raises(OSError, match="No space left"):
        monkeypatch.setattr(module, "write_durably", full)
        monkeypatch.setattr(Path, "replace", stuck)
        shelf.promote("0001")
    assert state(shelf) == now


def test_what_a_killed_run_leaves_is_named_and_can_be_deleted(shelf: Shelf, write: Write) -> None:
    draft = shelf.root / ".draft-0a1b2c3d"
    draft.mkdir()
    write(draft)
    assert [version.name for version in shelf.versions()] == ["0001", "0002", "0003"]
    assert shelf.broken() == [Broken(draft.name, "unfinished")]
    shelf.delete(draft.name)
    assert shelf.broken() == []


@pytest.mark.parametrize(
    ("file", "content", "code"),
    [
        ("adapter_model.safetensors", b"", "damaged"),
        ("adapter_model.safetensors", b"\xff" * 50, "damaged"),
        ("adapter_model.safetensors", None, "missing"),
        ("base.json", b"{}", "damaged"),
        ("adapter_config.json", b'{"peft_type', "damaged"),
        ("report.json", b"[]", "damaged"),
        ("report.json", b"\xff\xfe", "damaged"),
    ],
)
def test_a_broken_version_is_named_and_the_rest_goes_on(
    shelf: Shelf, file: str, content: bytes | None, code: str
) -> None:
    damaged = shelf.root / "0003" / file
    damaged.unlink() if content is None else damaged.write_bytes(content)
    assert [version.name for version in shelf.versions()] == ["0001", "0002"]
    assert shelf.broken() == [Broken("0003", code, file)]
    assert shelf.promoted is not None
    with pytest.raises(AdapterError, match=f"0003.*{code}"):
        shelf.promote("0003")
    shelf.delete("0003")
    assert shelf.broken() == []


def test_cut_off_weights_are_noticed(shelf: Shelf) -> None:
    weights = shelf.root / "0002" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(AdapterError, match=r"0002.*safetensors is damaged.*rollback"):
        _ = shelf.promoted
    back = shelf.rollback()
    assert back is not None and back.name == "0001"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"promoted": "../x", "before": []}', '{"promoted": 3}'])
def test_a_damaged_pointer_is_named_and_promotion_mends_it(shelf: Shelf, content: str) -> None:
    (shelf.root / "promoted.json").write_text(content)
    assert len(shelf.versions()) == 3
    assert [it.name for it in shelf.broken()] == ["promoted.json"]
    for use in (lambda: shelf.promoted, shelf.rollback):
        with pytest.raises(AdapterError, match="cannot be read"):
            use()
    shelf.promote("0001")
    assert shelf.broken() == []
    assert shelf.promoted is not None and shelf.promoted.name == "0001"


def test_an_adapter_without_its_base_is_not_taken(shelf: Shelf, write: Write) -> None:
    before = state(shelf)

    def careless(folder: Path) -> None:
        write(folder)
        (folder / "base.json").unlink()

    with pytest.raises(AdapterError, match=r"base\.json is missing"):
        shelf.add(careless, {}, promote=True)
    assert state(shelf) == before


def _add_some(root: str, made: str, count: int) -> None:
    def copy(folder: Path) -> None:
        for file in Path(made).iterdir():
            (folder / file.name).write_bytes(file.read_bytes())

    for _ in range(count):
        Shelf(root).add(copy, {}, promote=True)


def test_processes_that_add_at_once_get_numbers_of_their_own(shelf: Shelf, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    made = str(shelf.root / "0001")
    running = [context.Process(target=_add_some, args=(str(shelf.root), made, 5)) for _ in range(3)]
    for process in running:
        process.start()
    for process in running:
        process.join(30)
    assert len(shelf.versions()) == 18
    assert all(version.report["version"] == version.name for version in shelf.versions())
    assert shelf.broken() == []
    assert shelf.promoted is not None


# Folders


def test_a_folder_stands_for_its_adapter(shelf: Shelf, base: Path, tmp_path: Path) -> None:
    assert adapter_folder(shelf.root) == shelf.root / "0002"
    assert adapter_folder(shelf.root / "0001") == shelf.root / "0001"
    assert load_model(str(base), adapter=str(shelf.root)).adapter_digest == folder_digest(
        shelf.root / "0002", "adapter"
    )
    (tmp_path / "running" / "work").mkdir(parents=True)
    assert adapter_folder(tmp_path / "running") is None
    for other in (base, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="No adapter in"):
            adapter_folder(other)


def test_every_store_has_a_folder_of_its_own() -> None:
    stores: list[Any] = [
        "a",
        "A",
        ".",
        "..",
        "...",
        "a/b",
        "a%2Fb",
        "店" * 40,
        "店" * 41,
        "a b",
        "%2E",
        "a\\b",
    ]
    names = [store_folder(store) for store in stores]
    assert len(set(names)) == len(stores)
    assert all(len(name) < 255 and "/" not in name and "\\" not in name and name.strip(".") for name in names)
    assert store_folder("north") == "north"
    assert store_folder("a b/東") == "a%20b%2F%E6%9D%B1"
