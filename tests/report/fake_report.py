"""Stands in for `pricing-assistant report --out DIR --events`, without pricing anything.

Before its first line it takes FAKE_LOADING seconds (default 0) and hears no SIGINT. Steps take FAKE_STEP
seconds (default 0.02). On SIGINT it exits 130. FAKE_OUTCOME is `made` (default), `refused` or `crash`. What
it makes are the files of FAKE_REPORT.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

STEPS = [("plan", 1), ("price", 20), ("record", 20), ("write", 6)]


def main(arguments: list[str]) -> int:
    assert arguments[0] == "report" and "--events" in arguments
    out = Path(arguments[arguments.index("--out") + 1])
    outcome, step = os.environ.get("FAKE_OUTCOME", "made"), float(os.environ.get("FAKE_STEP", "0.02"))
    pressed = False
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(float(os.environ.get("FAKE_LOADING", "0")))

    def press(*_: object) -> None:
        nonlocal pressed
        pressed = True

    signal.signal(signal.SIGINT, press)
    for stage, total in STEPS:
        for done in range(total):
            left = (total - done) * step if done else None
            event = {"event": "progress", "stage": stage, "done": done, "total": total, "seconds_left": left}
            print(json.dumps(event), flush=True)
            time.sleep(step)
            if pressed:
                return 130
        if stage == "price" and outcome == "refused":
            print("Pricing\npricing-assistant: The disk is full. Free some space.", file=sys.stderr)
            return 1
        if stage == "price" and outcome == "crash":
            raise KeyError("a bug")
    number = len(list(out.glob("2026-10-26*"))) + 1
    folder = out / ("2026-10-26" if number == 1 else f"2026-10-26-{number}")
    shutil.copytree(os.environ["FAKE_REPORT"], folder)
    print(json.dumps({"event": "report", "folder": str(folder), "files": []}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
