"""A small shop, and an assistant over it whose model is scripted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_model import Scripted
from small_shop import ThumbPolicy, open_shop

from assistant.agent import Assistant
from assistant.store import Store


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = open_shop(home)
    yield opened
    opened.close()


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
