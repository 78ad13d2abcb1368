"""A fine-tuning from end to end, on the base at hand or on one made of another backbone first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from policy.history import canonical_history
from policy.learning.store.backbone import STEPS, base_on
from policy.learning.store.fine_tune import FineTuneSettings, fine_tune
from policy.learning.store.progress import FineTuningStopped, Progress
from policy.learning.store.split import split
from policy.model.adapter_files import AdapterError
from policy.model.loading import LoadedModel

TEACHING = 0.5
"""Share of a run that teaching a backbone is counted as."""

LOCK_FILE = ".lock"
"""In a shelf: held by the system while a run goes on; the file itself means nothing and stays."""


def fine_tuned(
    model: LoadedModel,
    history: pd.DataFrame,
    output: Path,
    *,
    seed: int,
    backbone: str | None,
    progress: Callable[[Progress], None] | None,
    stop: Callable[[], bool] | None,
) -> LoadedModel:
    """Put a new version on the shelf in `output` and return the base that it goes on.

    Parameters and errors are those of `PricingPipeline.fine_tune`.
    """
    settings = FineTuneSettings(seed=seed)
    frame, report = canonical_history(history)
    parts = split(frame, report.period, seed=seed)  # refuses what cannot be learned from: nothing is written
    notify, stopping = progress or (lambda _: None), stop or (lambda: False)
    begun = 0.0
    with _alone(output):
        if backbone is not None:
            model = base_on(backbone, output, steps=STEPS, seed=seed, watch=_teaching(notify, stopping))
            begun = TEACHING

        def told(of: Progress) -> None:
            notify(replace(of, done=begun + (1 - begun) * of.done))

        fine_tune(model, parts, output, settings=settings, progress=told, stop=stopping)
    return model


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Hold the shelf against other runs, whose checkpoints would overwrite each other's.

    The system lets go of it however this process ends. Raises `AdapterError` where another run holds it.
    """
    output.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(output / LOCK_FILE).acquire(blocking=False)
    except Timeout as error:
        raise AdapterError(
            "busy",
            "A fine-tuning is running in '{folder}' already. Wait until it has ended, or stop it first.",
            folder=str(output),
        ) from error
    with held:
        yield


def _teaching(notify: Callable[[Progress], None], stop: Callable[[], bool]) -> Callable[[int], None]:
    """Tells of each step in which a backbone is taught; raises where it is to stop."""
    first: int | None = None

    def watch(step: int) -> None:
        nonlocal first
        first = first or step
        notify(Progress(stage="teach", done=TEACHING * step / STEPS, seconds_left=None, resumed=first > 1))
        if stop():
            raise FineTuningStopped

    return watch
