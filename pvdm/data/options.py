"""The data as `pvdm fit` would build them, for commands that look at them or encode them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, TypeVar

from jsonargparse import ArgumentParser

from pvdm.data.collection import VideoCollection
from pvdm.errors import InputError

Collection = TypeVar("Collection", bound=VideoCollection)


def data_of(values: Mapping[str, Any], kind: type[Collection] = VideoCollection) -> Collection:
    """From the keys of `data` in configs; InputError for a value or a key that `pvdm fit` would not accept."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, "data")
    try:
        return parser.instantiate(parser.parse_object({"data": dict(values)})).data
    except argparse.ArgumentError as error:
        raise InputError(f"{' '.join(str(error).split())}", "correct the configuration") from error
