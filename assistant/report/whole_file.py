"""A file that is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its place once it is on the disk; on any error it is
    removed and what stood at `path` stays. Raises OSError as it comes, but of the path that was asked for."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written)  # else a power cut may leave an empty file at `path`
        part.replace(path)
    except BaseException as error:
        with suppress(OSError):  # of a folder that is not there or may not be looked into
            part.unlink()
        if isinstance(error, OSError) and error.filename == str(part):
            error.filename, error.filename2 = str(path), None
        raise
