"""The watermark: invisible, read from any part and size of a coded video, and not seen where it is not."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pvdm.errors import InputError
from pvdm.provenance import Watermark, detect
from pvdm.provenance.bch_code import codewords
from pvdm.provenance.watermark import KEY, cosines
from pvdm.video import read_frames, save_video

PAYLOAD = 51_966


def textured(frames: int = 6, side: int = 128, seed: int = 0) -> torch.Tensor:
    """(3, t, side, side) uint8: a cloudy picture that drifts, with grain."""
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, 3, side, side))).float()
    waves = sum(F.interpolate(noise[..., : side // n, : side // n], (side, side), mode="bicubic") for n in (2, 8, 32))
    moved = torch.stack([waves[0].roll(2 * index, -1) for index in range(frames)], dim=1)
    return (128 + 30 * moved).clamp(0, 255).byte()


@pytest.fixture(scope="module")
def marked() -> torch.Tensor:
    return Watermark(PAYLOAD).marked(textured())


def test_any_two_codes_differ_in_23_bits():
    """It is linear, so the weights are the distances."""
    weights = (codewords() < 0).sum(1)
    assert codewords().shape == (65536, 63) and weights[0] == 0 and weights[1:].min() == 23
    sums = codewords()[[1, 2, 4, 9]].prod(0)
    assert (sums == codewords()[1 ^ 2 ^ 4 ^ 9]).all()


def test_it_is_faint_and_read_from_each_frame(marked):
    error = (marked.float() - textured().float()).square().mean()
    assert 42 < 10 * torch.log10(255**2 / error) < 44
    for parts in ([marked], marked.split(2, dim=1), [marked[:, 3:4]]):
        found = detect(parts)
        assert found.is_found and (found.payload, found.wrong_bits) == (PAYLOAD, 0)
    assert torch.equal(Watermark(PAYLOAD).marked(textured()[:, 2:4]), marked[:, 2:4])


def test_it_survives_coding_and_scaling(tmp_path, marked):
    save_video(marked, tmp_path / "a.mp4", fps=8)
    coded = torch.from_numpy(read_frames(tmp_path / "a.mp4", range(6))).permute(3, 0, 1, 2)
    larger = F.interpolate(coded.float().movedim(1, 0), (200, 180), mode="bilinear").clamp(0, 255).byte().movedim(1, 0)
    for video in (coded, larger):
        assert detect([video]).is_found and detect([video]).payload == PAYLOAD


def test_nothing_is_found_without_one_or_with_another_key(monkeypatch, marked):
    assert not any(detect([textured(2, seed=seed)]).is_found for seed in range(3))
    assert not detect([torch.full((3, 2, 40, 40), 7, dtype=torch.uint8)]).is_found
    assert not detect([marked], key="secret").is_found
    monkeypatch.setenv(KEY, "secret")
    assert not detect([marked]).is_found
    assert detect([Watermark(PAYLOAD).marked(textured())], key="secret").payload == PAYLOAD


def test_the_bound_of_false_alarms_holds_for_random_keys(marked):
    """The bound is a chance under a random key: at most a share p of the keys may give a bound of p or less."""
    bounds = sorted(detect([marked[:, :1]], key=str(number)).false_alarms for number in range(20))
    assert bounds[0] > 1e-3 and all(low <= high for low, high in pairwise(bounds))


@pytest.mark.parametrize("height", [3, 64, 300])
def test_cosines_are_orthonormal(height):
    rows = cosines(height).double()
    torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows), dtype=torch.float64), atol=1e-5, rtol=0)


def test_refusals():
    with pytest.raises(InputError, match="the watermark is 65536; give a number from 0 to 65535"):
        Watermark(65536)
    with pytest.raises(InputError, match="no frames"):
        detect([])
    tiny = torch.zeros(3, 1, 2, 5, dtype=torch.uint8)  # none of the band's coefficients
    assert torch.equal(Watermark(1).marked(tiny), tiny) and not detect([tiny]).is_found
