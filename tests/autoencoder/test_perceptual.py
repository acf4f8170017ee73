"""LPIPS with VGG weights from a file: the right file is used, any other is refused in one sentence."""

import warnings
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import lpips
import pytest
import torch
from torch import nn
from torchvision.models import vgg

from pvdm.autoencoder import perceptual
from pvdm.autoencoder.perceptual import VGG, PerceptualDistance
from pvdm.errors import InputError


def features() -> nn.Sequential:
    """The convolutions of torchvision's VGG-16 with random weights."""
    return vgg.make_layers(vgg.cfgs["D"])


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return features()


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory) -> Path:
    """A file like torchvision's, but for its weights and its classifier."""
    path = tmp_path_factory.mktemp("vgg") / "random.pth"
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    torch.save({**state, "classifier.0.bias": torch.zeros(3)}, path)
    return path


@pytest.fixture
def no_classifier(monkeypatch):
    """Spares LPIPS the hundred million weights of VGG's classifier, which it throws away."""
    monkeypatch.setattr(lpips.pretrained_networks.tv, "vgg16", lambda pretrained: SimpleNamespace(features=features()))


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    """An empty cache of torch: the path of the VGG file there."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints" / VGG.name


@pytest.fixture
def published(weights, monkeypatch, tmp_path) -> Path:
    """The random weights as if they were those on torchvision's site."""
    path = tmp_path / "site" / VGG.name
    path.parent.mkdir()
    path.symlink_to(weights)
    digest = sha256(weights.read_bytes()).hexdigest()[:8]
    monkeypatch.setattr(perceptual, "VGG", replace(VGG, url=path.as_uri(), sha256=digest))
    return path


def no_network(*_, **__):
    raise URLError("no route to host")


def test_it_is_lpips_with_the_weights_of_the_file(weights, network, monkeypatch, no_classifier):
    distance = PerceptualDistance(weights)
    monkeypatch.setattr(lpips.pretrained_networks.tv, "vgg16", lambda pretrained: SimpleNamespace(features=network))
    oracle = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False).eval()
    found, wanted = torch.rand(2, 3, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(distance(found, wanted), oracle(found, wanted).mean())
    assert distance(found, found) == 0
    assert distance.record == {
        "file": weights.name,
        "sha256": sha256(weights.read_bytes()).hexdigest(),
        "url": perceptual.VGG.url,
    }
    assert distance(found, wanted) > 0


def test_the_distance_of_each_frame_is_that_of_its_pair_alone(weights, no_classifier):
    distance = PerceptualDistance(weights)
    found, wanted = torch.rand(2, 3, 3, 32, 32) * 2 - 1
    found[1] = wanted[1]
    rows = distance.per_frame(found, wanted)
    alone = [distance(found[i : i + 1], wanted[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(rows, torch.stack(alone))
    assert rows[1] == 0
    torch.testing.assert_close(rows.mean(), distance(found, wanted))


def test_it_is_frozen_and_passes_gradients_to_the_frames(weights, no_classifier):
    distance = PerceptualDistance(weights)
    found, wanted = torch.rand(2, 1, 3, 32, 32)
    found.requires_grad_()
    distance(found, wanted).backward()
    assert found.grad.abs().sum() > 0
    assert not isinstance(distance, nn.Module)  # so that no checkpoint holds its weights


def test_torchvisions_warnings_are_kept_from_the_user(weights):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PerceptualDistance(weights)


def test_without_network_it_says_where_to_place_the_file(cache, monkeypatch):
    monkeypatch.setattr("pvdm.files.weights.urlopen", no_network)
    with pytest.raises(InputError, match=r"no route to host.*lpips_weight 0") as error:
        PerceptualDistance()
    assert str(cache) in str(error.value)
    assert not cache.exists()


def test_it_is_downloaded_once_and_checked(cache, published, no_classifier, monkeypatch):
    PerceptualDistance()
    assert cache.read_bytes() == published.read_bytes()
    monkeypatch.setattr("pvdm.files.weights.urlopen", no_network)
    PerceptualDistance()


def test_a_damaged_file_under_the_known_name_is_told_by_its_digest(cache):
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"half of a download")
    with pytest.raises(InputError, match=r"is damaged.*397923af.*delete it"):
        PerceptualDistance()
    with pytest.raises(InputError, match="is damaged"):
        PerceptualDistance(cache)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no file .*missing\.pth"):
        PerceptualDistance(tmp_path / "missing.pth")


@pytest.mark.parametrize("content", [b"", b"not weights", [torch.zeros(1)], {"features.0.weight": torch.zeros(1)}])
def test_a_file_of_another_kind_is_refused(content, tmp_path, no_classifier):
    path = tmp_path / "renamed.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=r"renamed\.pth .*(fetch https://|check which file it is)"):
        PerceptualDistance(path)
