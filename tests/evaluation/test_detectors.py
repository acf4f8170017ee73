"""Detectors by name: called as in the published code, frozen, in float32, and other files are refused."""

import warnings
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from reference import released_state_dict, video
from torch import Tensor, nn

from pvdm.errors import InputError
from pvdm.evaluation.features.detectors import DETECTORS, Detector, load_detector
from pvdm.evaluation.features.i3d import I3D, square
from pvdm.video.pixels import to_uint8


class ScriptedI3D(nn.Module):
    """A stand-in for i3d_torchscript.pt whose rows of width 400 describe its input."""

    def __init__(self, width: int = 400) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False) -> Tensor:
        assert rescale and resize and return_features
        assert x.dtype == torch.uint8
        return self.dropout((x / 255 * 2 - 1).mean([1, 2, 3, 4])[:, None] + self.bias)


class ScriptedC3D(nn.Module):
    """A stand-in for c3d_ucf101.pt: probabilities of 101 classes for 16 frames."""

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2] == 16
        return (x.float().mean([1, 2, 3, 4])[:, None] * torch.arange(101) / 1000).softmax(1)


class Pair(nn.Module):
    """Returns two tensors."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def scripted(network: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.script(network).save(path)
    return path


@pytest.fixture
def clips() -> Tensor:
    return to_uint8(video(1, 3, 16, 24, 32))


@pytest.fixture(scope="module")
def random() -> Detector:
    return load_detector("i3d-random")


def test_the_names():
    assert DETECTORS.keys() >= {"i3d-400", "i3d-torchscript", "i3d-random", "c3d-ucf101"}
    with pytest.raises(InputError, match="no detector i3d; choose one of i3d-400, i3d-torchscript, i3d-random, c3d-"):
        load_detector("i3d")


def test_stylegan_vs_i3d_is_called_as_published(tmp_path, clips):
    path = scripted(ScriptedI3D(), tmp_path / "mine.pt")
    detector = load_detector("i3d-torchscript", path)
    wanted = (clips.double() / 127.5 - 1).mean((1, 2, 3, 4))[:, None].expand(3, 400).float()
    torch.testing.assert_close(detector(clips), wanted, rtol=0, atol=1e-6)  # no dropout: in evaluation mode
    assert not detector(clips).requires_grad
    assert detector.dimensions == 400
    url = "https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1"
    digest = sha256(path.read_bytes()).hexdigest()
    assert detector.describe() == {"name": "i3d-torchscript", "file": "mine.pt", "sha256": digest, "url": url}


def test_c3d_gives_probabilities(tmp_path, clips):
    detector = load_detector("c3d-ucf101", scripted(ScriptedC3D(), tmp_path / "c3d.pt"))
    rows = detector(clips)
    assert rows.shape == (3, detector.dimensions) == (3, 101)
    torch.testing.assert_close(rows.sum(1), torch.ones(3))


def test_clips_that_the_network_cannot_process_are_refused(tmp_path, clips):
    detector = load_detector("c3d-ucf101", scripted(ScriptedC3D(), tmp_path / "c3d.pt"))
    with pytest.raises(InputError, match=r"c3d\.pt .* it fails with 3 clips of 15 frames of 24x32: "):
        detector(clips[:, :, :15])


def content_of(kind: str, path: Path) -> None:
    """Writes a file that is not a detector."""
    if kind in ("half", "narrow"):
        scripted(ScriptedI3D(400 if kind == "half" else 399), path)
        path.write_bytes(path.read_bytes()[: -1000 if kind == "half" else None])
    elif kind == "other options":
        scripted(ScriptedC3D(), path)
    elif kind == "weights":
        torch.save({"logits.conv3d.bias": torch.zeros(400)}, path)
    else:
        path.write_bytes({"text": b"not weights", "empty": b""}[kind])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("text", "is not a TorchScript file, or is incomplete"),
        ("empty", "is not a TorchScript file, or is incomplete"),
        ("half", "is not a TorchScript file, or is incomplete"),
        ("weights", "is not a TorchScript file, or is incomplete"),
        ("narrow", r"returns \(1, 399\) for 1 clip of 16 frames of 64x64, instead of \(1, 400\)"),
        ("other options", "fails with 1 clip of 16 frames of 64x64: .*"),
    ],
)
def test_another_file_is_refused_when_it_is_loaded(tmp_path, kind, reason):
    path = tmp_path / "wrong.pt"
    content_of(kind, path)
    wanted = (
        rf"wrong\.pt cannot be used as i3d_torchscript\.pt: it {reason}; fetch https://www\.dropbox.*--detector-path"
    )
    with pytest.raises(InputError, match=wanted) as error:
        load_detector("i3d-torchscript", path)
    assert "\n" not in str(error.value)


def test_a_file_of_torchs_cache_that_is_another_is_to_be_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / "c3d_ucf101.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"an older web page")
    with pytest.raises(InputError, match=r"c3d_ucf101\.pt cannot be used .*; delete it so that it is fetched again$"):
        load_detector("c3d-ucf101")


def test_a_network_that_returns_no_tensor_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"returns tuple for 1 clip"):
        load_detector("c3d-ucf101", scripted(Pair(), tmp_path / "pair.pt"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no file .*absent\.pt \(c3d_ucf101\.pt is needed\); fetch https://"):
        load_detector("c3d-ucf101", tmp_path / "absent.pt")


def test_a_file_without_an_address_must_be_given(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"i3d_pretrained_400\.pt is needed .*PVDM.*TATS.*--detector-path"):
        load_detector("i3d-400")


def test_i3d_400_is_i3d_on_squares_of_224(tmp_path, clips):
    state = released_state_dict("i3d")
    torch.save(state, tmp_path / "i3d_pretrained_400.pt")
    detector = load_detector("i3d-400", tmp_path / "i3d_pretrained_400.pt")
    network = I3D()
    network.load_state_dict(state)
    with torch.no_grad():
        wanted = network(square(clips[:1, :, :1], 224))
    torch.testing.assert_close(detector(clips[:1, :, :1]), wanted, rtol=0, atol=1e-6)
    assert detector.describe()["file"] == "i3d_pretrained_400.pt"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"logits.conv3d.weight": torch.zeros(600, 1024, 1, 1, 1)}, r"no logits\.conv3d\.weight of size \[400, 1024"),
        ({"logits.conv3d.bias": None}, r"no logits\.conv3d\.bias of size \[400\]"),
        ({"epoch": 3}, "does not hold only I3D .it has epoch."),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, change, reason):
    torch.save(I3D().state_dict() | change, tmp_path / "other.pt")
    with pytest.raises(InputError, match=rf"other\.pt .*{reason}.*; it is the PyTorch port of I3D"):
        load_detector("i3d-400", tmp_path / "other.pt")


def test_a_file_without_weights_is_refused(tmp_path):
    (tmp_path / "text.pt").write_bytes(b"not weights")
    with pytest.raises(InputError, match=r"text\.pt cannot be read .*; it is the PyTorch port of I3D"):
        load_detector("i3d-400", tmp_path / "text.pt")


def test_random_i3d_is_the_same_each_time(random):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        again = load_detector("i3d-random").describe()
    assert random.describe() == again
    assert again["file"] is again["url"] is None
    assert len(again["sha256"]) == 64
    with pytest.raises(InputError, match="i3d-random needs no file"):
        load_detector("i3d-random", "weights.pt")


def test_each_row_depends_on_its_clip_alone(random, clips):
    clips = clips[:, :, :4]
    together = random(clips)
    assert together.shape == (3, 400)
    assert together.dtype == torch.float32
    alone = torch.cat([random(clip[None]) for clip in clips.flip(0)]).flip(0)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_autocast_does_not_reach_it(random, clips):
    clips = clips[:1, :, :4]
    with torch.autocast("cpu", torch.bfloat16):
        found = random(clips)
    assert torch.equal(found, random(clips))


def test_settings_of_matrix_products_do_not_apply(random, clips):
    torch.set_float32_matmul_precision("high")
    try:
        random(clips[:1, :, :2])
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_it_is_not_a_submodule_of_its_owner(random, clips):
    clips = clips[:1, :, :2]
    before = random(clips)
    parent = nn.Linear(2, 2)
    parent.detector = random
    parent.train()
    assert set(parent.state_dict()) == {"weight", "bias"}
    assert torch.equal(random(clips), before)
    assert not before.requires_grad


@pytest.mark.parametrize("wrong", [torch.zeros(1, 3, 2, 8, 8), torch.zeros(1, 2, 3, 8, 8, dtype=torch.uint8)])
def test_only_uint8_clips_are_taken(random, wrong):
    with pytest.raises(ValueError, match=r"takes clips \(b, 3, t, h, w\) in uint8"):
        random(wrong)
