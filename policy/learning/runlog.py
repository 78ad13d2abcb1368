"""The log of a training run: a CSV file, and TensorBoard's events where TensorBoard is installed."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from typing import Any

WITHOUT_TENSORBOARD = (
    "TensorBoard is not installed, so this run logs to {csv} only; pip install 'pricing-assistant[training]'."
)


def has_tensorboard() -> bool:
    """Whether events for TensorBoard can be written."""
    return importlib.util.find_spec("tensorboard") is not None


class RunLog:
    """One line per report, first column `step`. A resumed run forgets the lines after its checkpoint, since
    they will be reported again."""

    def __init__(self, folder: Path, *, resumed_at: int):
        self.path = folder / "log.csv"
        if resumed_at == 0:
            self.path.unlink(missing_ok=True)
        else:
            print(f"Going on from step {resumed_at:,}.", flush=True)
        if self.path.exists():
            head, *lines = self.path.read_text().splitlines()
            kept = [line for line in lines if int(line.split(",")[0]) <= resumed_at]
            self.path.write_text("\n".join([head, *kept]) + "\n")
        self._events: Any = None
        if has_tensorboard():
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(folder / "events"), purge_step=resumed_at + 1)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Report the values of a step."""
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(["step", *values])
            writer.writerow([step, *(f"{value:.5f}" for value in values.values())])
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)
            self._events.flush()
