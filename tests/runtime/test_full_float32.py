"""Metrics are computed in full float32, and the settings of training are restored afterwards."""

import pytest
import torch

from pvdm.evaluation.metrics.fidelity import Fidelity
from pvdm.runtime.precision import full_float32


def asked_for() -> tuple[str, bool, bool]:
    precision, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    return precision, cudnn, torch.is_autocast_enabled("cpu")


@pytest.fixture
def fast():
    """As in a training that asks for speed."""
    torch.set_float32_matmul_precision("high")
    with torch.autocast("cpu", torch.bfloat16), torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
        yield asked_for()
    torch.set_float32_matmul_precision("highest")


def test_it_holds_within_the_block_alone(fast):
    assert fast == ("high", True, True)
    with pytest.raises(KeyError), full_float32(torch.device("cpu")):
        assert asked_for() == ("highest", False, False)
        raise KeyError
    assert asked_for() == fast


def test_lpips_is_computed_in_it(fast):
    seen = []
    metric = Fidelity(lpips=lambda found, wanted: seen.append(asked_for()) or torch.zeros(len(found)))
    video = torch.zeros(1, 3, 2, 16, 16, dtype=torch.uint8)
    metric.update([0], video, video)
    assert seen == [("highest", False, False)]
