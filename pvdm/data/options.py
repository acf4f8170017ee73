"""The data as `pvdm fit` would build them, for commands that look at them or encode them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pvdm.config_parser import ConfigParser
from pvdm.data.collection import VideoCollection

Collection = TypeVar("Collection", bound=VideoCollection)


def data_of(values: Mapping[str, Any], kind: type[Collection] = VideoCollection) -> Collection:
    """From the keys of `data` in configs; InputError for a value or a key that `pvdm fit` would not accept."""
    parser = ConfigParser(prog="pvdm fit")
    parser.add_class_arguments(kind, "data")
    return parser.instantiate(parser.parse_object({"data": dict(values)})).data
