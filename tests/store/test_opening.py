"""A store opens where it should, at the version it should, or says in one line what to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from shops import sales, shop

from assistant.store import Store, StoreError
from assistant.store.database import MIGRATIONS, VERSION_TABLE
from assistant.store.schema import Base


def test_migrations_build_the_mapped_tables(engine: sa.Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_keeps_what_is_there(store: Store, engine: sa.Engine, url: str) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    with engine.connect() as connection:
        assert connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")) == "0002"
    again = Store.open(url=url)
    pd.testing.assert_frame_equal(again.history(), store.history())
    assert again.identity == store.identity
    again.close()


def test_an_older_store_is_brought_up_to_date_and_loses_nothing(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    engine = sa.create_engine(f"sqlite:///{tmp_path}/store.sqlite")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            "INSERT INTO products VALUES (1, '', 'A', NULL, NULL, 'USD')",
            "INSERT INTO decisions VALUES (1, 'A', '', '2026-01-01', 'agent', 9, 10, NULL, 'm', NULL, 'r', "
            "'h', '{}')",
            "INSERT INTO price_ledger VALUES (1, 1, '2026-02-02', 9, 'decision', NULL, 1, '2026-01-01')",
        ):
            connection.execute(sa.text(statement))
    engine.dispose()
    store = Store.open(home=tmp_path)
    verdict = store.verdict("D1")
    assert verdict is not None
    assert (verdict.verdict, verdict.price, verdict.effective_from) == ("approved", 9.0, date(2026, 2, 2))
    store.withdraw_verdict("D1", actor="Ann")
    assert store.price_ledger("A")["price"].tolist() == [9.0, 10.0]
    assert len(store.identity) == 32
    store.close()


def test_a_store_of_a_newer_program_is_refused(engine: sa.Engine, url: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"version 9999.*pip install --upgrade"):
        Store.open(url=url)


def test_many_open_a_new_store_at_once(tmp_path: Path) -> None:
    homes = [tmp_path / str(i % 2) for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda home: Store.open(home=home), homes))
    for i, store in enumerate(stores):
        store.import_history(sales(sku=f"{i}"), source="x", content_hash=f"{i}")
    assert [len(store.products()) for store in stores] == [3] * 6
    for store in stores:
        store.close()


def test_a_named_folder_comes_before_the_environment(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Store.open().place == str(home / "store.sqlite")
    monkeypatch.setenv("PRICING_ASSISTANT_DATABASE_URL", f"sqlite:///{tmp_path}/other.sqlite")
    assert Store.open().place == str(tmp_path / "other.sqlite")
    assert Store.open(home=tmp_path / "upload 100%").place == str(tmp_path / "upload 100%" / "store.sqlite")


@pytest.mark.parametrize("content", [b"sku,price\nA,10\n" * 100, bytes(range(256)) * 40])
def test_a_file_that_is_no_store_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=r"store\.sqlite is damaged.*backup"):
        Store.open(home=tmp_path)
    assert (tmp_path / "store.sqlite").read_bytes() == content


def test_damage_inside_a_store_is_named(tmp_path: Path) -> None:
    store = Store.open(home=tmp_path)
    store.import_history(shop(20, 100), source="a.csv", content_hash="1")
    store.close()
    file = tmp_path / "store.sqlite"
    content = bytearray(file.read_bytes())
    content[4096 * 24 :] = b"\xff" * (len(content) - 4096 * 24)
    file.write_bytes(bytes(content))
    with pytest.raises(StoreError, match="damaged"):
        Store.open(home=tmp_path).history()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file.*PRICING_ASSISTANT_HOME"):
        Store.open(home=tmp_path / "file")
    (tmp_path / "store.sqlite").mkdir()
    with pytest.raises(StoreError, match=r"cannot be opened.*PRICING_ASSISTANT_HOME"):
        Store.open(home=tmp_path)


@pytest.mark.parametrize("url", ["mysql://user:secret@host/db", "sqlite://", "not an address"])
def test_an_address_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StoreError, match="PRICING_ASSISTANT_DATABASE_URL") as error:
        Store.open(url=url)
    assert "secret" not in str(error.value)


def test_a_disk_without_room_is_one_clear_line(home: Path) -> None:
    resource = pytest.importorskip("resource")
    store = Store.open(home=home)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(StoreError, match="no room left"):
            store.note("said", {"text": "x" * 100_000}, actor="merchant")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
