"""Activation checkpointing: any setting gives the same gradients, in fewer bytes, and computes its parts again."""

from __future__ import annotations

import copy

import pytest
import torch
from generation.small_models import UNET, randomized, small_autoencoder
from jsonargparse import ArgumentParser
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.diffusion import TriplaneUNet, UNetConfig
from pvdm.errors import InputError
from pvdm.runtime.recomputation import chosen, set_activation_checkpointing
from pvdm.training import AutoencoderTraining

FIRST = [True, "mlp", ["time", "space"], ["projections"], ["mlp", "time", "space", "projections"]]
SECOND = [True, "residual", ["attention"], ["across"], ["residual", "attention", "across"]]


def autoencoder() -> ProjectedAutoencoder:
    return randomized(ProjectedAutoencoder(small_autoencoder(depth=2))).train()


def unet(dropout: float = 0.0) -> TriplaneUNet:
    return randomized(TriplaneUNet(UNetConfig(**{**vars(UNET), "latent_shape": (4, 4, 6), "dropout": dropout}))).train()


def output(network: nn.Module) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if isinstance(network, ProjectedAutoencoder):
        config = network.config
        return network(torch.rand(1, 3, config.frames, config.height, config.width, generator=generator))
    z, context = torch.randn(2, 2, network.config.latent_channels, network.shape.positions, generator=generator)
    return network(z, torch.tensor([10, 700]), context)


def gradients(network: nn.Module) -> dict[str, Tensor]:
    torch.manual_seed(0)
    output(network).float().square().mean().backward()
    return {name: value.grad for name, value in network.named_parameters()}


def kept(network: nn.Module) -> int:
    """Bytes that autograd keeps for the backward pass: each storage once, without the parameters."""
    known, saved = {value.untyped_storage()._cdata for value in network.parameters()}, {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in known:
            saved[storage._cdata] = storage  # held, so that its address is not given to another
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        output(network)
    return sum(storage.nbytes() for storage in saved.values())


CASES = [(autoencoder, setting) for setting in FIRST] + [(unet, setting) for setting in SECOND]


@pytest.mark.parametrize(("make", "setting", "bf16"), [*((*case, True) for case in CASES), (*CASES[0], False)])
def test_gradients_are_the_same(make, setting, bf16):
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        wanted = gradients(make())
        network = make()
        set_activation_checkpointing(network, setting)
        found = gradients(network)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_dropout_draws_the_same_again():
    wanted = gradients(unet(dropout=0.5))
    network = unet(dropout=0.5)
    set_activation_checkpointing(network, ["residual"])
    torch.testing.assert_close(gradients(network), wanted, rtol=0, atol=0)


@pytest.mark.parametrize(("make", "setting"), CASES)
def test_each_setting_keeps_less_than_none_and_no_less_than_all(make, setting):
    network = make()
    nothing = kept(network)
    set_activation_checkpointing(network, setting)
    some = kept(network)
    set_activation_checkpointing(network, True)
    assert kept(network) <= some < nothing
    set_activation_checkpointing(network, False)
    assert kept(network) == nothing


@pytest.mark.parametrize(("make", "setting"), CASES)
def test_chosen_parts_alone_are_computed_again(make, setting):
    network, calls = make(), []
    set_activation_checkpointing(network, setting)
    parts = chosen(network, setting)
    names = {part: name for name, part in network.named_modules()}
    inside = {name for part in parts for name, child in network.named_modules() if name.startswith(names[part] + ".")}
    for name, child in network.named_modules():
        if isinstance(child, nn.Linear | nn.Conv2d | nn.LayerNorm | nn.GroupNorm):
            child.register_forward_hook(lambda *_, name=name: calls.append(name))
    loss = output(network).mean()
    once = len(calls)
    loss.backward()
    again = set(calls[once:])
    assert again and again <= inside
    assert all(any(name.startswith(names[part] + ".") for name in again) for part in parts)


def test_nothing_is_kept_for_recomputation_without_gradients_or_training():
    network = autoencoder()
    set_activation_checkpointing(network, True)
    calls = []
    network.encoder.layers[0].mlp.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        output(network)
    output(network.eval()).mean().backward()
    assert len(calls) == 2


def test_a_copy_computes_its_own_parts_again():
    network = autoencoder()
    set_activation_checkpointing(network, ["mlp"])
    other = copy.deepcopy(network)
    with torch.no_grad():
        for value in other.parameters():
            value.zero_()
    gradients(network)
    assert all(value.grad is None for value in other.parameters())
    assert not torch.equal(output(network), output(other))
    assert list(network.state_dict()) == list(autoencoder().state_dict())


@pytest.mark.parametrize(("make", "name"), [(autoencoder, "across"), (unet, "mlp")])
def test_another_name_is_refused(make, name):
    network = make()
    kinds = ", ".join(network.recomputable())
    with pytest.raises(InputError, match=rf"names '{name}'; give true, false or a list of {kinds}"):
        set_activation_checkpointing(network, [name])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("true", True), ("false", False), ("[mlp, projections]", ("mlp", "projections")), ("mlp", "mlp")],
)
def test_the_command_line_reads_every_form(text, wanted):
    parser = ArgumentParser(exit_on_error=False, parser_mode="omegaconf")
    parser.add_class_arguments(AutoencoderTraining, "model", skip={"autoencoder"})
    found = parser.parse_args([f"--model.activation_checkpointing={text}"])
    assert found.model.activation_checkpointing == wanted
