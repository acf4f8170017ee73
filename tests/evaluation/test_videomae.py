"""VideoMAE by the package cd-fvd: with a small network in its place, and with the package if it is installed."""

import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from pvdm.errors import InputError
from pvdm.evaluation.features.videomae import DIMENSIONS, VideoMAE

PACKAGE = "cdfvd.third_party.VideoMAEv2"


class Means(nn.Module):
    """Weighted mean colors of a clip."""

    def __init__(self, **options):
        super().__init__()
        self.options = options
        self.weight = nn.Parameter(torch.zeros(3))

    def forward_features(self, clips):
        assert not self.training
        return clips.mean((2, 3, 4)) * self.weight


@pytest.fixture
def package(monkeypatch):
    """The package's modules, with a network of three weights."""
    clips, networks = ModuleType("utils"), ModuleType("videomaev2_finetune")
    clips.preprocess_videomae = lambda videos: torch.from_numpy(videos).permute(0, 4, 1, 2, 3) / 255
    networks.vit_giant_patch14_224 = Means
    for name in ("cdfvd", "cdfvd.third_party", PACKAGE):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, f"{PACKAGE}.utils", clips)
    monkeypatch.setitem(sys.modules, f"{PACKAGE}.videomaev2_finetune", networks)


@pytest.mark.parametrize("under", ["model", "module", None])
def test_clips_and_weights_are_given_as_the_package_wants_them(package, tmp_path, under):
    weights = {"weight": torch.tensor([1.0, 2.0, 3.0])}
    torch.save({under: weights} if under else weights, tmp_path / "weights.pth")
    video = torch.zeros(2, 3, 4, 5, 6, dtype=torch.uint8)
    video[1, 0], video[1, 2] = 255, 51
    network = VideoMAE(tmp_path / "weights.pth").to(torch.device("cpu"))
    assert network._network.options["all_frames"] == 16
    torch.testing.assert_close(network(video), torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.6]]))


def test_a_file_of_something_else_is_refused(package, tmp_path):
    torch.save({"model": {"other": torch.zeros(3)}}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other.pth does not hold vit_g_hybrid.*give its path as --detector-path"):
        VideoMAE(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(InputError, match=r"text.pth"):
        VideoMAE(tmp_path / "text.pth")


def test_without_the_package_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cdfvd", None)
    with pytest.raises(InputError, match=r"needs the package cd-fvd .*; install it by pip install 'pvdm\[cdfvd\]'"):
        VideoMAE(tmp_path / "none.pth")


@pytest.mark.parametrize("frames", [16, 32])
def test_the_package_s_own_network_gives_its_own_features(monkeypatch, tmp_path, frames):
    networks = pytest.importorskip(f"{PACKAGE}.videomaev2_finetune", reason="the package cd-fvd is not installed")
    sizes = {"patch_size": 14, "embed_dim": 8, "depth": 1, "num_heads": 2, "init_values": 0.0}
    small = partial(networks.VisionTransformer, **sizes)
    monkeypatch.setattr(networks, "vit_giant_patch14_224", small)
    torch.manual_seed(0)
    wanted = small(num_classes=174).eval()
    torch.save({"module": wanted.state_dict()}, tmp_path / "small.pth")
    video = torch.randint(0, 256, (2, 3, frames, 32, 32), dtype=torch.uint8)

    frames = torch.nn.functional.interpolate(video.flatten(0, 1) / 255, size=(224, 224), mode="bilinear")
    with torch.no_grad():
        features = wanted.forward_features(frames.unflatten(0, (2, 3)))
        torch.testing.assert_close(VideoMAE(tmp_path / "small.pth")(video), features)


def test_the_width_is_that_of_the_giant_network(monkeypatch):
    networks = pytest.importorskip(f"{PACKAGE}.videomaev2_finetune", reason="the package cd-fvd is not installed")
    monkeypatch.setattr(networks, "VisionTransformer", lambda **sizes: SimpleNamespace(**sizes))
    assert networks.vit_giant_patch14_224().embed_dim == DIMENSIONS
