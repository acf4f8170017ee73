"""The processor of this machine."""

from __future__ import annotations

import platform
import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def cpu_name() -> str:
    """As the processor calls itself on Linux; elsewhere what the platform says."""
    found = re.search(r"model name\s*: (.*)", CPUINFO.read_text(encoding="utf-8")) if CPUINFO.is_file() else None
    return found[1].strip() if found else platform.processor() or platform.machine()
