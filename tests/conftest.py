"""Every test has its own data directory, fixed seeds and a closed network."""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from small_shop import open_shop

from assistant.store import Store

settings.register_profile("project", deadline=None, derandomize=True, database=None)
settings.load_profile("project")

FOREIGN_SETTINGS = (
    "PRICING_ASSISTANT_DATABASE_URL",
    "PRICING_ASSISTANT_MODEL",
    "PRICING_ASSISTANT_MODEL_URL",
    "PRICING_ASSISTANT_DEBUG",
    "LANGSMITH_TRACING",
    "LANGCHAIN_TRACING_V2",
)
"""What a developer may have set in the shell, and no test may depend on."""


def _is_loopback(address: Any) -> bool:
    if not isinstance(address, tuple):  # a Unix socket's path
        return True
    host = str(address[0])
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session", autouse=True)
def _closed_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Refuse every connection that leaves this machine, in fixtures of any scope too."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(original: Any) -> Any:
        def call(self: socket.socket, address: Any) -> Any:
            if not _is_loopback(address):
                raise OSError(f"Tests run with the network closed; something tried to reach {address!r}.")
            return original(self, address)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        patch.setenv("PRICING_ASSISTANT_HOME", str(tmp_path_factory.mktemp("home")))
        for name in FOREIGN_SETTINGS:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's own, still empty, data directory."""
    directory = tmp_path / "home"
    monkeypatch.setenv("PRICING_ASSISTANT_HOME", str(directory))
    return directory


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    """Our code takes generators; this is for libraries that reach for the global ones."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """The small shop, for what needs no transformer."""
    opened = open_shop(home)
    yield opened
    opened.close()
