"""Reduced precision: which weights are cast, which stay float32, and the warning where it does not pay off."""

from __future__ import annotations

import logging

import pytest
import torch
from generation.small_models import small_generator
from torch import nn

from pvdm.commands.terminal.shared_options import device_of
from pvdm.diffusion import SamplerConfig
from pvdm.runtime.precision import allow_tf32, bfloat16_weights, fastest_precision, has_bfloat16, warn_of_slow_bfloat16

CPUS = [
    ({"avx512_f": True, "avx512_bf16": False, "amx_tile": False}, False),
    ({"avx512_f": True, "avx512_bf16": True}, True),
    ({"amx_tile": True}, True),
    ({"neon": True, "bf16": True}, True),
    ({}, False),
]
"""Capabilities, and whether they have bfloat16."""

CPU = torch.device("cpu")
STEPS = SamplerConfig("dpmpp_2m", 3, guidance=1.0)


def test_bfloat16_weights_give_the_bits_of_autocast_on_float32_weights():
    generator = small_generator()
    half = small_generator().accelerate(bfloat16=True)
    with generator.precision("bf16"):
        wanted = torch.cat(list(generator.stream(num_frames=16, sampler=STEPS)), dim=2)
        found = torch.cat(list(half.stream(num_frames=16, sampler=STEPS)), dim=2)
        clip = wanted[0, :, :8]
        assert torch.equal(half.encode_context(clip), generator.encode_context(clip))
    assert torch.equal(found, wanted)
    assert half.state_dict().keys() == generator.state_dict().keys()


def test_norms_and_embeddings_stay_float32():
    generator = bfloat16_weights(small_generator())
    for name, module in generator.named_modules():
        wanted = torch.bfloat16 if isinstance(module, (nn.Linear, nn.Conv2d)) else torch.float32
        assert all(value.dtype == wanted for value in module.parameters(recurse=False)), name
    values = list(generator.parameters())
    cast = sum(value.numel() for value in values if value.dtype == torch.bfloat16)
    assert cast > 0.8 * sum(value.numel() for value in values)


def test_tf32_is_for_gpus_alone():
    before = torch.get_float32_matmul_precision()
    try:
        allow_tf32(CPU)
        assert torch.get_float32_matmul_precision() == before
        assert device_of("cpu") == CPU and torch.get_float32_matmul_precision() == before
        allow_tf32(torch.device("cuda"))
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


def test_every_command_that_chooses_a_device_allows_it(monkeypatch):
    chosen = []
    monkeypatch.setattr("pvdm.runtime.precision.allow_tf32", chosen.append)
    assert device_of("cpu") == CPU and device_of("auto") == chosen[1] and chosen[0] == CPU


@pytest.mark.parametrize(("capabilities", "native"), CPUS)
def test_a_training_takes_the_faster_precision(capabilities, native, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    faster = "bf16-mixed" if native else "32-true"
    assert [fastest_precision(name) for name in ("auto", "cpu", "mps")] == [faster, faster, "32-true"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not native)
    assert [fastest_precision(name) for name in ("auto", "gpu", "cpu")] == [*2 * [_other(faster)], faster]


def _other(precision: str) -> str:
    return {"bf16-mixed": "32-true", "32-true": "bf16-mixed"}[precision]


@pytest.mark.parametrize(("capabilities", "native"), CPUS)
def test_slow_bfloat16_gives_a_warning(capabilities, native, monkeypatch, caplog):
    assert has_bfloat16(capabilities) is native
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    with caplog.at_level(logging.WARNING, logger="pvdm"):
        warn_of_slow_bfloat16(torch.device("cuda"))
        assert not caplog.messages
        warn_of_slow_bfloat16(CPU)
    assert len(caplog.messages) == (not native)
    assert native or "slower with bfloat16 than with float32; --precision 32 is faster here, and exact" in caplog.text
