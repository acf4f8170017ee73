"""The published figures: each has a source and its trust, and none is one of those that are known to be wrong."""

from __future__ import annotations

import math

import pytest

from pvdm.benchmark.report.published_figures import efficiency, notes, published
from pvdm.evaluation.protocols import PROTOCOLS

DATASETS = ("ucf101", "skytimelapse")
ROWS = [row for dataset in DATASETS for row in published(dataset)]


@pytest.mark.parametrize("row", [*ROWS, *efficiency()], ids=lambda row: f"{row.method} {row.source}"[:40])
def test_each_has_a_source_and_its_trust(row):
    assert row.source
    assert row.url.startswith("https://")
    assert row.trust in ("paper", "secondary")


def test_values_are_numbers_of_known_measures():
    assert {row.id for row in ROWS} <= {"fvd16", "fvd128", "is", "rfvd", "psnr", "ssim", "lpips"}
    assert all(math.isfinite(row.value) and row.value > 0 for row in ROWS)
    assert {row.part for row in ROWS} <= {None, "train", "test"}


def test_each_is_listed_once():
    keys = [(row.dataset, row.id, row.method, row.setting, row.part, row.size, row.classes) for row in ROWS]
    assert len(set(keys)) == len(keys)


def test_protocols_are_ours():
    assert {row.protocol for row in ROWS} - {None} <= set(PROTOCOLS)


def test_wrong_figures_of_pvdm_are_no_baseline_but_are_spoken_of():
    assert not {1141.9, 1140.0, 75.5} & {row.value for row in ROWS}
    assert all("1141.9" in notes(dataset)[0]["text"] for dataset in DATASETS)


@pytest.mark.parametrize(
    "dataset, id, setting, part, value",
    [
        ("ucf101", "fvd16", "400/400", None, 343.6),
        ("ucf101", "fvd128", "400/400", None, 648.4),
        ("skytimelapse", "fvd16", "400/400", None, 55.41),
        ("skytimelapse", "fvd128", "400/400", None, 125.2),
        ("ucf101", "rfvd", None, "test", 32.26),
        ("skytimelapse", "psnr", None, "train", 34.33),
    ],
)
def test_the_papers_own_figures(dataset, id, setting, part, value):
    found = [row for row in published(dataset) if row.method in ("PVDM-L", "PVDM")]
    assert [row.value for row in found if (row.id, row.setting, row.part) == (id, setting, part)] == [value]


def test_time_and_memory_name_their_device():
    assert all(row.device and row.seconds > 0 and row.memory > 0 for row in efficiency())
