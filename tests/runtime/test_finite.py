"""NaN and infinity are found, whatever they are in."""

import math

import pytest
import torch

from pvdm.errors import InputError
from pvdm.runtime.finite import check_finite, first_not_finite, is_finite


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_of_many_is_found(dtype, value):
    values = torch.linspace(-9, 9, 1000, dtype=torch.float64).to(dtype).reshape(10, 100)
    assert is_finite(values)
    values[7, 3] = value
    assert not is_finite(values)
    assert first_not_finite({"a": values[:7], "b": values, "c": values}) == "b"


def test_what_has_no_such_values():
    assert is_finite(torch.empty(0, 3)) and is_finite(torch.arange(3)) and is_finite(torch.tensor(True))
    assert is_finite(torch.full((9,), torch.finfo(torch.float32).max))  # though their sum is not
    assert first_not_finite({}) is None


def test_the_sentence():
    check_finite({"a": torch.zeros(3)}, "x.ckpt", "mend it")
    with pytest.raises(InputError, match=r"^x.ckpt cannot be used: its b is not finite \(NaN or infinity\); mend it$"):
        check_finite({"a": torch.zeros(3), "b": torch.tensor(math.nan)}, "x.ckpt", "mend it")
