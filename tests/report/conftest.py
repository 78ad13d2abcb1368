"""Shops for the report's runs and reviews, and the policy, loaded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from demo_entries import demo_priced
from small_shop import ThumbPolicy

from assistant.desk import Desk
from assistant.report.entry import Priced
from assistant.store import Store
from assistant.store.demo import create_demo
from policy import PricingPipeline


@pytest.fixture(scope="session")
def pipeline() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


@pytest.fixture(scope="session")
def demo_report(pipeline: PricingPipeline, tmp_path_factory: pytest.TempPathFactory) -> Priced:
    """The demo shop's first report; nobody changes it."""
    return demo_priced(tmp_path_factory.mktemp("demo"), pipeline)


@pytest.fixture
def shop(tmp_path: Path) -> Store:
    """The demo shop, with nothing decided yet."""
    store = Store.open(home=tmp_path / "shop")
    create_demo(store)
    return store


@pytest.fixture
def desk(store: Store) -> Desk:
    policy: Any = ThumbPolicy()
    return Desk(store, pipeline=policy)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Where a report's workbook is to be."""
    return tmp_path / "report.xlsx"
