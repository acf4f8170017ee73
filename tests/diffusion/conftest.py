"""What the tests of the diffusion room share."""

import pytest
import reference
import torch
from reference import normal
from torch import Tensor

from pvdm.diffusion import DiffusionConfig, NoiseSchedule


@pytest.fixture(scope="session")
def schedule() -> NoiseSchedule:
    """The released schedule."""
    return NoiseSchedule(DiffusionConfig())


@pytest.fixture(scope="session")
def golden() -> dict[str, Tensor]:
    """Outputs of the released networks and processes, float32."""
    return reference.golden()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Clean latent, noise and times, float64."""
    return (
        normal(4, 5, 2, 8).double().tanh(),
        normal(5, 5, 2, 8).double(),
        torch.tensor([0, 1, 250, 700, 999]),
    )
