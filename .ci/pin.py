"""Print a constraints file from pip's installation report (`make constraints` calls this)."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def pins(report: Path) -> list[str]:
    """`name==version` of everything pip resolved, without this project.

    The local part of a version is dropped (torch 2.13.0+cpu becomes 2.13.0), so that each machine
    takes the build its index offers.
    """
    resolved = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    return sorted(
        f"{package['name'].lower().replace('_', '-')}=={package['version'].partition('+')[0]}"
        for package in resolved
        if package["name"] != "pricing-assistant"
    )


if __name__ == "__main__":
    print("# The whole tree as resolved and tested; written by `make constraints`.")
    print("\n".join(pins(Path(sys.argv[1]))))
