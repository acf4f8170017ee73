"""The cosine transform over time, against SciPy's, and the lapped transform of the frames."""

from dataclasses import replace

import pytest
import torch
from scipy.fft import dct

from pvdm.autoencoder import SpectralConfig
from pvdm.autoencoder.spectral import spectrum as module
from pvdm.autoencoder.spectral.spectrum import Spectrum, cosines, lapped

CONFIG = SpectralConfig(frames=7, height=12, width=20, patch=4, content_channels=(1,))


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("kind", "shift"), [(2, 0.0), (4, 0.5)])
def test_cosines_are_scipys(kind, shift):
    found = torch.from_numpy(dct(torch.eye(6, dtype=torch.float64).numpy(), type=kind, axis=0, norm="ortho"))
    torch.testing.assert_close(cosines(6, shift), found)


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_it_has_an_inverse(patch):
    spectrum = Spectrum(replace(CONFIG, patch=patch))
    video, plane = noise(2, 3, 7, 12, 20), noise(2, 3, 7, 5)
    torch.testing.assert_close(spectrum.to_video(spectrum.pictures(spectrum(video))), video, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(spectrum.to_plane(spectrum.of_plane(plane)), plane)


def test_a_still_clip_has_its_lowest_frequency_alone():
    found = Spectrum(CONFIG)(noise(1, 3, 1, 12, 20).expand(-1, -1, 7, -1, -1))
    assert found[..., 1:, :].abs().max() < 1e-5 < found[..., 0, :].abs().max()


def test_patches_overlap_by_half_of_their_neighbors():
    """A patch changes with the pixels up to half a patch beyond its borders, and with no others."""
    spectrum, video = Spectrum(CONFIG), torch.zeros(20, 3, 7, 12, 20)
    for x, clip in enumerate(video):
        clip[:, :, 4:8, x] = 1
    changed = spectrum(video)[:, 1, 2].abs().amax((1, 2)) > 1e-6  # by each column, in the patch of columns 8 to 11
    assert changed.nonzero().flatten().tolist() == list(range(6, 14))


@pytest.mark.parametrize("patch_size", [2, 3, 4, 5, 8])
def test_the_lapped_transform_keeps_constants_and_is_orthonormal_without_scaling(patch_size, monkeypatch):
    length = 4 * patch_size
    mixing = lapped(length, patch_size)
    torch.testing.assert_close(mixing.sum(1), torch.ones(length, dtype=torch.float64))
    monkeypatch.setattr(module, "SCALING", 1.0)
    mixing = lapped(length, patch_size)
    torch.testing.assert_close(mixing @ mixing.T, torch.eye(length, dtype=torch.float64))


def test_it_concentrates_smooth_rows_better_than_patches_alone():
    """Coding gain for neighboring pixels that correlate by 0.95, 8 to a patch: the published 9.2 dB against 8.8."""
    distance = torch.arange(64.0, dtype=torch.float64)
    covariance = 0.95 ** (distance[:, None] - distance).abs()

    def gain(mixing):
        mixed = mixing @ covariance @ mixing.T
        patch = cosines(8) @ mixed[24:32, 24:32] @ cosines(8).T  # in the middle, where both neighbors exist
        return -10 * patch.diagonal().log10().mean().item()

    assert gain(torch.eye(64, dtype=torch.float64)) == pytest.approx(8.83, abs=0.01)
    scaled = lapped(64, 8)
    norms = torch.linalg.inv(scaled)[24:32].square().sum(1).sqrt()
    assert gain(scaled) - 20 * norms.log10().mean().item() > 9.1
