"""What the tests of the diffusion room share."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pvdm.diffusion import DiffusionConfig, NoiseSchedule


@pytest.fixture(scope="session")
def schedule() -> NoiseSchedule:
    """The released schedule."""
    return NoiseSchedule(DiffusionConfig())


@pytest.fixture(scope="session")
def golden() -> dict[str, Tensor]:
    """Outputs of the released networks and processes, float32."""
    with np.load(Path(__file__).parents[1] / "data" / "golden.npz") as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}
