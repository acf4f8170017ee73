"""The warning for a model that is compared with other data than it was trained on, and no warning otherwise."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from pvdm.evaluation.clips.training_overlap import other_data


def said(data: dict | None, layout: str, *, names: tuple[str, ...] | None = None, classes=None) -> str | None:
    """The data of a model without a fingerprint."""
    videos = SimpleNamespace(root=Path("DATA"), layout=layout, classes=classes, videos=[])
    return other_data(SimpleNamespace(data=data, classes=names), videos)


UCF = {"layout": "ucf101", "card": {"name": None}, "videos": {"training": 100, "validation": 5, "absent": 9}}


def test_a_published_data_set_is_not_the_other():
    wanted = (
        "the model was trained on data of the layout ucf101 (105 videos), and DATA is other data: it is skytimelapse"
    )
    assert said(UCF, "skytimelapse") == wanted
    kittens = {"layout": "folder", "card": {"name": "kittens"}}
    assert said(kittens, "ucf101") == "the model was trained on kittens (folder), and DATA is other data: it is ucf101"


def test_other_classes_are_other_data():
    message = said(UCF, "classes", names=("Archery", "Biking"), classes=("Cats", "Dogs"))
    assert message.endswith("DATA is other data: it has other classes (Cats and not Archery)")
    assert said(UCF, "classes", names=("Archery", "Biking"), classes=("Biking", "Dogs")) is None


@pytest.mark.parametrize(
    ("data", "layout"),
    [
        (None, "ucf101"),
        ({}, "ucf101"),
        (UCF, "ucf101"),
        (UCF, "folder"),  # the same videos may lie in a plain folder
        ({**UCF, "files": "0" * 16}, "ucf101"),  # the same videos may be scaled
        ({"layout": "folder"}, "ucf101"),
        ({"layout": "folder", "card": {"name": "UCF-101 action recognition"}}, "ucf101"),
        ({"layout": "folder", "card": {"name": "kittens"}}, "folder"),
    ],
)
def test_nothing_is_reported_without_evidence(data, layout):
    assert said(data, layout) is None
