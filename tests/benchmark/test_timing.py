"""Time and memory are those of the block."""

import time

import torch
from generation.small_models import small_generator

from pvdm.benchmark import timing
from pvdm.benchmark.plan import Setting


def test_seconds_and_memory_of_a_block():
    with timing.measured(torch.device("cpu")) as small:
        time.sleep(0.05)
    with timing.measured(torch.device("cpu")) as large:
        torch.ones(1 << 26).sum()  # 256 MiB
    assert 0.05 <= small.seconds < 5
    assert large.memory - small.memory > 200 << 20


def test_speed_of_a_setting():
    generator = small_generator(frames=16)
    entry = timing.sampling_speed(generator, Setting.parse("dpmpp_2m:2/1"), frames=33, repetitions=2, warm_up=False)
    assert entry.keys() == {"setting", "sampler", "frames", "seconds", "peak_memory_bytes", "batch", "device"}
    assert (entry["setting"], entry["sampler"], entry["frames"], entry["batch"]) == ("2/1", "dpmpp_2m", 33, 1)
    assert entry["seconds"] > 0 and entry["peak_memory_bytes"] > 1 << 20
