"""What is kept of videos is what the measures of evaluation find in each of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pvdm.benchmark.generation_figures import CURVES, curve, wanted_figures
from pvdm.benchmark.sample_measures import coherence_of
from pvdm.evaluation.metrics.coherence import coherence, coherence_curve

VIDEOS = torch.randint(256, (3, 3, 48, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_coherence_of_the_first_videos_alone():
    rows = coherence_of(7, curves=6).of(VIDEOS, [5, 6, 7])
    for name, values in rows.items():
        kind, _, key = name.partition("/")
        measure = coherence_curve if kind == "curve" else lambda video: coherence(video[:, :16])
        wanted = [measure(video)[key] for video in VIDEOS[: 1 if kind == "curve" else 2]]
        np.testing.assert_array_equal(values, np.array(wanted))
    assert {"coherence/warping_error", "curve/sharpness", "curve/start_frames"} <= rows.keys()
    assert coherence_of(5, curves=5).of(VIDEOS, [5, 6, 7]) == {}


def test_a_curve_is_the_mean_of_those_of_the_videos():
    rows = coherence_of(0, curves=3).of(VIDEOS, [0, 1, 2])
    found = curve(rows)
    assert (found["videos"], found["start_frames"]) == (3, [0, 16, 32])
    for name in CURVES:
        wanted = np.mean([coherence_curve(video)[name] for video in VIDEOS], axis=0)
        np.testing.assert_allclose(found[name], wanted, rtol=1e-12)


def test_no_curve_without_videos():
    assert curve({}) == {"videos": 0, "start_frames": [], **{name: [] for name in CURVES}}


@pytest.mark.parametrize(
    ("videos", "protocol"), [(5, "stylegan-v/isv2048_ucf"), (9_999, "stylegan-v/isv2048_ucf"), (10_000, "tats/is")]
)
def test_the_inception_score_takes_as_many_videos_as_there_are(videos, protocol):
    plan = SimpleNamespace(num_videos=videos, dataset="ucf101")
    [found] = [spec for spec in wanted_figures(SimpleNamespace(plan=plan, wants_random=False)) if spec.id == "is"]
    assert found.protocol == protocol
    plan.dataset = "skytimelapse"
    assert [spec.id for spec in wanted_figures(SimpleNamespace(plan=plan, wants_random=False))] == ["fvd16", "fvd128"]
