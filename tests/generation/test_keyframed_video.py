"""Given frames in generation: they reach the denoiser as a hint, in the right clip, and only where it takes them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image
from small_models import hinted_generator, small_generator

from pvdm.cli import main
from pvdm.conditions.hints import hint_clip
from pvdm.conditions.keyframes import Keyframes
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.generation.long_video.anchor import Anchor

FAST = SamplerConfig("ddim", steps=2)
KNOWN = torch.arange(8)[None] == 7


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    return hinted_generator()


@pytest.fixture
def seen(generator):
    """The conditions that the denoiser is called with."""
    found = []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: found.append(inputs[2]))
    yield found
    hook.remove()


def picture(value: int = 0) -> torch.Tensor:
    return torch.randint(256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(value))


def test_pictures_reach_the_denoiser_as_the_latent_of_their_clip(generator, seen):
    found = generator.sample(2, first_frame=picture(), keyframes={5: picture(1)}, sampler=FAST)
    video, known = torch.zeros(1, 3, 8, 32, 32, dtype=torch.uint8), torch.zeros(1, 8, dtype=torch.bool)
    video[0, :, 0], video[0, :, 5], known[0, [0, 5]] = picture(), picture(1), True
    with torch.no_grad():
        hint = generator.autoencoder.encode(hint_clip(video, known)).flatten()
    assert torch.equal(seen[0].known, known.expand(2, -1)) and seen[0].hint_level is None
    torch.testing.assert_close(seen[0].hint, hint.expand(2, -1, -1))
    assert not torch.equal(found, generator.sample(2, sampler=FAST))
    alone = generator.sample(1, first_frame=picture(), keyframes={5: picture(1)}, sampler=FAST)[0]
    assert (alone.int() - found[0].int()).abs().max() <= 1


def test_noise_of_the_hint_is_told(generator, seen):
    generator.sample(1, first_frame=picture(), sampler=replace(FAST, hint_noise=0.5))
    assert int(seen[0].hint_level) > 0


def test_along_a_video_each_clip_has_its_own(generator, seen):
    start = torch.stack([picture(n) for n in range(8)], dim=1)
    long = generator.extend(start, frames=28, last_frame=picture(9), keyframes={9: picture(8)}, sampler=FAST)
    assert long.shape == (3, 28, 32, 32)
    marks = [condition.known.nonzero()[:, 1].tolist() if condition.known is not None else None for condition in seen]
    assert marks == [[1], [1], None, None, [3], [3]]
    assert all(condition.context is not None for condition in seen)


def anchored(generator, seen, anchor: Anchor, **options) -> tuple[list, list]:
    """The given frames and the noise level of each clip of a stream with an anchor, one evaluation each."""
    seen.clear()
    list(generator.stream(num_frames=24, anchor=anchor, sampler=SamplerConfig("ddim", steps=1), **options))
    known = [None if condition.known is None else condition.known.nonzero()[:, 1].tolist() for condition in seen]
    return known, [None if condition.hint_level is None else int(condition.hint_level[0]) > 0 for condition in seen]


def test_an_anchor_draws_all_clips_but_its_own_and_those_with_keyframes(generator, seen):
    assert anchored(generator, seen, Anchor()) == ([None, [7], [7]], [None, True, True])
    hint = seen[-1].hint
    assert anchored(generator, seen, Anchor(picture(), noise=0.0)) == ([[7], [7], [7]], [None, None, None])
    with torch.no_grad():
        clip = hint_clip(picture()[None, :, None].expand(1, -1, 8, -1, -1), KNOWN)
        still = generator.autoencoder.encode(clip).flatten()
    torch.testing.assert_close(seen[0].hint, still)
    assert not torch.equal(hint, still)
    pair = anchored(generator, seen, Anchor(), videos=[(0, 0), (0, 1)], keyframes=Keyframes({9: picture()}))
    assert pair == ([None, [1, 1], [7, 7]], [None, None, True])


def test_the_first_clip_of_a_given_video_is_the_anchor(generator, seen):
    start = torch.stack([picture(n) for n in range(10)], dim=1)
    anchored(generator, seen, Anchor(), context=start)
    hint = seen[0].hint
    known, levels = anchored(generator, seen, Anchor(picture(7)), context=start)
    assert known == [[7], [7], [7]] and all(levels)
    torch.testing.assert_close(hint, seen[0].hint)


def test_given_frames_are_kept_exactly_if_asked(generator):
    kept = generator.sample(1, first_frame=picture(), last_frame=picture(1), keep_given=True, sampler=FAST)[0]
    assert torch.equal(kept[:, 0], picture()) and torch.equal(kept[:, -1], picture(1))
    start = torch.stack([picture(n) for n in range(8)], dim=1)
    long = generator.extend(start, frames=20, keyframes={17: picture(7)}, keep_given=True, sampler=FAST)
    assert torch.equal(long[:, 17], picture(7))


def test_a_model_that_was_not_trained_with_them_refuses_them_by_name():
    with pytest.raises(InputError, match="was not trained with given frames: it takes the previous clip; leave them"):
        small_generator().sample(1, first_frame=picture(), sampler=FAST)


def test_commands_take_pictures(generator, tmp_path, caplog):
    generator.save_pretrained(tmp_path / "model")
    for index in range(2):
        Image.fromarray(picture(index).permute(1, 2, 0).numpy()).save(tmp_path / f"{index}.png")
    model, fast = str(tmp_path / "model"), ["--sampler", "ddim", "--steps", "2", "--device", "cpu"]
    given = ["--first-frame", f"{tmp_path}/0.png", "--keyframe", f"5={tmp_path}/1.png", "--keep-given"]
    assert (
        main(["sample", model, *given, *fast, "--num-videos", "1", "--format", "png", "--output", f"{tmp_path}/a"]) == 0
    )
    (folder,) = (path for path in (tmp_path / "a").iterdir() if path.is_dir())
    frames = sorted(folder.glob("*.png"))
    assert Image.open(frames[0]).tobytes() == Image.open(tmp_path / "0.png").tobytes()
    assert Image.open(frames[5]).tobytes() == Image.open(tmp_path / "1.png").tobytes()
    towards = ["--frames", "20", "--last-frame", f"{tmp_path}/1.png", "--keep-given", "--output", f"{tmp_path}/b"]
    assert main(["extend", model, *towards, *fast]) == 0
    last = sorted((tmp_path / "b").glob("*.png"))[-1]
    drawn = ["--frames", "20", "--anchor", f"{tmp_path}/1.png", "--anchor-noise", "1", "--output", f"{tmp_path}/c"]
    drawn += ["--hint-guidance", "1"]
    assert main(["extend", model, *drawn, *fast]) == 0
    assert Image.open(last).tobytes() == Image.open(tmp_path / "1.png").tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--keyframe", "c.png"], "--keyframe is c.png; give a frame's number and a picture, as in 5=c.png"),
        (["--keyframe", "8={0}"], "there is no frame 8 among 8; give numbers from 0 to 7"),
        (["--keyframe", "2={0}", "--keyframe", "2={0}"], "two pictures are given for frame 2"),
        (["--keep-given"], "--keep-given is given without a picture"),
        (["--hint-guidance", "1"], "--hint-guidance is given without a picture"),
        (["--first-frame", "nowhere.jpg"], "nowhere.jpg does not exist"),
    ],
)
def test_bad_pictures_are_one_sentence(generator, tmp_path, caplog, options, message):
    generator.save_pretrained(tmp_path / "model")
    Image.fromarray(picture().permute(1, 2, 0).numpy()).save(tmp_path / "0.png")
    given = [option.replace("{0}", f"{tmp_path}/0.png") for option in options]
    assert main(["sample", f"{tmp_path}/model", *given, "--output", f"{tmp_path}/out"]) == 2
    assert message in caplog.text and not (tmp_path / "out").exists()


def test_passes_bring_given_frames_closer_and_move_the_rest_less():
    """As the packaged model does; the frame is one that it made, for another seed."""
    generator = VideoGenerator.from_pretrained("pvdm/sprites-64")
    options = {"labels": "walk", "steps": 4}
    first = generator.sample(2, seed=1, **options)[:, :, 3]
    without, once, twice = (
        generator.sample(1, first_frame=first[0], sampler=SamplerConfig(hint_passes=passes), **options)[0].float()
        for passes in (0, 1, 2)
    )
    errors = [(clip[:, 0] - first[0]).square().mean() for clip in (without, once, twice)]
    assert errors[1] < 0.8 * errors[0] and errors[2] < errors[1]
    moved = (twice - without).abs().mean((0, 2, 3))
    assert moved[8:].mean() < 0.7 * moved[0]
