"""Class labels as people give them, by index or by name, to the indices that the denoiser takes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from difflib import get_close_matches

from pvdm.errors import InputError

NAMED = 3  # how many names a message about an unknown one shows

Label = int | str
"""An index from 0, a class's name, or an index written as text."""


def class_index(label: Label, count: int | None, names: Sequence[str] | None) -> int:
    """The index of a class, 0 .. count - 1; InputError if there is no such class, or none at all (count None)."""
    if count is None:
        raise InputError(
            "this model has no classes",
            "leave out the label, or train stage 2 with model.denoiser.classes",
        )
    if isinstance(label, str) and names and label in names:
        return list(names).index(label)
    if isinstance(label, str) and not label.strip().removeprefix("-").isdecimal():
        raise InputError(_no_class(label, count, names))
    index = int(label) if isinstance(label, str) else operator.index(label)
    if not 0 <= index < count:
        raise InputError(f"the label is {index}", f"the {count} classes of this model are 0 to {count - 1}")
    return index


def one_each(labels: Label | Sequence[Label], videos: int) -> list[Label]:
    """A label for each of the videos: those given, or a single one for all; InputError for another number."""
    if isinstance(labels, str) or not isinstance(labels, Sequence):
        return [labels] * videos
    if len(labels) != videos:
        raise InputError(f"there are {len(labels)} labels for {videos} videos", "give one for each, or one for all")
    return list(labels)


def _no_class(name: str, count: int, names: Sequence[str] | None) -> str:
    if not names:
        return f"this model knows its {count} classes by index alone, not {name!r}; give 0 to {count - 1}"
    lower = {known.lower(): known for known in names}
    near = [lower[match] for match in get_close_matches(name.lower(), lower, NAMED)]
    shown = f"near it are {', '.join(near)}" if near else f"the first are {', '.join(names[:NAMED])}"
    return f"{name!r} is none of this model's {count} classes ({shown}); give a name or an index from 0 to {count - 1}"
