"""The card of a data set, which goes with a model that was trained on it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataCard:
    """What the user says of the data; free texts.

    Args:
        name: Of the data set.
        source: Where it is from, and whom to cite.
        license: Terms of use.
        preprocessing: What was done to the videos before they came here.
    """

    name: str | None = None
    source: str | None = None
    license: str | None = None
    preprocessing: str | None = None
