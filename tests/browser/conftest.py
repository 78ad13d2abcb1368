"""The app as a merchant starts it, and pages of it in a real browser."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from pages import CHROMIUM, PATIENCE_MS, QUIET, ROOT
from playwright.sync_api import Browser, Page, expect, sync_playwright

from assistant.store import Store
from assistant.store.demo import create_demo


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app as a merchant starts it, on a demo shop."""
    folder = tmp_path_factory.mktemp("app")
    home, log = folder / "home", folder / "app.log"
    store = Store.open(home=home)
    create_demo(store)
    store.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    fake = str(ROOT / "tests" / "fake_fine_tune.py")  # the real one takes minutes
    start = (
        f"import sys; from assistant import tuning; tuning.COMMAND = (sys.executable, {fake!r}); "
        "from assistant.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", start, "app", "--port", str(port), "--data-dir", str(home)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FAKE_STEP": "0.1", "FAKE_ADAPTER": "random"}
    with (
        log.open("w", encoding="utf-8") as out,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT) as server,
    ):
        try:
            while not (started := re.search(r"http://\S+", log.read_text(encoding="utf-8"))):
                assert server.poll() is None, log.read_text(encoding="utf-8")
                time.sleep(0.1)
            yield started.group()
        finally:
            server.terminate()
    assert "Traceback" not in log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of its own; it may fetch from nowhere else, and nothing may go wrong in it."""
    settings = {"locale": "en-US", "viewport": {"width": 1280, "height": 900}} | getattr(request, "param", {})
    with browser.new_context(**settings) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on(
            "request",
            lambda it: None if it.url.startswith((address, "data:", "blob:")) else wrong.append(it.url),
        )
        page.goto(address)
        expect(page.locator("#chips button").first).to_have_text(re.compile(r"\S"))  # its visit has begun
        yield page
        assert wrong == []
