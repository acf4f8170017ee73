"""Data sets: finding videos, knowing which are good, and drawing clips from them in a reproducible order."""

from typing import Any

import lazy_loader as lazy

_attribute, __dir__, __all__ = lazy.attach_stub(__name__, __file__)  # names are in __init__.pyi

RENAMED = {
    "find_parts": "find_splits, whose options are a SplitOptions",
    "Parts": "Splits",
    "some": "first_causes",
}
"""Former names, which are refused with the present ones; by ImportError, since `from ... import` hides other texts."""


def __getattr__(name: str) -> Any:
    if name in RENAMED:
        raise ImportError(f"pvdm.data.{name} is now {RENAMED[name]}")
    return _attribute(name)
