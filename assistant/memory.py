"""Conversations in SQLite: each belongs to one store and one user, and nobody else can reach it."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver

from assistant.store import Store, data_home
from assistant.store.database import WAIT_SECONDS, StoreError

FILE = "conversations.sqlite"
LONGEST_TITLE = 80


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One conversation as a list of them shows it."""

    thread: str
    title: str
    """The first message, shortened."""
    started_at: dt.datetime
    updated_at: dt.datetime


class Memory:
    """The conversations of one user about one store. Threads of other stores and users are out of reach,
    though they are kept in the same file: every name is prefixed here with whose it is."""

    def __init__(self, store: Store, user: str) -> None:
        """Raises `StoreError` where the file cannot be used."""
        self._owner = f"{store.identity}/{quote(user, safe='')}/"
        # As long as the store waits for another program that writes.
        self._place = _file(store)
        self._connection = sqlite3.connect(self._place, timeout=WAIT_SECONDS, check_same_thread=False)
        self.checkpoints = SqliteSaver(self._connection)
        with self._explained(), self.checkpoints.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS conversations (thread_id TEXT PRIMARY KEY, owner TEXT NOT NULL, "
                "title TEXT NOT NULL, started_at TEXT NOT NULL, updated_at TEXT NOT NULL)"
            )

    def config(self, thread: str) -> RunnableConfig:
        """What the graph finds the conversation by."""
        return {"configurable": {"thread_id": self._owner + thread}}

    def said(self, thread: str, text: str) -> None:
        """Note a message of the user: the first one names the conversation.

        Raises `StoreError`, before anything else is done with the message, where it cannot be kept.
        """
        title = " ".join(text.split())
        title = title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"
        now = dt.datetime.now(dt.UTC).isoformat()
        with self._explained(), self.checkpoints.cursor() as cursor:
            cursor.execute(
                "INSERT INTO conversations VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (thread_id) DO UPDATE SET updated_at = excluded.updated_at",
                (self._owner + thread, self._owner, title, now, now),
            )

    def threads(self) -> list[Conversation]:
        """All conversations of this user about this store, the last spoken in first."""
        with self.checkpoints.cursor(transaction=False) as cursor:
            rows = cursor.execute(
                "SELECT thread_id, title, started_at, updated_at FROM conversations WHERE owner = ? "
                "ORDER BY updated_at DESC",
                (self._owner,),
            ).fetchall()
        return [
            Conversation(
                thread=thread.removeprefix(self._owner),
                title=title,
                started_at=dt.datetime.fromisoformat(started),
                updated_at=dt.datetime.fromisoformat(updated),
            )
            for thread, title, started, updated in rows
        ]

    def forget(self, thread: str) -> None:
        """Delete a conversation."""
        self.checkpoints.delete_thread(self._owner + thread)
        with self.checkpoints.cursor() as cursor:
            cursor.execute("DELETE FROM conversations WHERE thread_id = ?", (self._owner + thread,))

    def keep_latest(self, thread: str) -> None:
        """Drop the conversation's earlier states: each holds all messages up to it, and nobody goes back."""
        whose = self._owner + thread
        with self.checkpoints.cursor() as cursor:
            for table in ("checkpoints", "writes"):
                cursor.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < "
                    "(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ?)",
                    (whose, whose),
                )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"The conversations in {self._place} cannot be used ({error}). Close other programs that use "
                "the file, or, where it is damaged, move it away: conversations then begin anew."
            ) from error


def _file(store: Store) -> Path:
    """Beside the store's SQLite file; in the data folder where the store is a server's."""
    place = Path(store.place)
    folder = place.parent if place.is_file() else data_home()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / FILE
