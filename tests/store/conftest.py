"""The tests of the store run on SQLite and, where a server can be started here, on PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from assistant.store import Store

_numbers = count()


def _server_programs() -> Path | None:
    found = [str(path) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    initdb = shutil.which("initdb") or max(found, default=None)
    return None if initdb is None else Path(initdb).resolve().parent


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sa.URL]:
    """A throwaway PostgreSQL server on a Unix socket."""
    pytest.importorskip("psycopg", reason="no driver: pip install 'pricing-assistant[postgres]'")
    programs = _server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server: neither initdb on the path nor in /usr/lib/postgresql")
    # The server refuses to run as root, and must reach its folder, which pytest's own would not let it.
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        shutil.chown(folder, user)

        def run(program: str, *arguments: str) -> None:
            command = [str(programs / program), "-D", f"{folder}/data", *arguments]
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

        run("initdb", "-U", "shop", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", f"-k {folder} -h '' -F", "start")
        try:
            yield sa.URL.create("postgresql", "shop", database="postgres", query={"host": folder})
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database of this test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shop.sqlite"
    server: sa.URL = request.getfixturevalue("postgresql")
    name = f"shop{next(_numbers)}"
    admin = sa.create_engine(server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return server.set(database=name).render_as_string()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.open(url=url)
    yield store
    store.close()


@pytest.fixture
def engine(store: Store, url: str) -> Iterator[sa.Engine]:
    """The store's database, for looking behind the store's back."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()
