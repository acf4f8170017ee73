"""`VideoGenerator` at work: seeds and batches, streams, extension, guidance of one clip by the one before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from generation.small_models import labelled_generator, small_generator
from torch import Tensor
from torch.testing import assert_close

from pvdm import Triplane, VideoGenerator, read_video
from pvdm.diffusion import Condition, SamplerConfig, VideoNoise
from pvdm.errors import InputError
from pvdm.generation.latent_model import TOKENS_AT_ONCE

DDIM = SamplerConfig("ddim", steps=2)
SAMPLERS = [
    DDIM,
    SamplerConfig("ddim", steps=3, eta=1.0),
    SamplerConfig("ddpm", steps=4),
    SamplerConfig("dpmpp_2m", steps=3),
]
GUIDED = SamplerConfig("ddim", steps=2, guidance=1.0)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    return small_generator()


def video(frames: int, seed: int = 0, height: int = 32, width: int = 32) -> Tensor:
    """Noise, (3, t, h, w) uint8."""
    source = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, frames, height, width), dtype=torch.uint8, generator=source)


def assert_within_one_grey_level(found: Tensor, wanted: Tensor) -> None:
    assert found.dtype == wanted.dtype == torch.uint8
    assert_close(found.int(), wanted.int(), rtol=0, atol=1)


@pytest.fixture
def spied(monkeypatch) -> list[SimpleNamespace]:
    """The context, the label, the sampler and the latent of every clip sampled."""
    calls, sample_latent = [], VideoGenerator.sample_latent

    def spy(self, noise, condition, sampler, progress=None):
        latent = sample_latent(self, noise, condition, sampler, progress)
        given = Condition.of(condition)
        calls.append(SimpleNamespace(context=given.context, label=given.label, sampler=sampler, latent=latent))
        return latent

    monkeypatch.setattr(VideoGenerator, "sample_latent", spy)
    return calls


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_video_is_the_same_whatever_the_batch(generator, sampler):
    together = generator.sample(5, sampler=sampler, seed=3)
    assert together.shape == (5, 3, 8, 32, 32)
    assert together.float().std() > 5 and (together[0] != together[1]).any()
    for size in (1, 2, 7):
        assert_within_one_grey_level(generator.sample(5, sampler=sampler, seed=3, batch_size=size), together)
    backwards = next(generator.stream(videos=[(3, index) for index in reversed(range(5))], sampler=sampler))
    assert_within_one_grey_level(backwards.flip(0), together)
    assert_within_one_grey_level(generator.sample(2, sampler=sampler, seed=3), together[:2])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_its_noise_is_bit_by_bit_the_same(generator, sampler, monkeypatch):
    drawn = []
    normal = VideoNoise.normal

    def spy(self, shape, *, device="cpu"):
        drawn.append(normal(self, shape, device=device))
        return drawn[-1]

    monkeypatch.setattr(VideoNoise, "normal", spy)
    list(generator.stream(num_frames=16, videos=[(3, 0), (3, 1)], sampler=sampler))
    together = [noise[1] for noise in drawn]
    drawn.clear()
    list(generator.stream(num_frames=16, videos=[(3, 1)], sampler=sampler))
    assert len(drawn) == len(together) == (2 if sampler.eta == 0 and sampler.name != "ddpm" else 2 * sampler.steps)
    for alone, in_batch in zip(drawn, together, strict=True):
        assert torch.equal(alone[0], in_batch)
    assert len({tensor.flatten()[0].item() for tensor in together}) == len(together)


def test_seeds_differ_and_repeat(generator):
    first = generator.sample(2, sampler=DDIM, seed=0)
    assert_close(generator.sample(2, sampler=DDIM, seed=0), first)
    other = generator.sample(2, sampler=DDIM, seed=1)
    assert (other != first).any() and (other[0] != first[1]).any()


@pytest.mark.parametrize(("frames", "height", "width"), [(8, 128, 128), (32, 96, 160), (3, 24, 40)])
def test_any_size_samples_and_extends(frames, height, width):
    generator = small_generator(frames=frames, height=height, width=width)
    clip = generator.sample(1, sampler=DDIM)[0]
    assert clip.shape == (3, frames, height, width)
    longer = generator.extend(clip, num_frames=frames + 2, sampler=DDIM)
    assert longer.shape == (3, frames + 2, height, width)


@pytest.mark.parametrize(
    ("num_frames", "clips"), [(1, [1]), (8, [8]), (9, [8, 1]), (23, [8, 8, 7]), (24, [8, 8, 8]), (0, [])]
)
def test_a_stream_yields_clips_and_exactly_the_frames_asked_for(generator, num_frames, clips):
    stream = generator.stream(num_frames=num_frames, videos=[(0, 0), (4, 1)], sampler=DDIM)
    shapes = [clip.shape for clip in stream]
    assert shapes == [(2, 3, frames, 32, 32) for frames in clips]


def test_a_stream_without_length_has_no_end_and_a_cut_one_is_its_beginning(generator):
    endless = torch.cat(list(islice(generator.stream(sampler=DDIM), 3)), dim=2)
    cut = torch.cat(list(generator.stream(num_frames=21, sampler=DDIM)), dim=2)
    assert endless.shape[2] == 24
    assert_close(cut, endless[:, :, :21])


def test_a_stream_is_lazy(generator, spied):
    stream = generator.stream(num_frames=80, sampler=DDIM)
    assert not spied
    next(stream)
    assert len(spied) == 1


@pytest.fixture
def overlapped(generator, monkeypatch) -> VideoGenerator:
    """The generator whose clips a thread samples ahead."""
    monkeypatch.setattr(generator, "overlap", True)
    return generator


def sampling_threads() -> int:
    return sum(thread.name.startswith("prefetch") for thread in threading.enumerate())


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread computes, as in the process that decodes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_sampled_ahead_by_a_thread_it_is_the_same_bit_by_bit(generator, monkeypatch):
    sampler = SamplerConfig("ddim", steps=2, eta=0.5, guidance=1.0)
    options = {"num_frames": 21, "videos": [(0, 0), (4, 1)], "sampler": sampler, "context": video(9)}
    wanted, sampled = list(generator.stream(**options)), generator.sample(3, sampler=sampler, batch_size=2)
    with generator.precision("bf16"):
        half = list(generator.stream(**options))
    monkeypatch.setattr(generator, "overlap", True)
    found = list(generator.stream(**options))
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))
    assert torch.equal(generator.sample(3, sampler=sampler, batch_size=2), sampled)
    with generator.precision("bf16"):
        assert all(torch.equal(*pair) for pair in zip(generator.stream(**options), half, strict=True))
    assert not sampling_threads()


def test_threads_sample_and_decode_no_more_than_the_next_clips_and_end_with_the_stream(overlapped, spied):
    stream = overlapped.stream(sampler=DDIM)
    assert not spied and not sampling_threads()
    next(stream)
    assert sampling_threads() == 2
    stream.close()
    assert not sampling_threads() and 1 <= len(spied) <= 3


def test_another_device_decodes_with_a_copy(generator, monkeypatch):
    wanted = generator.sample(2, sampler=DDIM)
    monkeypatch.setattr(generator, "decode_device", torch.device("cpu", 0))  # which is not equal to "cpu"
    decoding = []
    monkeypatch.setattr(type(generator.autoencoder), "check_planes", lambda network, _: decoding.append(network))
    assert torch.equal(generator.sample(2, sampler=DDIM), wanted)
    assert decoding and generator.autoencoder not in decoding


def test_a_thread_ends_between_two_steps(overlapped, spied, monkeypatch):
    begun, goes_on, shutdown = threading.Event(), threading.Event(), ThreadPoolExecutor.shutdown
    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", lambda self: goes_on.set() or shutdown(self))

    def progress(done: int, total: int) -> None:
        if len(spied) == 1:  # of the second clip
            begun.set()
            assert goes_on.wait(30)

    stream = overlapped.stream(sampler=SamplerConfig(steps=10), progress=progress)
    next(stream)
    assert begun.wait(30)
    stream.close()
    assert not sampling_threads() and len(spied) == 1


def test_an_exception_of_the_thread_comes_as_itself(overlapped):
    def progress(done: int, total: int) -> None:
        raise KeyError("progress")

    with pytest.raises(KeyError, match="progress"):
        next(overlapped.stream(sampler=DDIM, progress=progress))
    with pytest.raises(ValueError, match="1000 sampling steps; with 200 diffusion times"):
        overlapped.sample(1, sampler=SamplerConfig(steps=1000))
    assert not sampling_threads()


def test_clips_go_through_the_autoencoder_a_few_at_once(generator, monkeypatch):
    together, many = generator.sample(5, sampler=DDIM), torch.stack([video(9, seed) for seed in range(5)])
    reconstructed, encoded = generator.reconstruct(many[:, :, 1:]), generator.encode_context(many)
    counts, decode, encode = [], generator.autoencoder.decode, generator.autoencoder.encode
    monkeypatch.setattr(generator.autoencoder, "decode", lambda planes: counts.append(len(planes.hw)) or decode(planes))
    monkeypatch.setattr(generator.autoencoder, "encode", lambda clips: counts.append(len(clips)) or encode(clips))
    monkeypatch.setattr(generator, "clips_at_once", 2)
    assert_within_one_grey_level(generator.sample(5, sampler=DDIM), together)
    assert_within_one_grey_level(generator.reconstruct(many[:, :, 1:]), reconstructed)
    assert_close(generator.encode_context(many), encoded)
    assert counts == [2, 2, 1, 2, 2, 2, 2, 1, 1, 2, 2, 1]  # of the middle ones each goes there and back


def test_of_large_clips_fewer_go_through_at_once():
    tokens = {256: 16 * 32 * 32, 64: 16 * 8 * 8}
    for size, count in tokens.items():
        generator = small_generator(denoiser=False, frames=16, height=size, width=size)
        assert generator.clips_of_a_pass() == max(1, TOKENS_AT_ONCE // count)
    assert small_generator(denoiser=False, frames=64, height=256, width=256).clips_of_a_pass() == 1


def test_each_video_may_have_a_context_of_its_own(generator):
    contexts = torch.stack([video(8, seed) for seed in (1, 2)])
    (together,) = generator.stream(num_frames=8, context=contexts, videos=[(0, 0), (0, 1)], sampler=DDIM)
    for index, context in enumerate(contexts):
        (alone,) = generator.stream(num_frames=8, context=context, videos=[(0, index)], sampler=DDIM)
        assert_within_one_grey_level(together[index], alone[0])
    assert (together[0] != together[1]).any()


def test_each_clip_is_conditioned_on_the_latent_before_as_it_was_generated(generator, spied, monkeypatch):
    monkeypatch.setattr(VideoGenerator, "encode_context", lambda *_: pytest.fail("a clip was encoded again"))
    clips = list(generator.stream(num_frames=30, videos=[(0, 0), (0, 1)], sampler=GUIDED))
    contexts, latents = [call.context for call in spied], [call.latent for call in spied]
    assert contexts[0] is None and len(spied) == len(clips) == 4
    for context, latent in zip(contexts[1:], latents, strict=False):
        assert context is latent
    for latent, clip in zip(latents, clips, strict=True):
        assert_close(generator.decode_latent(latent)[:, :, : clip.shape[2]], clip)


def test_the_condition_matters(generator):
    first, second = (
        generator.extend(video(8, seed), num_frames=16, only_new=True, sampler=DDIM)[:, :8] for seed in (0, 1)
    )
    assert (first != second).any()
    free = generator.sample(1, sampler=DDIM)[0]
    assert (first != free).any()


def test_a_given_video_is_encoded_once_as_its_last_clip(generator, spied):
    given = video(19)
    list(generator.stream(num_frames=16, context=given, videos=[(0, 0), (1, 0)], sampler=DDIM))
    expected = generator.encode_context(given[:, 11:])
    assert_close(spied[0].context, expected.expand(2, -1, -1))
    assert expected.shape == (1, 4, generator.denoiser.shape.positions)


def test_later_clips_have_a_sampler_of_their_own(generator, spied):
    later = SamplerConfig("ddpm", steps=3)
    list(generator.stream(num_frames=24, sampler=DDIM, later_sampler=later))
    assert [call.sampler for call in spied] == [DDIM, later, later]
    spied.clear()
    list(generator.stream(num_frames=16, sampler=GUIDED))
    assert [call.sampler for call in spied] == [GUIDED, GUIDED]


def test_progress_is_told(generator):
    told = []
    list(generator.stream(num_frames=16, sampler=DDIM, progress=lambda done, total: told.append((done, total))))
    assert told == [(1, 2), (2, 2)] * 2


@pytest.mark.parametrize("num_frames", [20, 30, 35])
def test_an_extended_video_keeps_its_own_frames(generator, num_frames):
    given = video(19)
    longer = generator.extend(given, num_frames=num_frames, sampler=DDIM, seed=2)
    assert longer.shape == (3, num_frames, 32, 32) and longer.dtype == torch.uint8
    assert torch.equal(longer[:, :19], given)
    new = generator.extend(given, num_frames=num_frames - 19, only_new=True, sampler=DDIM, seed=2)
    assert_close(longer[:, 19:], new)
    stream = generator.stream(num_frames=num_frames - 19, context=given, videos=[(2, 0)], sampler=DDIM)
    assert_close(new, torch.cat(list(stream), dim=2)[0])


def test_steps_are_a_shorthand_for_a_sampler(generator):
    assert torch.equal(generator.sample(1, steps=2), generator.sample(1, sampler=SamplerConfig(steps=2)))
    with pytest.raises(InputError, match="steps is 201; this model has 200 timesteps, give 1 to 200"):
        generator.sample(1, steps=201)


def test_a_sampler_may_be_named(generator, make_video):
    named = generator.sample(1, sampler="dpmpp_2m", steps=2)
    assert torch.equal(named, generator.sample(1, sampler=SamplerConfig("dpmpp_2m", steps=2)))
    path = make_video("a.mp4", frames=30, fps=20)
    assert generator.extend(path, frames=20, sampler="ddim", steps=2).shape[1] == 20
    with pytest.raises(ValueError, match="the sampler is 'euler'; it must be one of ddpm, ddim"):
        generator.sample(1, sampler="euler")


def test_a_file_is_read_at_the_model_s_size_and_pace(generator, make_video):
    path = make_video("a.mp4", frames=30, fps=20)  # the model's are ten a second
    video = read_video(path, size=(32, 32))[:, ::2]
    for given in (path, str(path)):
        found = generator.extend(given, frames=24, steps=2, seed=3)
        assert torch.equal(found, generator.extend(video, num_frames=24, sampler=SamplerConfig(steps=2), seed=3))
        assert found.shape == (3, 24, 32, 32) and torch.equal(found[:, :15], video)
    assert torch.equal(generator.reconstruct(path), generator.reconstruct(video))
    with pytest.raises(InputError, match="the length of the result is missing; give frames"):
        generator.extend(path)
    with pytest.raises(InputError, match="the video has 5 frames; this model takes clips of 8, give a longer video"):
        generator.reconstruct(make_video("short.mp4", frames=10, fps=20))


def test_a_whole_video_is_reconstructed_clip_by_clip(generator):
    video = torch.randint(0, 256, (3, 19, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    first, second, last = (generator.reconstruct(video[None, :, start : start + 8])[0] for start in (0, 8, 11))
    found = generator.reconstruct(video)
    torch.testing.assert_close(found.int(), torch.cat([first, second, last[:, 5:]], 1).int(), rtol=0, atol=1)


def test_guidance_changes_only_what_has_a_condition(generator):
    assert_close(generator.sample(1, sampler=GUIDED), generator.sample(1, sampler=DDIM))
    given = video(8)
    guided, plain = (generator.extend(given, num_frames=16, sampler=sampler) for sampler in (GUIDED, DDIM))
    assert (guided != plain).any()


@pytest.fixture(scope="module")
def labelled() -> VideoGenerator:
    return labelled_generator()


def test_labels_are_indices_or_names_and_hold_for_all_clips(labelled, spied):
    list(labelled.stream(num_frames=16, videos=[(0, 0), (0, 1), (0, 2)], labels=["Swing", 0, "1"], sampler=DDIM))
    assert [call.label.tolist() for call in spied] == [[2, 0, 1]] * 2
    spied.clear()
    labelled.sample(2, labels="Biking", sampler=DDIM)
    labelled.extend(video(8), num_frames=9, label=2, sampler=DDIM)
    assert [call.label.tolist() for call in spied] == [[1, 1], [2]]
    spied.clear()
    labelled.sample(2, sampler=DDIM)
    labelled.extend(video(8), num_frames=9, sampler=DDIM)
    assert [call.label for call in spied] == [None, None]


def test_a_video_of_a_label_is_the_same_whatever_the_batch(labelled):
    labels = [2, 0, 1, 0, 2]
    together = labelled.sample(5, labels=labels, sampler=DDIM, seed=3)
    assert_within_one_grey_level(labelled.sample(5, labels=labels, sampler=DDIM, seed=3, batch_size=2), together)
    others = labelled.sample(5, labels=[0, 1, 2, 1, 0], sampler=DDIM, seed=3)
    free = labelled.sample(5, sampler=DDIM, seed=3)
    for other in (others, free):
        assert all((other[index] != together[index]).any() for index in range(5))


def test_guidance_on_the_label(labelled):
    def sampled(labels=None, **weights):
        return labelled.sample(1, labels=labels, sampler=SamplerConfig(steps=2, **weights))

    assert (sampled(1, label_guidance=2.0) != sampled(1)).any()
    assert_close(sampled(1, guidance=2.0), sampled(1))
    assert_close(sampled(label_guidance=2.0), sampled())


def test_a_name_comes_before_an_index(labelled):
    generator = labelled_generator(classes=("1", "0", "x"))
    assert generator.class_labels(["1", "0", "2", 0], 4).tolist() == [0, 1, 2, 0]


def test_labels_that_there_are_not(generator, labelled):
    with pytest.raises(InputError, match="this model has no classes; leave out the label, or train stage 2 with"):
        generator.sample(1, labels=0)
    for wrong in (3, -1, "3", "-1"):
        with pytest.raises(InputError, match=f"the label is {wrong}; the 3 classes of this model are 0 to 2"):
            labelled.sample(1, labels=wrong)
    message = r"'swings' is none of this model's 3 classes \(near it are Swing\); give a name or an index from 0 to 2"
    with pytest.raises(InputError, match=message):
        labelled.extend(video(8), num_frames=9, label="swings")
    with pytest.raises(InputError, match=r"'Zumba' is none of .* \(the first are Archery, Biking, Swing\)"):
        labelled.sample(1, labels="Zumba")
    with pytest.raises(InputError, match="there are 3 labels for 2 videos; give one for each, or one for all"):
        labelled.sample(2, labels=[0, 1, 2])
    with pytest.raises(InputError, match="knows its 3 classes by index alone, not 'Swing'; give 0 to 2"):
        labelled_generator(classes=None).sample(1, labels="Swing")
    with pytest.raises(InputError, match="a stage-1 autoencoder without a denoiser"):
        small_generator(denoiser=False).sample(1, labels=0)
    with pytest.raises(ValueError, match="2 classes have names, the denoiser has 3"):
        labelled_generator(classes=("a", "b"))
    with pytest.raises(ValueError, match="2 classes have names, the denoiser has none"):
        VideoGenerator(generator.autoencoder.config, generator.denoiser.config, classes=("a", "b"))


def test_latents_and_pixels_are_those_of_the_autoencoder(generator):
    given = video(8)
    with torch.no_grad():
        planes = generator.autoencoder.encode(given[None].float() / 127.5 - 1)
        pixels = generator.autoencoder.decode(planes)
    latent = generator.encode_context(given)
    assert_close(latent, planes.flatten())
    expected = ((pixels + 1) * 127.5).round().to(torch.uint8)
    assert_within_one_grey_level(generator.decode_latent(latent), expected)
    assert_within_one_grey_level(generator.reconstruct(given[None]), expected)
    assert_close(Triplane.split(latent, planes.shape).th, planes.th)


def test_bf16_is_close(generator):
    exact = generator.sample(1, sampler=DDIM)
    with generator.precision("bf16"):
        found = generator.sample(1, sampler=DDIM)
    assert (found.int() - exact.int()).abs().float().mean() < 4
    with generator.precision("32"):
        assert_close(generator.sample(1, sampler=DDIM), exact)


def test_nothing_is_sampled_in_training(generator):
    assert not generator.sample(1, sampler=DDIM).requires_grad
    assert not generator.encode_context(video(8)).requires_grad


def test_too_short_and_too_few(generator):
    with pytest.raises(InputError, match="the video has 7 frames; the context of this model is a clip of 8"):
        generator.extend(video(7), num_frames=20)
    with pytest.raises(InputError, match="frames is 19; give more than the 19 that there are"):
        generator.extend(video(19), num_frames=19)
    with pytest.raises(InputError, match="frames is 0; give more than the 0"):
        generator.extend(video(19), num_frames=0, only_new=True)
    with pytest.raises(InputError, match="num_videos is 0; give at least 1"):
        generator.sample(0)
    with pytest.raises(ValueError, match="1000 sampling steps; with 200 diffusion times choose 1 to 200"):
        generator.sample(1, sampler=SamplerConfig(steps=1000))


def test_a_video_of_another_size_is_refused(generator):
    with pytest.raises(ValueError, match=r"video has shape \(1, 3, 8, 32, 40\); this autoencoder takes"):
        generator.extend(video(8, width=40), num_frames=20)


def test_videos_are_uint8_and_said_to_be_another_kind(generator):
    floats = torch.rand(3, 8, 32, 32)
    for refused in (
        lambda: generator.reconstruct(floats[None]),
        lambda: generator.extend(floats, num_frames=20),
        lambda: next(generator.stream(context=floats[None])),
        lambda: generator.encode_context(2 * floats - 1),
    ):
        with pytest.raises(
            InputError, match=r"is torch.float32 .*; give uint8 \(.*3, .*\), 0 to 255: convert floats in \[0, 1\]"
        ):
            refused()
    with pytest.raises(InputError, match=r"the video is torch.uint8 \(8, 3, 32, 32\); give uint8 \(3, n, h, w\)"):
        generator.reconstruct(video(8).transpose(0, 1))
    with pytest.raises(InputError, match=r"the video is a ndarray; give a tensor of uint8"):
        generator.reconstruct(video(8)[None].numpy())
    with pytest.raises(InputError, match=r"video has shape \(1, 3, 9, 32, 32\); this autoencoder takes"):
        generator.reconstruct(video(9)[None])


def test_a_stage_1_model_only_reconstructs():
    generator = small_generator(denoiser=False)
    assert generator.reconstruct(video(8)[None]).shape == (1, 3, 8, 32, 32)
    for refused in (lambda: generator.sample(1), lambda: generator.extend(video(8), num_frames=9)):
        with pytest.raises(InputError, match="a stage-1 autoencoder without a denoiser; train stage 2 with it first"):
            refused()


def test_networks_of_different_latents_are_refused(generator):
    other = replace(generator.denoiser.config, latent_shape=(8, 4, 5))
    with pytest.raises(ValueError, match=r"the denoiser is for latents of \(8, 4, 5\)"):
        VideoGenerator(generator.autoencoder.config, other)


def test_the_contract_of_the_raw_networks(generator):
    z, condition = torch.randn(2, 2, 4, generator.denoiser.shape.positions).unbind(0)
    with torch.no_grad():
        assert generator.denoiser(z, torch.tensor([0, 199]), None).shape == z.shape
        assert generator.denoiser(z, torch.tensor([0, 199]), condition).shape == z.shape
        triplane = generator.autoencoder.encode(torch.zeros(1, 3, 8, 32, 32))
    for wrong in (z[:, :2], z[0], z.long()):
        with pytest.raises(InputError, match=r"z is torch.* this denoiser takes flat latents, floats \(b, 4, 80\)"):
            generator.denoiser(wrong, torch.tensor([0, 199]), None)
    assert (triplane.hw.shape, triplane.tw.shape, triplane.th.shape) == ((1, 4, 4, 4), (1, 4, 8, 4), (1, 4, 8, 4))
