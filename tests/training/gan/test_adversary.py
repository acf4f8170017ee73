"""The adversary's losses, gradients and averages against plain autograd and numbers by hand."""

import pytest
import torch
from torch import nn

from pvdm.autoencoder import gan_losses as adversarial
from pvdm.errors import InputError
from pvdm.evaluation.metrics.fidelity import frames_at
from pvdm.training import AdversaryConfig, OptimizerConfig
from pvdm.training.gan.adversary import Adversary

SHAPE = (2, 3, 4, 16, 16)
CHOSEN = torch.tensor([[1, 3], [0, 2]])


class Painter(nn.Module):
    """In the autoencoder's place: a layer before the last, and the last, which makes pixels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.last = nn.Conv3d(3, 4, 1), nn.Conv3d(4, 3, 1)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(video).tanh()).tanh()


def made(**options) -> Adversary:
    """An adversary whose weights, averages and count are those of the middle of a phase."""
    torch.manual_seed(0)
    options = {"channels": 16, "layers": 2, "frames": 2, "warmup_steps": 0, **options}
    adversary = Adversary(AdversaryConfig(**options), frames=SHAPE[2])
    adversary.updates.fill_(5)
    adversary.adaptive_weight.fill_(0.7)
    for name, average in adversary.averages():
        average.fill_({"logits_real_2d": 0.1, "logits_fake_2d": -0.2, "logits_real_3d": 0.3}.get(name, -0.4))
    return adversary


def clips(seed: int = 0, size: int = 2) -> torch.Tensor:
    return torch.rand(size, *SHAPE[1:], generator=torch.Generator().manual_seed(seed)) * 2 - 1


def play(adversary: Adversary, painter: Painter, wanted: torch.Tensor, chosen: torch.Tensor, share: float = 1.0):
    """One batch: gradients of both sides are added to their parameters."""
    found = painter(wanted)
    loss = (found - wanted).abs().mean()
    (share * adversary(loss, found, wanted, chosen, last_layer=painter.last.weight, share=share)).backward()


def judged(adversary: Adversary, found: torch.Tensor, wanted: torch.Tensor):
    """[(logits of real, logits of fake, features of real, features of fake)] of both discriminators."""
    frames = adversary.discriminators["2d"], frames_at(wanted, CHOSEN), frames_at(found, CHOSEN)
    for network, real, fake in (frames, (adversary.discriminators["3d"], wanted, found)):
        (real_logits, real_features), (fake_logits, fake_features) = network(real), network(fake)
        yield real_logits, fake_logits, real_features, fake_features


def gradients(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.grad for name, value in network.named_parameters()}


def test_the_autoencoder_gets_the_gradient_of_the_weighted_losses():
    adversary, painter, wanted = made(weight=0.25, feature_matching=2.0), Painter(), clips()
    play(adversary, painter, wanted, CHOSEN)
    direct = Painter()
    found = direct(wanted)
    loss = (found - wanted).abs().mean()
    for _, fake_logits, real_features, fake_features in judged(adversary, found, wanted):
        loss = loss - 0.25 * 0.7 * fake_logits.mean()
        loss = loss + 2.0 * adversarial.feature_matching_loss(fake_features, real_features)
    loss.backward()
    torch.testing.assert_close(gradients(painter), gradients(direct), rtol=1e-4, atol=1e-5)


def test_the_discriminators_get_the_gradient_of_their_own_losses():
    adversary, painter, wanted = made(lecam=0.5), Painter(), clips()
    play(adversary, painter, wanted, CHOSEN)
    direct = made(lecam=0.5).requires_grad_(True)
    averages = ((0.1, -0.2), (0.3, -0.4))
    for (real, fake, _, _), (mean_real, mean_fake) in zip(
        judged(direct, painter(wanted).detach(), wanted), averages, strict=True
    ):
        loss = 0.5 * ((1 - real).relu().mean() + (1 + fake).relu().mean())
        lecam = (real - mean_fake).relu().square().mean() + (mean_real - fake).relu().square().mean()
        (loss + 0.5 * lecam).backward()
    torch.testing.assert_close(gradients(adversary), gradients(direct), rtol=1e-4, atol=1e-5)


def test_the_penalty_of_real_clips_moves_the_discriminators_alone():
    plain, with_r1, painter = made(lecam=0.0), made(lecam=0.0, r1=10.0), Painter()
    other = Painter()
    play(plain, painter, clips(), CHOSEN)
    play(with_r1, other, clips(), CHOSEN)
    torch.testing.assert_close(gradients(painter), gradients(other))
    moved = [not torch.allclose(a.grad, b.grad) for a, b in zip(plain.parameters(), with_r1.parameters(), strict=True)]
    assert sum(moved) > len(moved) / 2


def test_parameters_of_discriminators_require_no_gradient_but_while_they_judge():
    adversary = made()
    assert not any(value.requires_grad for value in adversary.parameters())
    play(adversary, Painter(), clips(), CHOSEN)
    assert not any(value.requires_grad for value in adversary.parameters())
    assert all(value.grad is not None for value in adversary.parameters())


def test_the_adaptive_weight_of_the_next_update_is_measured_at_the_last_layer():
    adversary, painter, wanted = made(), Painter(), clips()
    play(adversary, painter, wanted, CHOSEN)
    log = adversary.after_update()
    found = painter(wanted)
    hinge = -sum(fake.mean() for _, fake, _, _ in judged(adversary, found, wanted))
    norms = [
        torch.autograd.grad(loss, painter.last.weight, retain_graph=True)[0].norm()
        for loss in ((found - wanted).abs().mean(), hinge)
    ]
    torch.testing.assert_close(adversary.adaptive_weight, norms[0] / norms[1], rtol=1e-4, atol=1e-6)
    assert log["adaptive_weight"].item() == pytest.approx(0.7)
    assert log["generator_loss"].item() == pytest.approx(hinge.item(), rel=1e-4)


def test_logits_are_averaged_and_logged():
    adversary, painter, wanted = made(lecam_decay=0.75), Painter(), clips()
    (frames, clip) = [(real.mean(), fake.mean()) for real, fake, _, _ in judged(adversary, painter(wanted), wanted)]
    play(adversary, painter, wanted, CHOSEN)
    log = adversary.after_update()
    wanted_means = {"real_2d": frames[0], "fake_2d": frames[1], "real_3d": clip[0], "fake_3d": clip[1]}
    before = {"real_2d": 0.1, "fake_2d": -0.2, "real_3d": 0.3, "fake_3d": -0.4}
    for name, mean in wanted_means.items():
        assert log[f"logits_{name}"].item() == pytest.approx(mean.item(), abs=1e-5)
        average = adversary.get_buffer(f"logits_{name}").item()
        assert average == pytest.approx(0.75 * before[name] + 0.25 * mean.item(), abs=1e-5)
    assert int(adversary.updates) == 6


def test_the_first_averages_are_plain_means():
    adversary, painter = made(lecam_decay=0.99), Painter()
    adversary.updates.zero_()
    logged = []
    for seed in range(3):
        play(adversary, painter, clips(seed), CHOSEN)
        logged.append(adversary.after_update()["logits_real_3d"])
    torch.testing.assert_close(adversary.logits_real_3d, torch.stack(logged).mean())


def test_batches_of_an_update_equal_the_joint_batch():
    halves, whole = made(), made()
    painters, wanted = (Painter(), Painter()), torch.cat([clips(1), clips(2)])
    for part in (0, 2):
        play(halves, painters[0], wanted[part : part + 2], CHOSEN, share=0.5)
    play(whole, painters[1], wanted, CHOSEN.repeat(2, 1))
    for found, expected in ((halves, whole), painters):
        torch.testing.assert_close(gradients(found), gradients(expected), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(halves.after_update(), whole.after_update(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(dict(halves.named_buffers()), dict(whole.named_buffers()), rtol=1e-4, atol=1e-6)


def test_what_is_dropped_leaves_no_trace():
    adversary, fresh = made(), made()
    play(adversary, Painter(), clips(1), CHOSEN)
    adversary.drop()
    play(adversary, Painter(), clips(2), CHOSEN)
    play(fresh, Painter(), clips(2), CHOSEN)
    torch.testing.assert_close(gradients(adversary), gradients(fresh))
    torch.testing.assert_close(adversary.after_update(), fresh.after_update())


def test_weights_rise_with_the_updates_of_the_phase():
    adversary = made(warmup_steps=10, weight=0.5, feature_matching=3.0)
    found = []
    for done in (0, 5, 10, 1000):
        adversary.updates.fill_(done)
        found.append([weight.item() for weight in adversary.weights()])
    assert found == [pytest.approx([ramp * 0.5 * 0.7, ramp * 3.0]) for ramp in (0, 0.5, 1, 1)]


def test_weights_as_given_without_warmup_and_adaption():
    weights = made(adaptive=False, weight=0.5, feature_matching=3.0).weights()
    assert [weight.item() for weight in weights] == [0.5, 3.0]


def test_the_gradient_is_clipped_and_its_norm_before_that_told():
    adversary = made(clip_norm=1e-3)
    play(adversary, Painter(), clips(), CHOSEN)
    before = torch.cat([value.grad.flatten() for value in adversary.parameters()]).norm()
    assert adversary.gradient_norm().item() == pytest.approx(before.item(), rel=1e-3)
    after = torch.cat([value.grad.flatten() for value in adversary.parameters()]).norm()
    assert after.item() == pytest.approx(1e-3, rel=1e-3)


def test_without_a_limit_the_gradient_is_as_it_was():
    adversary = made(clip_norm=None)
    play(adversary, Painter(), clips(), CHOSEN)
    before = [value.grad.clone() for value in adversary.parameters()]
    norm = torch.cat([value.flatten() for value in before]).norm()
    assert adversary.gradient_norm().item() == pytest.approx(norm.item(), rel=1e-3)
    assert all(torch.equal(value.grad, old) for value, old in zip(adversary.parameters(), before, strict=True))


@pytest.mark.parametrize(
    "option, words",
    [
        ({"start": -1}, "start is -1; give a value at least 0"),
        ({"weight": -0.1}, "weight is -0.1"),
        ({"lecam_decay": 1.5}, "lecam_decay is 1.5; give a value from 0 to 1"),
        ({"frames": 0}, "frames is 0; give a value at least 1"),
        ({"r1": -1.0}, "r1 is -1.0"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0; give a value above 0, or null for no clipping"),
    ],
)
def test_values_out_of_range_are_named(option, words):
    with pytest.raises(InputError, match=words.replace(".", r"\.")):
        AdversaryConfig(**option)


def test_the_rate_of_the_discriminators_is_their_own():
    assert AdversaryConfig().optimizer.warmup_steps == 0
    config = AdversaryConfig(optimizer=OptimizerConfig(learning_rate=3e-4))
    assert config.optimizer.learning_rate == 3e-4
