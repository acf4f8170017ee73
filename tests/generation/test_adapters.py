"""Low-rank adapters: attached and merged they give the same, they add up, and files say what they are for."""

from __future__ import annotations

import logging

import pytest
import torch
from generation.small_models import AUTOENCODER, small_generator
from safetensors.torch import save_file
from torch import nn

from pvdm.cli import main
from pvdm.commands.terminal.shared_options import adapter as option
from pvdm.diffusion import DiffusionConfig, TransformerConfig
from pvdm.diffusion.adapters.adapter_file import StoredAdapter
from pvdm.diffusion.adapters.low_rank import AdapterConfig, LowRankAdapter, merge, target_layers
from pvdm.errors import InputError
from pvdm.files.weights import sha256_of_weights
from pvdm.generation import VideoGenerator

CONFIG = AdapterConfig(rank=2, alpha=3.0)


def transformer() -> VideoGenerator:
    """With a joint transformer whose last layer is not zero."""
    torch.manual_seed(0)
    sizes = TransformerConfig(4, tuple(AUTOENCODER.latent_shape), 32, 1, 2, frame_patch=8)
    generator = VideoGenerator(AUTOENCODER, sizes, DiffusionConfig(200)).eval()
    nn.init.normal_(generator.denoiser.to_planes["hw"].weight)
    return generator


def filled(network: nn.Module, config: AdapterConfig = CONFIG, seed: int = 0) -> LowRankAdapter:
    """An adapter that changes something."""
    torch.manual_seed(seed)
    adapter = LowRankAdapter(network, config)
    for value in adapter.up.values():
        nn.init.normal_(value, std=0.1)
    return adapter


def output(generator: VideoGenerator) -> torch.Tensor:
    z = torch.randn(
        2, 4, generator.autoencoder.config.latent_shape.positions, generator=torch.Generator().manual_seed(3)
    )
    with torch.no_grad():
        return generator.denoiser(z, torch.tensor([5, 100]))


def stored(generator: VideoGenerator, path, seed: int = 0) -> str:
    adapter = filled(generator.denoiser, seed=seed)
    StoredAdapter(adapter.tensors(), CONFIG, sha256_of_weights(generator.denoiser)).save(path)
    return str(path)


@pytest.mark.parametrize("build", [small_generator, transformer])
def test_attached_and_merged_are_the_same(build):
    generator = build()
    before, adapter = output(generator), filled(generator.denoiser)
    handles = adapter.attach(generator.denoiser)
    attached = output(generator)
    for handle in handles:
        handle.remove()
    assert torch.equal(output(generator), before) and not torch.allclose(attached, before, atol=1e-3)
    merge(generator.denoiser, adapter.tensors(), CONFIG)
    torch.testing.assert_close(output(generator), attached, rtol=1e-4, atol=1e-4)
    merge(generator.denoiser, adapter.tensors(), CONFIG, -1.0)
    torch.testing.assert_close(output(generator), before, rtol=1e-4, atol=1e-4)


def test_a_new_adapter_changes_nothing_and_alone_gets_gradients():
    generator = transformer()
    before = output(generator)
    adapter = LowRankAdapter(generator.denoiser.requires_grad_(False), CONFIG)
    adapter.attach(generator.denoiser)
    assert torch.equal(output(generator), before)
    z = torch.randn(1, 4, generator.autoencoder.config.latent_shape.positions)
    generator.denoiser(z, torch.tensor([7])).square().mean().backward()
    assert all(value.grad is not None and value.grad.any() for value in adapter.up.values())
    assert all(value.grad is None for value in generator.denoiser.parameters())


def test_pointwise_convolutions_are_layers_too():
    network = nn.Sequential(nn.Conv2d(4, 6, 1), nn.Conv2d(6, 6, 3))
    assert list(target_layers(network, ("0", "1"))) == ["0"]
    adapter = filled(network, AdapterConfig(rank=2, targets=("0",)))
    x = torch.randn(1, 4, 5, 5)
    (handle,) = adapter.attach(network)
    wanted = network(x)
    handle.remove()
    merge(network, adapter.tensors(), adapter.config)
    torch.testing.assert_close(network(x), wanted)


def test_a_file_is_small_and_adapters_add_up(tmp_path, caplog):
    base = transformer()
    first, second = (stored(base, tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2))
    assert (tmp_path / "1.safetensors").stat().st_size < 20_000
    one_way, other_way = transformer(), transformer()
    one_way.load_adapter(first)
    one_way.load_adapter(second, 0.5)
    other_way.load_adapter(second, 0.5)
    other_way.load_adapter(first)
    assert not caplog.records and one_way.adapted.files == ((first, 1.0), (second, 0.5))
    for found, wanted in zip(one_way.denoiser.parameters(), other_way.denoiser.parameters(), strict=True):
        torch.testing.assert_close(found, wanted)
    unchanged = transformer()
    unchanged.load_adapter(first, 0.0)
    assert sha256_of_weights(unchanged.denoiser) == sha256_of_weights(base.denoiser)


def test_what_does_not_fit_is_refused_and_another_base_told(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    base = transformer()
    path = stored(base, tmp_path / "a.safetensors")
    nn.init.normal_(base.denoiser.position)
    base.load_adapter(path)
    assert f"{path} was trained for another model than" in caplog.text
    with pytest.raises(InputError, match=r"the adapter changes blocks.0.* which the denoiser does not have"):
        small_generator().load_adapter(path)
    with pytest.raises(InputError, match="stage-1 autoencoder"):
        small_generator(denoiser=False).load_adapter(path)
    with pytest.raises(InputError, match=r"the weight of .* is nan; give a finite number"):
        base.load_adapter(path, float("nan"))
    before = sha256_of_weights(base.denoiser)
    wrong = {**StoredAdapter.load(path).tensors, "blocks.0.mlp.up.down": torch.zeros(2, 7)}
    StoredAdapter(wrong, CONFIG, "").save(tmp_path / "wrong.safetensors")
    with pytest.raises(InputError, match=r"the adapter's blocks.0.mlp.up is .*\(2, 7\)\], and the layer has 128 x 32"):
        base.load_adapter(tmp_path / "wrong.safetensors")
    assert sha256_of_weights(base.denoiser) == before


def test_files_that_are_no_adapters(tmp_path):
    with pytest.raises(InputError, match="there is no adapter"):
        StoredAdapter.load(tmp_path / "none")
    (tmp_path / "damaged").write_bytes(b"0123456789")
    with pytest.raises(InputError, match="is damaged or not an adapter"):
        StoredAdapter.load(tmp_path / "damaged")
    save_file({"a": torch.zeros(2)}, tmp_path / "other")
    with pytest.raises(InputError, match="other is not an adapter of pvdm"):
        StoredAdapter.load(tmp_path / "other")
    diverged = StoredAdapter({"a.up": torch.full((1, 1), float("nan"))}, CONFIG, "")
    with pytest.raises(InputError, match=r"a\.up is not finite"):
        diverged.save(tmp_path / "nan")
    for values, message in (
        ({"rank": 0}, "rank is 0"),
        ({"alpha": 0}, "alpha is 0"),
        ({"targets": ()}, "targets are empty"),
    ):
        with pytest.raises(ValueError, match=message):
            AdapterConfig(**values)
    with pytest.raises(ValueError, match="no layer is called none"):
        LowRankAdapter(transformer().denoiser, AdapterConfig(targets=("none",)))


def test_the_option_names_a_file_and_a_weight():
    assert option("a.safetensors") == ("a.safetensors", 1.0)
    assert option("a.safetensors:0.5") == ("a.safetensors", 0.5)
    assert option("C:/a:b.safetensors") == ("C:/a:b.safetensors", 1.0)
    assert option("a:-1") == ("a", -1.0)


def test_samples_with_an_adapter_are_those_of_the_merged_model(tmp_path):
    generator = transformer()
    generator.save_pretrained(tmp_path / "model")
    path = stored(generator, tmp_path / "a.safetensors")
    generator.load_adapter(path, 0.5)
    generator.save_pretrained(tmp_path / "merged")
    given = ["--num-videos", "1", "--steps", "2", "--device", "cpu", "--format", "gif", "--no-provenance"]
    assert main(["sample", str(tmp_path / "merged"), *given, "--output", str(tmp_path / "wanted")]) == 0
    adapted = ["sample", str(tmp_path / "model"), *given, "--adapter", f"{path}:0.5"]
    assert main([*adapted, "--output", str(tmp_path / "found")]) == 0
    found, wanted = (next((tmp_path / name).glob("*.gif")).read_bytes() for name in ("found", "wanted"))
    assert found == wanted
