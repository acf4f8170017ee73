"""Clips of one video sampled side by side: which follow which, and that batches and processes change nothing."""

from __future__ import annotations

import pytest
import torch
from evaluation.forked import forked
from small_models import hinted_generator, noise_video

from pvdm.cli import main
from pvdm.diffusion import SamplerConfig
from pvdm.generation import VideoGenerator
from pvdm.generation.long_video.parallel_clips import ParallelVideo, parent, rounds
from pvdm.video import read_video

FAST = SamplerConfig("ddim", steps=2)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    return hinted_generator()


def parallel(generator: VideoGenerator, frames: int, **options) -> list[torch.Tensor]:
    return list(ParallelVideo(generator, frames, sampler=FAST, **options).run())


def made(generator: VideoGenerator, frames: int, **options) -> torch.Tensor:
    return torch.cat(parallel(generator, frames, **options), dim=1)


def test_each_key_clip_continues_one_of_the_round_before():
    assert rounds(1) == [[0]]
    assert rounds(6) == [[0], [1, 2, 4], [3, 5]]
    for place, numbers in enumerate(rounds(133)[1:]):
        assert {parent(number) for number in numbers} <= set(rounds(133)[place])
    assert len(rounds(133)) == 8  # of 4,096 frames in clips of 16


@pytest.mark.parametrize("frames", [5, 8, 15, 16, 40])
def test_the_first_clip_is_that_of_a_stream_and_the_length_is_exact(generator, frames):
    found = made(generator, frames, video=(3, 1))
    assert found.shape == (3, frames, 32, 32)
    (first,) = generator.stream(num_frames=min(frames, 8), videos=[(3, 1)], sampler=FAST)
    assert torch.equal(found[:, :8], first[0])


def test_clips_between_end_where_the_next_key_clip_begins(generator):
    seen, count = [], []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    video = ParallelVideo(generator, 46, sampler=FAST, batch_size=8)
    parts = list(video.run(lambda done, steps: count.append(done)))
    hook.remove()
    assert video.sequential_evaluations == len(seen) == len(count) == 8  # rounds of 1, 2 and 1, and one of 4 between
    assert [part.shape[1] for part in parts] == [8, 7, 8, 7, 8, 7, 1]
    assert seen[-1].known.nonzero().tolist() == [[0, 7], [1, 7], [2, 7]]  # the last one leads nowhere
    assert len(video.samplings) == 4
    keys = torch.stack([part[:, 0] for part in parts[2:6:2]])
    with torch.no_grad():
        still = generator.autoencoder.encode(keys[:, :, None].expand(-1, -1, 8, -1, -1).float() / 127.5 - 1).flatten()
    torch.testing.assert_close(seen[-1].hint[:2], still, atol=1e-4, rtol=1e-4)


def test_a_given_video_is_continued(generator):
    start = noise_video(9)
    found = made(generator, 17, context=start)
    (first,) = generator.stream(num_frames=8, context=start, sampler=FAST)
    assert torch.equal(found[:, :8], first[0])


def test_neither_batches_nor_processes_change_the_video(generator):
    wanted = made(generator, 50, batch_size=2)
    assert (made(generator, 50, batch_size=8).int() - wanted.int()).abs().max() <= 1
    two = forked(lambda shared: [part.numpy() for part in parallel(generator, 50, batch_size=2, shared=shared)], size=2)
    assert len(two[0]) == 7 and not two[1]
    found = torch.cat([torch.from_numpy(part) for part in two[0]], dim=1)
    assert (found.int() - wanted.int()).abs().max() <= 1


def test_the_command_writes_it_and_refuses_what_it_cannot_follow(generator, tmp_path, caplog):
    generator.save_pretrained(tmp_path / "model")
    command = ["extend", f"{tmp_path}/model", "--frames", "20", "--parallel", "--sampler", "ddim", "--steps", "2"]
    assert main([*command, "--seeds", "1", "2", "--device", "cpu", "--output", f"{tmp_path}/out"]) == 0
    assert "6 evaluations of the network follow each other" in caplog.text
    for seed in (1, 2):
        folder = read_video(tmp_path / f"out_seed{seed}")
        assert torch.equal(folder, made(generator, 20, video=(seed, 0)))
    assert main([*command, "--anchor", "first", "--output", f"{tmp_path}/new"]) == 2
    assert "--anchor is given together with --parallel; leave one of them out" in caplog.text
