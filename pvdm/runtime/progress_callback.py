"""The types of functions that are called as work advances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Progress = Callable[[int, int], Any]
"""Called with how much is done, and how much there is to do."""

NamedProgress = Callable[[str, int, int], Any]
"""Called with what is being done, how much of it is done, and how much there is to do."""
