"""Stands in for `pricing-assistant fine-tune FILE --out DIR --json`, without learning anything.

Steps take FAKE_STEP seconds (default 0.02). On SIGINT it writes a checkpoint and exits 130; with a checkpoint
it goes on from there. With FAKE_ADAPTER=random the adapter answers unlike the base, else it is only files of
the right kinds. FAKE_OUTCOME is `promoted` (default), `kept`, `refused` or `crash`. First of all it prints
FAKE_CHATTER, as a library might.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from policy.model.shelf import Shelf

STEPS = [("read", 5), ("search", 25), ("fit", 45), ("reinforce", 75), ("test", 95)]

CANDIDATES: list[dict[str, Any]] = [
    {"learning_rate": rate, "rank": rank, "likelihood": 0.2, "rehearsal": 0.2}
    for rate, rank in ((3e-4, 4), (6e-4, 4), (6e-4, 8))
]


def a_report(*, promoted: bool) -> dict[str, Any]:
    """A report as fine-tuning writes it, without what the shelf adds."""
    sign = -1 if promoted else 1
    return {
        "created_at": "2026-11-24T10:15:00+00:00",
        "seconds": 161.4,
        "base": "b" * 64,
        "promoted": promoted,
        "reasons": [{"code": "better", "values": {}}]
        if promoted
        else [{"code": "not_better", "values": {}}, {"code": "worse", "values": {"measure": "coverage"}}],
        "products": 21,
        "rows": 2082,
        "period": "week",
        "dates": {
            "train": ["2024-11-25", "2026-02-23"],
            "validation": ["2026-03-02", "2026-05-25"],
            "test": ["2026-06-01", "2026-11-16"],
        },
        "chosen": CANDIDATES[2] | {"steps": 60, "share": 0.5},
        "curve": [
            {"step": step, "train": 1.3 - 0.2 * step / 60, "validation": 1.0 - 0.04 * (step / 60) ** 0.5}
            for step in range(0, 61, 15)
        ],
        "reinforced": {"kept": True, "before": 0.412, "after": 0.437, "iterations": 16},
        "settings": {
            "seed": 1,
            "candidates": CANDIDATES,
            "fit": {
                "steps": 60, "look_every": 15, "patience": 2, "batch_size": 32, "warmup": 10,
                "decay_from": 0.5, "weight_decay": 0.01,
            },
            "reinforce": {
                "iterations": 16, "trials": 64, "horizons": [12, 26], "longest_past": 40,
                "learning_rate": 0.002, "critic_learning_rate": 0.001,
            },
        },
        "measures": [
            measure("wql_moves", 0.389, 0.389 + sign * 0.018, "better" if promoted else "level"),
            measure("wql", 0.344, 0.341, "level"),
            measure("coverage", 0.041, 0.032 if promoted else 0.068, "level" if promoted else "worse"),
            measure("elasticity", 0.412, 0.395, "level"),
            measure("profit", 0.913, 0.921, "better" if promoted else "level"),
        ],
        "baselines": {
            "per-series ridge GLM": {"wql": 0.382, "wql_moves": 0.466, "cover80": 0.87},
            "LightGBM trained on the set": {"wql": 0.361, "wql_moves": 0.430, "cover80": 0.57},
        },
        "forecasts": {
            "base": {"wql": 0.344, "wql_moves": 0.389, "cover80": 0.841},
            "adapted": {
                "wql": 0.341, "wql_moves": 0.389 + sign * 0.018, "cover80": 0.832 if promoted else 0.868,
            },
        },
    }  # fmt: skip


def measure(name: str, base: float, adapted: float, verdict: str) -> dict[str, Any]:
    difference = adapted - base
    spread = {"better": 0.5, "worse": 0.5, "level": 1.6}[verdict] * abs(difference)
    return {
        "measure": name, "base": base, "adapted": adapted, "difference": difference,
        "low": difference - spread, "high": difference + spread, "verdict": verdict,
    }  # fmt: skip


def write_adapter(folder: Path) -> None:
    if os.environ.get("FAKE_ADAPTER") == "random":
        from small_adapters import write_adapter as write_random

        from policy.model.loading import EMBEDDED

        write_random(folder, seed=1, base=EMBEDDED)
        return
    save_file({"lora_A": np.zeros((1, 1), np.float32)}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (folder / "base.json").write_text('{"base": "b"}')


def add_version(root: Path, *, promoted: bool) -> None:
    Shelf(root).add(write_adapter, a_report(promoted=promoted), promote=promoted)


def main(arguments: list[str]) -> int:
    out = Path(arguments[arguments.index("--out") + 1])
    outcome, step = os.environ.get("FAKE_OUTCOME", "promoted"), float(os.environ.get("FAKE_STEP", "0.02"))
    assert arguments[0] == "fine-tune" and Path(arguments[1]).suffix == ".parquet" and "--json" in arguments
    pressed = False

    def press(*_: object) -> None:
        nonlocal pressed
        pressed = True

    signal.signal(signal.SIGINT, press)
    sys.stdout.buffer.write(os.environb.get(b"FAKE_CHATTER", b""))
    checkpoint = out / "work" / "checkpoint.pt"
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    while done < 100:
        stage = next(name for name, until in [*STEPS, ("test", 101)] if done < until)
        event = {"event": "progress", "stage": stage, "done": done / 100, "seconds_left": (100 - done) * step}
        print(json.dumps(event), flush=True)
        time.sleep(step)
        if pressed:
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.write_text(str(done))
            return 130
        if done == 20 and outcome == "refused":
            print("sales.parquet: 3 rows.\n\npricing-assistant: Three rows are too few.", file=sys.stderr)
            return 1
        if done == 20 and outcome == "crash":
            raise KeyError("a bug")
        done += 1
    checkpoint.unlink(missing_ok=True)
    add_version(out, promoted=outcome == "promoted")
    print(json.dumps({"event": "report"} | Shelf(out).versions()[-1].report), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
