"""A fine-tuning of seconds: every part runs, on too few steps to be of use."""

from __future__ import annotations

from policy.learning.store.fine_tune import FineTuneSettings
from policy.learning.store.fit import Candidate, FitSettings
from policy.learning.store.reinforce import ReinforceSettings

SHORT = FineTuneSettings(
    candidates=(Candidate(learning_rate=5e-4, rank=2), Candidate(learning_rate=1e-3, rank=4)),
    fit=FitSettings(steps=10, look_every=5, batch_size=6, warmup=2),
    reinforce=ReinforceSettings(iterations=2, trials=8, horizons=(4, 6), longest_past=8),
)
SHORTEST = FineTuneSettings(
    candidates=(Candidate(learning_rate=1e-3, rank=2),),
    fit=FitSettings(steps=5, look_every=5, batch_size=4, warmup=2),
    reinforce=ReinforceSettings(iterations=1, trials=6, horizons=(3, 4), longest_past=6),
)
