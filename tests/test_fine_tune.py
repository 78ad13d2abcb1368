"""Fine-tuning: the same seed gives the same adapter, a stop loses nothing, and what was promoted stays."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_fine_tune import a_report
from safetensors.torch import load_file
from short_runs import SHORT
from stores import sales

from policy.history import HistoryError, canonical_history
from policy.learning.store.fine_tune import FineTuneSettings, fine_tune
from policy.learning.store.fit import Candidate, FitSettings
from policy.learning.store.progress import FineTuningStopped, Progress
from policy.learning.store.reinforce import ReinforceSettings
from policy.learning.store.split import Split, split
from policy.model.adapter_files import AdapterError
from policy.model.adapter_folders import adapter_folder
from policy.model.adapters import adapted_base, save_adapter
from policy.model.loading import load_model
from policy.model.shelf import Shelf, Version
from policy.pipeline import PricingPipeline


def parts_of(table: pd.DataFrame) -> Split:
    frame, report = canonical_history(table)
    return split(frame, report.period, seed=1)


def tuned(
    output: Path, *, stop: Callable[[], bool] | None = None, told: list[Progress] | None = None
) -> Version:
    parts = parts_of(sales(products=6, weeks=44))
    progress = None if told is None else told.append
    return fine_tune(load_model(), parts, output, settings=SHORT, progress=progress, stop=stop)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Version, list[Progress]]:
    """A short run, and what it told."""
    told: list[Progress] = []
    return tuned(tmp_path_factory.mktemp("shelf"), told=told), told


def test_the_report_says_what_was_done(whole: tuple[Version, list[Progress]]) -> None:
    version, _ = whole
    report = version.report
    assert report["products"] == 6 and report["rows"] == 6 * 44 and report["period"] == "week"
    assert report["base"] == load_model().digest and report["adapter"] == version.digest
    assert {it["measure"] for it in report["measures"]} == {
        "wql_moves", "wql", "coverage", "elasticity", "profit"
    }  # fmt: skip
    assert report["curve"][0]["step"] == 0 and report["curve"][0]["validation"] == 1.0
    assert report["chosen"]["rank"] in (2, 4) and report["reasons"]
    assert report["promoted"] == version.promoted


@pytest.mark.parametrize("promoted", [True, False])
def test_what_stands_in_for_a_report_is_made_like_one(
    promoted: bool, whole: tuple[Version, list[Progress]]
) -> None:
    def made(values: Any) -> Any:
        """Names and kinds; of a list, its first."""
        if isinstance(values, dict):
            return {name: made(value) for name, value in values.items()}
        if isinstance(values, list):
            return [made(value) for value in values[:1]]
        return "number" if isinstance(values, int | float) and not isinstance(values, bool) else type(values)

    added = {"version": "0001", "adapter": "a" * 64}
    real, ours = dict(whole[0].report), a_report(promoted=promoted) | added
    assert made(real.pop("reasons")[0]).keys() == made(ours.pop("reasons")[0]).keys()
    assert made(ours) == made(real)
    assert [it["measure"] for it in ours["measures"]] == [it["measure"] for it in real["measures"]]


def test_an_adapter_is_small_and_goes_on_its_base(whole: tuple[Version, list[Progress]]) -> None:
    version, _ = whole
    assert version.bytes < 2 * 2**20
    assert all("lora_" in name for name in load_file(version.folder / "adapter_model.safetensors"))
    pipeline = PricingPipeline.from_pretrained(adapter=version.folder)
    history = sales(products=6, weeks=44)
    record = pipeline.recommend(history)[0]
    assert record.adapter_hash == version.digest[:16]


def test_the_largest_candidate_fits_two_megabytes(tmp_path: Path) -> None:
    from policy.learning.store.fit import CANDIDATES
    from policy.model.adapters import adapted_base, save_adapter

    wrapped, _ = adapted_base(load_model().network, rank=max(c.rank for c in CANDIDATES), seed=1)
    save_adapter(wrapped, tmp_path, base="")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2 * 2**20


def test_progress_goes_on_to_the_end(whole: tuple[Version, list[Progress]]) -> None:
    _, told = whole
    done = [it.done for it in told]
    assert not any(it.resumed for it in told)
    assert done == sorted(done) and done[0] == 0.0 and done[-1] == 1.0
    stages = list(dict.fromkeys(it.stage for it in told))
    assert stages == ["read", "search", "fit", "reinforce", "test"]
    assert told[-1].seconds_left == 0.0


@pytest.mark.parametrize("after", [2, 6, 8])
def test_a_stopped_run_ends_where_an_uninterrupted_one_does(
    after: int, tmp_path: Path, whole: tuple[Version, list[Progress]]
) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == after

    with pytest.raises(FineTuningStopped):
        tuned(tmp_path, stop=stop)
    assert (tmp_path / "work" / "checkpoint.pt").exists()
    assert Shelf(tmp_path).versions() == []
    told: list[Progress] = []
    version = tuned(tmp_path, stop=stop, told=told)
    done = [it.done for it in told]
    assert all(it.resumed for it in told)
    assert done == sorted(done) and done[-1] == 1.0
    assert not (tmp_path / "work").exists()
    ours, theirs = (load_file(v.folder / "adapter_model.safetensors") for v in (version, whole[0]))
    assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in theirs)
    assert version.report["measures"] == whole[0].report["measures"]


def test_another_stores_checkpoint_is_not_gone_on_from(tmp_path: Path) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == 4

    with pytest.raises(FineTuningStopped):
        tuned(tmp_path, stop=stop)
    other = sales(products=7, weeks=44, seed=9)
    told: list[Progress] = []
    fine_tune(load_model(), parts_of(other), tmp_path, settings=SHORT, progress=told.append)
    assert told[0].done == 0.0 and not told[0].resumed
    assert Shelf(tmp_path).versions()[0].report["products"] == 7


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file may grow beyond this meanwhile, which the writers meet as they meet a full disk."""
    resource = pytest.importorskip("resource", reason="limits of Unix")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:  # before pytest goes on writing to its own log
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_leaves_the_former_adapter(tmp_path: Path, whole: tuple[Version, list[Progress]]) -> None:
    import shutil

    shutil.copytree(whole[0].folder.parent, tmp_path / "shelf")
    shelf = Shelf(tmp_path / "shelf")
    shelf.promote("0001")
    with room(20_000), pytest.raises(OSError, match="File too large"):
        tuned(shelf.root)
    assert shelf.promoted is not None and shelf.promoted.digest == whole[0].digest
    assert [version.name for version in shelf.versions()] == ["0001"]
    assert shelf.broken() == [] and not list(shelf.root.rglob("*.tmp"))


def test_an_adapter_that_the_disk_does_not_hold_is_an_error_of_the_disk(
    tmp_path: Path,
) -> None:
    wrapped, _ = adapted_base(load_model().network, rank=4, seed=1)
    with room(20_000), pytest.raises(OSError, match="cannot be written"):
        save_adapter(wrapped, tmp_path, base="")


def test_what_cannot_be_learned_from_writes_nothing(tmp_path: Path) -> None:
    output = tmp_path / "shelf"
    pipeline = PricingPipeline(load_model())
    with pytest.raises(HistoryError):
        pipeline.fine_tune(sales(products=1), output=output)
    assert not output.exists()


def run_for_ever(output: Path, begun: Any) -> None:
    """In another process: a run that has begun and never ends."""

    def wait(_: Progress) -> None:
        begun.set()
        time.sleep(600)

    PricingPipeline(load_model()).fine_tune(sales(products=6, weeks=44), output=output, progress=wait)


def test_a_shelf_has_one_run_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    other = context.Process(target=run_for_ever, args=(tmp_path, begun))
    other.start()
    assert begun.wait(120)
    pipeline, told = PricingPipeline(load_model()), []
    try:
        with pytest.raises(AdapterError, match="is running in") as refused:
            pipeline.fine_tune(sales(products=6, weeks=44), output=tmp_path, progress=told.append)
        assert refused.value.code == "busy" and told == []
        assert Shelf(tmp_path).broken() == [] and adapter_folder(tmp_path) is None
        with pytest.raises(FineTuningStopped):  # another shelf is none of its business
            pipeline.fine_tune(sales(products=6, weeks=44), output=tmp_path / "other", stop=lambda: True)
    finally:
        other.kill()
        other.join()
    with pytest.raises(FineTuningStopped):  # who was killed holds nothing
        pipeline.fine_tune(sales(products=6, weeks=44), output=tmp_path, stop=lambda: True)


@pytest.mark.slow
def test_a_store_unlike_the_prior_is_learned(tmp_path: Path) -> None:
    # Steady sellers whose buyers answer strongly to price: the adapter foretells their moves better.
    frame = sales(products=24, weeks=80, elasticity=-3.0, seed=2)
    settings = FineTuneSettings(
        candidates=(Candidate(learning_rate=1e-3, rank=4),),
        fit=FitSettings(steps=45, batch_size=16),
        reinforce=ReinforceSettings(iterations=2, trials=16, horizons=(6, 8)),
    )
    version = fine_tune(load_model(), parts_of(frame), tmp_path, settings=settings)
    moves = next(it for it in version.report["measures"] if it["measure"] == "wql_moves")
    assert moves["verdict"] == "better"
    assert version.promoted, version.report["reasons"]
