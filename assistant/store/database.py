"""Where the store lives: the address, the engine, its transactions, the schema version, and clear errors."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

FILE_NAME = "store.sqlite"
VERSION_TABLE = "pricing_assistant_version"
MIGRATIONS = Path(__file__).parent / "migrations"

WAIT_SECONDS = 30.0
"""How long one writer waits for another before it gives up."""
_LOCK = 0x70726963
"""PostgreSQL's advisory lock: one writer at a time there too, so that imports see all they compare with."""

_MIGRATING = threading.Lock()
"""Alembic keeps its state in module globals: two threads that open two stores must take turns."""


class StoreError(RuntimeError):
    """The store cannot do what was asked; the message says why and what to do."""


def data_home(home: str | Path | None = None) -> Path:
    """The folder of this shop's data: `home`, else PRICING_ASSISTANT_HOME, else the platform's own."""
    import platformdirs

    chosen = home or os.environ.get("PRICING_ASSISTANT_HOME")
    return Path(chosen or platformdirs.user_data_dir("pricing-assistant", appauthor=False)).expanduser()


def is_shop_named() -> bool:
    """Whether the surroundings say where the shop is kept, so that none has to be assumed."""
    names = ("PRICING_ASSISTANT_HOME", "PRICING_ASSISTANT_DATABASE_URL")
    return any(os.environ.get(name) for name in names)


def has_store(home: str | Path | None = None) -> bool:
    """Whether this shop has a store already: an address of a database, or its SQLite file."""
    address = None if home else os.environ.get("PRICING_ASSISTANT_DATABASE_URL")
    return bool(address) or (data_home(home) / FILE_NAME).exists()


def database_url(url: str | None, home: str | Path | None) -> sa.URL:
    """The database: `url`, else SQLite in `home`, else PRICING_ASSISTANT_DATABASE_URL, else SQLite.

    Raises `StoreError` where the address cannot be read or the folder cannot be made.
    """
    text = url or (None if home else os.environ.get("PRICING_ASSISTANT_DATABASE_URL"))
    if text:
        try:
            address = sa.make_url(text)
        except ArgumentError:
            raise StoreError(
                "The database address is not understood. Set PRICING_ASSISTANT_DATABASE_URL to one such "
                "as postgresql://user:password@host:5432/shop, or unset it to keep the data in a local file."
            ) from None
        backend = address.drivername.split("+")[0]
        if backend in ("postgres", "postgresql"):
            return address.set(drivername="postgresql+psycopg")
        if backend == "sqlite" and address.database not in (None, "", ":memory:"):
            return address
        raise StoreError(
            f"The database address {address.render_as_string()} is not supported. Use postgresql://..., "
            "sqlite:///a/file, or unset PRICING_ASSISTANT_DATABASE_URL to keep the data in a local file."
        )
    folder = data_home(home)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The data folder {folder} cannot be made ({error.strerror}). "
            "Set PRICING_ASSISTANT_HOME, or pass --data-dir, to a folder that you may write to."
        ) from error
    return sa.URL.create("sqlite", database=str(folder / FILE_NAME))


class Database:
    """One engine, shared by all threads; `read` and `write` open short sessions on it."""

    def __init__(self, url: sa.URL) -> None:
        dumps = partial(json.dumps, ensure_ascii=False, allow_nan=False)
        arguments: dict[str, Any] = {"timeout": WAIT_SECONDS} if url.drivername == "sqlite" else {}
        self.url = url
        with self._explained():
            self._engine = sa.create_engine(url, json_serializer=dumps, connect_args=arguments)
        if self.is_sqlite:
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        self._writer = self._engine.execution_options(writes=True)
        self._together = threading.local()

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the store."""
        with self._explained(), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is the only writer; it is kept whole at the end, or dropped whole on any error.

        Inside another `write` of the same thread it is that one's session, kept or dropped with it.
        """
        if (outer := getattr(self._together, "session", None)) is not None:
            yield outer
            return
        with self._explained(), Session(self._writer) as session, session.begin():
            if not self.is_sqlite:
                session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            self._together.session = session
            try:
                yield session
            finally:
                self._together.session = None

    def migrate(self) -> None:
        """Bring the schema to this program's version; nothing is done, nor Alembic imported, when it is."""
        known = sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
        with self.read() as session:
            version = _version(session)
        if version == known[-1]:
            return
        if version is not None and version not in known:
            raise StoreError(
                f"The store at {self.place} has version {version}; this program knows up to {known[-1]}. "
                "A newer pricing-assistant made it: upgrade with `pip install --upgrade pricing-assistant`, "
                "or choose another folder with --data-dir."
            )
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        with _MIGRATING, self.write() as session:
            config.attributes["connection"] = session.connection()
            command.upgrade(config, "head")

    def close(self) -> None:
        self._engine.dispose()

    @property
    def place(self) -> str:
        """The database as a person would name it, without its password."""
        return str(self.url.database) if self.is_sqlite else self.url.render_as_string()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn a failing database into a `StoreError`; programming errors pass as they are."""
        try:
            yield
        except IntegrityError:
            raise
        except (DBAPIError, sqlite3.Error) as error:
            cause = " ".join(str(getattr(error, "orig", error)).split())
            raise StoreError(f"{self._diagnosis(cause)} (The database said: {cause})") from error
        except ModuleNotFoundError as error:
            if error.name != "psycopg":
                raise
            raise StoreError(
                "PostgreSQL needs its driver: `pip install 'pricing-assistant[postgres]'`, or unset "
                "PRICING_ASSISTANT_DATABASE_URL to keep the data in a local file."
            ) from error

    def _diagnosis(self, cause: str) -> str:
        if "not a database" in cause or "malformed" in cause:
            return (
                f"The file {self.place} is damaged or not a store of ours. Restore it from a backup, "
                "or move it away and import your sales again."
            )
        if "unable to open" in cause or "readonly" in cause or "attempt to write" in cause:
            return (
                f"The file {self.place} cannot be opened for writing. Check its permissions, or choose "
                "another folder with PRICING_ASSISTANT_HOME or --data-dir."
            )
        if "locked" in cause:
            return f"Another program kept {self.place} busy for {WAIT_SECONDS:.0f} s. Close it and try again."
        if "full" in cause or "disk I/O" in cause:  # SQLite calls a full disk either
            return (
                f"There is no room left to write to {self.place}, or its disk fails. Free some space first."
            )
        return f"The database {self.place} cannot be used. Check that it is running and reachable."


def _version(session: Session) -> str | None:
    """The schema's version, None for a database that has none of our tables yet."""
    if not sa.inspect(session.connection()).has_table(VERSION_TABLE):
        return None
    version: str | None = session.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return version


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the driver would otherwise begin transactions late, and not for DDL
    for pragma in ("journal_mode=WAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes its lock at once: a reader that turns writer later can fail without waiting.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
