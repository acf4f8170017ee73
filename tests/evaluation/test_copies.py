"""Copies are found, even slightly altered ones, and new real clips are called copies as rarely as stated."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from pvdm.errors import InputError
from pvdm.evaluation.clips.protocol_clips import open_source
from pvdm.evaluation.features.thumbnails import WIDTH, Thumbnails, mirrored
from pvdm.evaluation.metrics.copies import FEWEST_HELD_OUT, find_copies
from pvdm.evaluation.protocols import PROTOCOLS


def rows(count: int, seed: int) -> np.ndarray:
    """Thumbnails (n, 768) of varying density, as those of real clips."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(5, WIDTH))
    spread = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    kinds = generator.integers(5, size=count)
    return centres[kinds] + generator.normal(size=(count, WIDTH)) * spread[kinds, None]


@pytest.mark.parametrize(("held", "rate"), [(9, 1 / 10), (44, 1 / 45), (99, 1 / 100), (250, 2 / 251), (400, 4 / 401)])
def test_new_real_clips_are_called_copies_as_often_as_stated(held, rate):
    training = rows(60, 1)
    found = [find_copies(rows(50, 1000 + n), training, rows(held, 2000 + n)) for n in range(30)]
    assert [copies.expected for copies in found] == pytest.approx([rate] * 30)
    assert np.mean([copies.share for copies in found]) == pytest.approx(rate, rel=0.6, abs=0.006)


def test_copies_and_mirrored_copies_are_found():
    training, held = rows(80, 1), rows(60, 2)
    for copies in (training, training + 1e-3, mirrored(training)):
        assert find_copies(copies, training, held).share == 1
    half = np.concatenate([training[:30], rows(30, 4)])
    assert find_copies(half, training, held).share == pytest.approx(0.5, abs=0.1)
    twice = np.concatenate([training, training])
    assert find_copies(training + 1e-3, twice, held).share == 1


def test_leaked_held_out_clips_do_not_set_the_threshold():
    training, held = rows(80, 1), rows(60, 2)
    clean, leaked = (find_copies(rows(50, 3), training, new) for new in (held, np.concatenate([held, training[:5]])))
    assert (leaked.share, leaked.expected, leaked.held_out, leaked.leaked) == (clean.share, clean.expected, 60, 5)
    assert "5 of the held-out clips are training clips and were ignored" in leaked.note
    assert "training clips" not in clean.note
    with pytest.raises(InputError, match="but there are 8; give data"):
        find_copies(held, training, np.concatenate([held[:8], training]))


def test_the_note_explains_a_rough_threshold():
    training = rows(50, 1)
    note = (
        "44 held-out clips give a threshold that calls 2.2% of new real clips copies; 99 of them would give one of 1%"
    )
    assert find_copies(rows(9, 3), training, rows(44, 2)).note == note
    assert find_copies(rows(9, 3), training, rows(99, 2)).note is None


def test_too_few_held_out_clips_set_no_limit():
    with pytest.raises(InputError, match="but there are 8; give data whose test part has as many, or pass such clips"):
        find_copies(rows(5, 0), rows(50, 1), rows(FEWEST_HELD_OUT - 1, 2))


def clips(count: int, seed: int = 0) -> Tensor:
    """Clips (n, 3, 8, 64, 96) uint8 of smooth moving shapes."""
    blocks = torch.rand(count, 3, 4, 5, 7, generator=torch.Generator().manual_seed(seed))
    return (F.interpolate(blocks, size=(8, 64, 96), mode="trilinear") * 255).round().byte()


def jpeg(video: Tensor) -> Tensor:
    """Of bad quality."""
    frames = video.transpose(1, 2).flatten(0, 1)
    return torch.stack([_jpeg(frame) for frame in frames]).unflatten(0, (len(video), -1)).transpose(1, 2)


def _jpeg(frame: Tensor) -> Tensor:
    file = io.BytesIO()
    Image.fromarray(frame.movedim(0, -1).numpy()).save(file, "JPEG", quality=30)
    return torch.from_numpy(np.asarray(Image.open(file)).copy()).movedim(-1, 0)


def brighter(video: Tensor) -> Tensor:
    return (video * 0.8 + 40).byte()


def blurred(video: Tensor) -> Tensor:
    small = F.interpolate(video.float(), scale_factor=(1, 1 / 4, 1 / 4), mode="area")
    return F.interpolate(small, size=video.shape[2:], mode="trilinear").byte()


def shifted(video: Tensor) -> Tensor:
    """By 1.5 % of the width."""
    by = round(video.shape[-1] / 64)
    return torch.cat([video[..., :by], video[..., :-by]], dim=-1)


ALTERED = [jpeg, brighter, blurred, shifted, lambda video: video.flip(-1)]
each = pytest.mark.parametrize("alter", ALTERED, ids=["jpeg", "brighter", "blurred", "shifted", "mirrored"])


@each
def test_altered_copies_are_copies(alter):
    look, training = Thumbnails(), clips(20)
    found, known, new = (look(video).numpy() for video in (alter(training), training, clips(20, 1)))
    assert find_copies(found, known, new).share == 1
    assert find_copies(look(alter(clips(20, 2))).numpy(), known, new).share < 0.3


def test_thumbnails_know_neither_brightness_nor_contrast_nor_size():
    video = clips(3)
    look = Thumbnails()(video)
    assert look.shape == (3, WIDTH)
    torch.testing.assert_close(Thumbnails()(brighter(video)), look, atol=0.05, rtol=0)
    torch.testing.assert_close(Thumbnails()(video.repeat_interleave(2, -1)), look, atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.from_numpy(mirrored(look.numpy())), Thumbnails()(video.flip(-1)))
    assert Thumbnails()(torch.full((2, 3, 4, 16, 16), 7, dtype=torch.uint8)).abs().max() < 1e-3


def test_real_clips(shared_data):
    """Halves of the held-out real clips judge each other; altered training clips are found."""
    train, test = (videos_of(shared_data / "sky_timelapse", part) for part in ("train", "test"))
    look = Thumbnails()
    known, unseen = look(train[::2]).numpy(), look(torch.cat([train[1::2], test])).numpy()
    orders = [np.random.default_rng(seed).permutation(len(unseen)) for seed in range(50)]
    half = len(unseen) // 2
    found = [find_copies(unseen[order[half:]], known, unseen[order[:half]]) for order in orders]
    assert np.mean([copies.share for copies in found]) == pytest.approx(found[0].expected, abs=0.03)
    for alter in ALTERED:
        assert find_copies(look(alter(train)).numpy(), look(train).numpy(), look(test).numpy()).share == 1


def videos_of(root: Path, part: str) -> Tensor:
    """Clips (n, 3, 16, 64, 64) of a part of SkyTimelapse."""
    protocol = PROTOCOLS["nearest/16f"].with_changes(size=64)
    source = open_source(root, protocol, role="real", layout="skytimelapse", part=part)
    return torch.stack([clip.video for clip in source.read(range(len(source)), batch_size=4)])
