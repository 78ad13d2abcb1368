"""A small shop, and an assistant over it whose model is scripted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted_model import Scripted
from small_shop import ThumbPolicy

from assistant.agent import Answer, Assistant
from assistant.embedded import EmbeddedChatModel
from assistant.store import Store


@pytest.fixture
def ask(store: Store) -> Iterator[Callable[[str], Answer]]:
    """The embedded model on the small shop."""
    policy: Any = ThumbPolicy()
    one = Assistant(store, model=EmbeddedChatModel(), pipeline=policy)
    yield one.ask
    one.close()


@pytest.fixture
def assistant(store: Store) -> Iterator[Callable[..., Assistant]]:
    opened: list[Assistant] = []

    def make(*lines: Any, shop: Store = store, **settings: Any) -> Assistant:
        policy: Any = ThumbPolicy()
        opened.append(Assistant(shop, model=Scripted(lines=list(lines)), pipeline=policy, **settings))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
