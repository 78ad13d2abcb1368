"""A conversation belongs to one store and one user; it can be listed, taken up again and deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from scripts import SET_RULES
from small_shop import open_shop

from assistant.agent import Assistant
from assistant.memory import LONGEST_TITLE
from assistant.store import Store

Make = Callable[..., Assistant]


def heard(messages: list[BaseMessage]) -> AIMessage:
    """Everything the merchant said in this conversation, as the model sees it."""
    return AIMessage(" / ".join(m.text for m in messages if isinstance(m, HumanMessage)))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Another store whose conversations are kept in the same file as the first one's."""
    opened = open_shop(tmp_path / "elsewhere")
    yield opened
    opened.close()


def test_conversations_are_listed_the_last_first_by_their_first_message(assistant: Make) -> None:
    one = assistant(heard)
    assert one.threads() == []
    for text, thread in (("first question", "a"), ("a  second\none", "b"), ("and more", "a")):
        one.ask(text, thread=thread)
    newest, other = one.threads()
    assert [(it.thread, it.title) for it in (newest, other)] == [
        ("a", "first question"),
        ("b", "a second one"),
    ]
    assert newest.started_at < other.started_at < newest.updated_at
    assert abs(dt.datetime.now(dt.UTC) - newest.updated_at) < dt.timedelta(minutes=1)


def test_a_long_first_message_is_shortened(assistant: Make) -> None:
    one = assistant(heard)
    one.ask("why " * 100)
    (only,) = one.threads()
    assert len(only.title) == LONGEST_TITLE and only.title.endswith("…")


def test_a_deleted_conversation_is_gone(assistant: Make) -> None:
    one = assistant(heard)
    one.ask("one", thread="a")
    one.ask("two", thread="b")
    one.forget("a")
    assert [it.thread for it in one.threads()] == ["b"]
    assert one.ask("again", thread="a").text == "again"


def test_nobody_reads_another_users_conversation(assistant: Make) -> None:
    ann, ben = assistant(heard, user="Ann"), assistant(heard, user="Ben")
    ann.ask("my secret", thread="t")
    assert ben.threads() == []
    assert ben.ask("hello", thread="t").text == "hello"
    assert ann.ask("again", thread="t").text == "my secret / again"
    ben.forget("t")
    assert ann.ask("still", thread="t").text == "my secret / again / still"


def test_no_name_of_a_user_or_thread_reaches_into_anothers(assistant: Make) -> None:
    # A name that holds the separator must not spell another user's thread.
    assistant(heard, user="a").ask("secret", thread="b/c")
    for user, thread in (("a/b", "c"), ("a%2Fb", "c"), ("", "a/b/c")):
        assert assistant(heard, user=user).ask("hi", thread=thread).text == "hi"


def test_another_users_pending_change_is_not_confirmed(assistant: Make, store: Store) -> None:
    ann, ben = assistant(SET_RULES, user="Ann"), assistant(heard, user="Ben")
    ann.ask("rules", thread="t")
    assert ben.pending("t") == ()
    assert "Nothing is waiting" in ben.confirm("t", approve=True).text
    assert store.rules_in_force() == []
    assert ann.pending("t") != ()


def test_a_conversation_about_another_store_is_out_of_reach(
    assistant: Make, store: Store, elsewhere: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One file for both, as where the stores are databases of one server.
    file = Path(store.place).parent / "shared.sqlite"
    monkeypatch.setattr("assistant.memory._file", lambda _: file)
    here, there = assistant(heard), assistant(heard, shop=elsewhere)
    here.ask("about here", thread="t")
    assert there.threads() == []
    assert there.ask("about there", thread="t").text == "about there"
    assert [it.title for it in here.threads()] == ["about here"]
    assert here.ask("more", thread="t").text == "about here / more"


def test_a_store_that_was_moved_keeps_its_conversations(
    assistant: Make, store: Store, tmp_path: Path
) -> None:
    one = assistant(heard)
    one.ask("before", thread="t")
    one.close()
    store.close()
    moved = Path(store.place).parent.rename(tmp_path / "moved")
    again = Store.open(home=moved)
    assert assistant(heard, shop=again).ask("after", thread="t").text == "before / after"
    again.close()
