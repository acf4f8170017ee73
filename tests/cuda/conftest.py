"""What tests on a GPU share; `docs/benchmarks/gpu.sh` runs them where there is one, all others pass them over."""

from collections.abc import Iterator

import pytest
import torch
from generation.small_models import small_generator

from pvdm.generation import VideoGenerator


@pytest.fixture
def device() -> torch.device:
    """The GPU, as a user names it: without a number."""
    return torch.device("cuda")


@pytest.fixture
def on_gpu(device) -> VideoGenerator:
    """The small model on the GPU; `small_generator()` is the same on the CPU."""
    return small_generator().to(device)


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    """Products and convolutions in float32 as such, not TF32, unless a test allows it; put back after."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
    torch.set_float32_matmul_precision(before)
