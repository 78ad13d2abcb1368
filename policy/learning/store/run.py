"""A fine-tuning from end to end, on the base at hand or on one made of another backbone first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from policy.history import canonical_history
from policy.learning.store.backbone import STEPS, base_on
from policy.learning.store.fine_tune import FineTuneSettings, fine_tune
from policy.learning.store.progress import FineTuningStopped, Progress
from policy.learning.store.split import split
from policy.model.loading import LoadedModel

TEACHING = 0.5
"""Share of a run that teaching a backbone is counted as."""


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
    notify, stopping = progress or (lambda _: None), stop or (lambda: False)
    settings = FineTuneSettings(seed=seed)
    begun = 0.0
    if backbone is not None:
        frame, report = canonical_history(history)
        split(frame, report.period, seed=seed)  # refuse what cannot be learned from before hours are spent

        first: int | None = None

        def watch(step: int) -> None:
            nonlocal first
            first = first or step
            done = TEACHING * step / STEPS
            notify(Progress(stage="teach", done=done, seconds_left=None, resumed=first > 1))
            if stopping():
                raise FineTuningStopped

        model, begun = base_on(backbone, output, steps=STEPS, seed=seed, watch=watch), TEACHING

    def told(of: Progress) -> None:
        notify(replace(of, done=begun + (1 - begun) * of.done))

    fine_tune(model, history, output, settings=settings, progress=told, stop=stopping)
    return model
