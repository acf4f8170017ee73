"""Types of progress callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Progress = Callable[[int, int], Any]
"""Called with (done, total)."""

NamedProgress = Callable[[str, int, int], Any]
"""Called with (label, done, total)."""
