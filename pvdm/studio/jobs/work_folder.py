"""A temporary folder that goes with its process; if that was killed, the next one removes it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PREFIX, LOCK = "pvdm-studio-jobs-", ".lock"


class WorkFolder:
    """A new folder that only this user can read.

    Those of this user whose process was killed are removed first; their locks are free.

    Args:
        parent: Where it is made; by default in that of temporary files.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = Path(gettempdir()) if parent is None else parent
        for left in parent.glob(f"{PREFIX}*"):
            _remove_if_left(left)
        self.path = Path(mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        _is_locked(self._lock)

    def remove(self) -> None:
        """Removes it and all that it holds."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_if_left(folder: Path) -> None:
    """Removes a folder of a process of this user that no longer runs."""
    with suppress(OSError):  # one without a lock is not ours, or is being made
        status = folder.lstat()
        if fcntl is None or folder.is_symlink() or status.st_uid != os.getuid():
            return
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
        try:
            if _is_locked(lock):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _is_locked(file: int) -> bool:
    """Locks an open file; False if another process has."""
    with suppress(OSError):
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
