"""Each equation against numbers worked out by hand, and against its gradient."""

import pytest
import torch
from torch import nn

from pvdm.autoencoder import gan_losses as adversarial


def logits(*values: float) -> torch.Tensor:
    return torch.tensor([values], requires_grad=True)


def test_hinge_of_the_discriminators():
    loss = adversarial.hinge_discriminator_loss(logits(0.5, 2.0), logits(-3.0, 0.0))
    assert loss.item() == pytest.approx(0.5 * ((0.5 + 0) / 2 + (0 + 1) / 2))


def test_what_is_beyond_the_margin_is_no_longer_pushed():
    real, fake = logits(0.5, 2.0), logits(-3.0, 0.0)
    adversarial.hinge_discriminator_loss(real, fake).backward()
    assert real.grad.tolist() == [[-0.25, 0.0]]
    assert fake.grad.tolist() == [[0.0, 0.25]]


def test_hinge_of_the_autoencoder_is_the_mean_logit_reversed():
    fake = logits(-3.0, 1.0)
    loss = adversarial.hinge_generator_loss(fake)
    loss.backward()
    assert loss.item() == 1.0
    assert fake.grad.tolist() == [[-0.5, -0.5]]


def test_features_are_compared_layer_by_layer():
    fake = [torch.zeros(2, 3, 4, requires_grad=True), torch.ones(2, 1, requires_grad=True)]
    real = [torch.full((2, 3, 4), 2.0, requires_grad=True), torch.full((2, 1), 0.5, requires_grad=True)]
    loss = adversarial.feature_matching_loss(fake, real)
    loss.backward()
    assert loss.item() == pytest.approx(2.0 + 0.5)
    assert all(feature.grad is None for feature in real)
    assert all(feature.grad.abs().sum().item() == pytest.approx(1.0) for feature in fake)


def test_features_in_bf16_are_compared_in_float32():
    fake, real = [torch.full((4000,), 1.0).bfloat16()], [torch.full((4000,), 1.25).bfloat16()]
    loss = adversarial.feature_matching_loss(fake, real)
    assert (loss.dtype, loss.item()) == (torch.float32, 0.25)


def test_the_adaptive_weight_is_the_ratio_of_the_norms():
    weight = adversarial.adaptive_weight(torch.tensor([3.0, 4.0]), torch.tensor([0.0, 0.5]))
    assert weight.item() == pytest.approx(10, rel=1e-5)


def test_the_adaptive_weight_is_finite_without_a_gradient():
    assert adversarial.adaptive_weight(torch.ones(4), torch.zeros(4)).item() == pytest.approx(1e4)
    assert adversarial.adaptive_weight(torch.zeros(4), torch.zeros(4)).item() == 0


def test_lecam_draws_back_what_is_beyond_the_other_sides_average():
    real, fake = logits(3.0, -1.0), logits(0.0, 4.0)
    mean_real, mean_fake = torch.tensor(2.0), torch.tensor(-0.5)
    loss = adversarial.lecam_loss(real, fake, mean_real, mean_fake)
    assert loss.item() == pytest.approx((3.5**2 + 0) / 2 + (2.0**2 + 0) / 2)
    loss.backward()
    assert real.grad.tolist() == [[3.5, 0.0]]  # a step against it lowers a real logit that is too high
    assert fake.grad.tolist() == [[-2.0, 0.0]]  # and raises one of a fake that is too low


def test_the_penalty_of_a_linear_judge_is_its_slope():
    """D(x) = w x has the gradient w at every x."""
    slope = torch.tensor([[0.6, 0.8, 0.0, 0.0]])
    judge = nn.Linear(4, 1, bias=False)
    judge.weight.data = slope.clone()
    pixels = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = adversarial.gradient_penalty(judge(pixels), pixels)
    assert loss.item() == pytest.approx(0.5)
    loss.backward()
    torch.testing.assert_close(judge.weight.grad, slope)  # the gradient of |w|^2 / 2


def test_the_penalty_is_the_mean_over_samples():
    pixels = torch.tensor([[1.0], [3.0]], requires_grad=True)
    assert adversarial.gradient_penalty(pixels**2, pixels).item() == pytest.approx(0.5 * (2**2 + 6**2) / 2)
