"""What the tests in a browser share: the browser, a question asked, a file of one's own."""

from __future__ import annotations

import re
import shutil
import tomllib
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

import prompts
from assistant.wording import LANGUAGES

CHROMIUM = shutil.which("chromium")
ROOT = Path(__file__).parents[2]
QUIET = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 60_000
"""For one expectation: machines that run tests may be slow, and the first question waits for the policy."""

expect.set_options(timeout=PATIENCE_MS)

PROGRESS = [
    str(text)
    for language in LANGUAGES
    for table in [tomllib.loads(prompts.load(language, "interface.toml"))]
    for text in [table["chat"]["waking"], *table["progress"].values()]
]


def ask(page: Page, question: str) -> str:
    """Ask, and return the answer that took the place of the progress messages."""
    answers = page.locator("#chat .message.bot:not(.pending)")
    before = answers.count()
    page.locator("#ask textarea").fill(question)
    page.keyboard.press("Enter")
    expect(answers).to_have_count(before + 1)
    expect(answers.last).not_to_have_text(re.compile("|".join([r"^\s*$", *map(re.escape, PROGRESS)])))
    return answers.last.inner_text()


def bakery(folder: Path) -> Path:
    """Two years of weekly sales of one bread, 20 % off in every fifth week."""
    sales = folder / "bakery.csv"
    rows = ["Product,Week,Unit price,Qty sold,Unit cost"]
    for week in range(104):
        price, units = (5.20, 70) if week % 5 == 0 else (6.50, 48)
        rows.append(
            f"Sourdough Loaf,{date(2024, 1, 1) + timedelta(weeks=week)},{price},{units + week % 7},2.10"
        )
    sales.write_text("\n".join(rows), encoding="utf-8")
    return sales
