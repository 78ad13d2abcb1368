"""Whatever prices the batches, the numbers are the same."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.report import run, workers
from assistant.report.batches import Batch, batches
from assistant.report.pricing import Plan
from assistant.report.progress import ReportError
from assistant.report.ray_engine import ray_engine
from assistant.report.workers import local_engine
from assistant.store import Store, StoreError
from policy import PricingPipeline

Work = tuple[list[Batch], Plan]


@pytest.fixture
def work(shop: Store, pipeline: PricingPipeline) -> Work:
    """The demo shop in nine batches."""
    products, rules = shop.products(), shop.rules_for()
    plan = run._plan(shop, pipeline, products, "profit", "eu", [])
    return list(batches(products, rules, size=3)), plan


@pytest.fixture
def in_turn(
    shop: Store, pipeline: PricingPipeline, work: Work, monkeypatch: pytest.MonkeyPatch
) -> dict[int, str]:
    """Every batch priced in this process."""
    with monkeypatch.context() as patch:
        patch.setattr(workers, "ENOUGH", 1_000)
        return dict(local_engine(shop, pipeline)(*work))


@pytest.mark.slow
def test_processes_price_as_one_process_does(
    shop: Store,
    pipeline: PricingPipeline,
    work: Work,
    in_turn: dict[int, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "ENOUGH", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert dict(local_engine(shop, pipeline)(*work)) == in_turn


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="pip install 'pricing-assistant[distributed]'"
)
def test_ray_prices_as_one_process_does_though_a_worker_is_killed(
    shop: Store, work: Work, in_turn: dict[int, str]
) -> None:
    psutil = pytest.importorskip("psutil")

    def actors() -> Iterator[int]:
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # some of Ray's end while they are looked at
                if any("MapWorker" in word for word in child.cmdline()):
                    yield child.pid

    found: dict[int, str] = {}
    killed: list[int] = []
    for number, lines in ray_engine(shop, adapter=None, workers=2)(*work):
        found[number] = lines
        if not killed:
            killed += list(actors())[:1]
            os.kill(killed[0], signal.SIGKILL)
    assert killed
    assert found == in_turn


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="pip install 'pricing-assistant[distributed]'"
)
def test_a_worker_of_ray_that_does_not_reach_the_shop_is_one_clear_line(
    shop: Store,
    work: Work,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("assistant.report.ray_engine.home_of", lambda _: str(tmp_path / "elsewhere"))
    with pytest.raises(ReportError, match=r"report's shop is not in .*elsewhere here") as error:
        list(ray_engine(shop, adapter=None, workers=1)(*work))
    assert "\n" not in str(error.value)
    assert "Traceback" not in capfd.readouterr().err


def test_without_ray_one_line_says_what_to_install(
    shop: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("assistant.report.ray_engine.find_spec", lambda _: None)
    with pytest.raises(ReportError, match=r"pricing-assistant\[distributed\]"):
        ray_engine(shop, adapter=None)


def test_another_process_finds_the_same_shop(
    shop: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Store.open(home=workers.home_of(shop)).identity == shop.identity
    monkeypatch.setenv("PRICING_ASSISTANT_DATABASE_URL", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    other = Store.open()
    assert workers.home_of(other) is None
    assert Store.open(home=workers.home_of(other)).identity == other.identity


def test_a_process_that_stands_in_another_folder_finds_the_shop_or_says_so(
    shop: Store, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = workers.home_of(Store.open(home="shop"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    workers.Worker(home, shop.identity, None, work[1].to_dict())
    with pytest.raises(StoreError, match="is not in shop here"):
        workers.Worker("shop", shop.identity, None, work[1].to_dict())
    assert not (tmp_path / "elsewhere" / "shop").exists()


def test_a_process_that_finds_another_shop_prices_nothing(
    shop: Store, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = work[1].to_dict()
    Store.open(home=tmp_path / "other")
    with pytest.raises(StoreError, match=r"is not in .*other here"):
        workers.Worker(str(tmp_path / "other"), shop.identity, None, plan)
    # Where the address is not set, the machine's own shop would be opened.
    monkeypatch.setenv("PRICING_ASSISTANT_HOME", str(tmp_path / "other"))
    with pytest.raises(StoreError, match="PRICING_ASSISTANT_DATABASE_URL does not lead"):
        workers.Worker(None, shop.identity, None, plan)


def test_what_is_priced_does_not_pile_up_in_the_process_that_waits(
    shop: Store, pipeline: PricingPipeline, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lines(str):
        """Text that can be told to be gone."""

    made: list[weakref.ref[Lines]] = []

    def priced(batch: Mapping[str, Any]) -> tuple[int, Lines]:
        lines = Lines("said")
        made.append(weakref.ref(lines))
        return batch["number"], lines

    monkeypatch.setattr(workers, "_priced", priced)
    monkeypatch.setattr(workers, "ProcessPoolExecutor", lambda count, **_: ThreadPoolExecutor(count))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    todo = [replace(work[0][0], number=number) for number in range(60)]
    found = set()
    for number, lines in local_engine(shop, pipeline)(todo, work[1]):
        found.add(number)
        del lines
        # Two processes, two batches each; those that ended together are handed out one by one.
        assert len(made) - len(found) <= 8
        assert sum(it() is not None for it in made) <= 8
    assert found == set(range(60))


@pytest.mark.slow
def test_a_process_that_is_ended_is_one_clear_line(
    shop: Store, pipeline: PricingPipeline, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    psutil = pytest.importorskip("psutil")
    monkeypatch.setattr(workers, "ENOUGH", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})

    priced = local_engine(shop, pipeline)(*work)
    next(priced)
    for child in psutil.Process().children():
        if "spawn_main" in " ".join(child.cmdline()):
            child.kill()
    # Other batches may have been done by then; of nine, no two processes had more than four.
    with pytest.raises(ReportError, match="same command again"):
        list(priced)


ABANDONED = """
import os
from assistant.report import run, workers
from assistant.store import Store, StoreError
from policy import PricingPipeline

os.sched_getaffinity = lambda _: (0, 1)
workers.ENOUGH = 2
shop, pipeline = Store.open(home={home!r}), PricingPipeline.from_pretrained()
plan = run._plan(shop, pipeline, shop.products(), "profit", None, [])
todo = list(run.batches(shop.products(), shop.rules_for(), size=3))
for _ in workers.local_engine(shop, pipeline)(todo, plan):
    print("priced", flush=True)
"""


@pytest.mark.slow
def test_the_processes_of_a_run_that_is_killed_end(shop: Store, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    shop.close()
    script = ABANDONED.format(home=str(tmp_path / "shop"))
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "priced\n"
    helpers = [it for it in psutil.Process(run.pid).children() if "spawn_main" in " ".join(it.cmdline())]
    assert len(helpers) == 2
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(helpers, timeout=20)
    for helper in alive:
        helper.kill()
    assert not alive
