"""One line of the report of `pvdm doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "absent", "broken"]
"""Of what is absent, something that is optional does without; what is broken keeps pvdm from working."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do unless it is in order.

    Args:
        name: A package, a device, a codec, a folder, a model or an extra.
        found: A version, a size or a defect, as text.
        state: See `State`.
        remedy: What to do, such as a command.
    """

    name: str
    found: str
    state: State = "ok"
    remedy: str = ""


def amount(size: float) -> str:
    """1536 bytes -> 1.5 KiB"""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
