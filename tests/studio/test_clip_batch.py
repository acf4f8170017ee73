"""Clips made one by one equal those of `VideoGenerator.stream`; clips of several clients make one batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from generation.small_models import hinted_generator, labelled_generator, noise_video, small_generator, told_generator

from pvdm.conditions.keyframes import Keyframes
from pvdm.diffusion import Condition
from pvdm.studio.streams.clip_batch import ClipRequest, joined, make_clips, shown_again
from pvdm.studio.streams.stream_settings import StreamSettings

SETTINGS = StreamSettings(steps=1, seed=5)


def chained(generator, settings: StreamSettings, clips: int, pictures=None):
    """Clips that continue one another, as a session asks for them."""
    made = []
    for clip in range(clips):
        before = made[-1] if made else None
        context = {"context": before.latent, "before": before.frames} if before else {}
        noise = (settings.seed, 0, clip)
        made += make_clips(generator, [ClipRequest("a", settings, noise, pictures=pictures or {}, **context)])
        settings = replace(settings, first_picture=None)
    return made


def with_fade(generator, frames: int = 3):
    generator.diffusion = replace(generator.diffusion, border_fade=frames)
    return generator


@pytest.mark.parametrize(
    ("make", "settings", "given"),
    [
        (small_generator, replace(SETTINGS, guidance=1.5), {}),
        (labelled_generator, replace(SETTINGS, label="Biking"), {"labels": "Biking"}),
        (told_generator, replace(SETTINGS, prompt="a red ball"), {"prompts": "a red ball"}),
    ],
)
def test_clips_one_by_one_are_those_of_a_stream_to_the_bit(make, settings, given):
    generator = with_fade(make())
    wanted = generator.stream(num_frames=16, videos=[(5, 0)], sampler=settings.sampler(), **given)
    for made, clip in zip(chained(generator, settings, 2), wanted, strict=True):
        assert torch.equal(made.frames, clip[0])


def test_a_first_picture_is_a_keyframe_of_a_stream():
    generator, picture = hinted_generator(), noise_video(1)[:, 0]
    settings = replace(SETTINGS, first_picture="p")
    given = Keyframes.of(16, generator.size, first_frame=picture)
    wanted = generator.stream(num_frames=16, videos=[(5, 0)], sampler=settings.sampler(), keyframes=given)
    for made, clip in zip(chained(generator, settings, 2, {"p": picture}), wanted, strict=True):
        assert torch.equal(made.frames, clip[0])


def test_an_anchor_draws_a_clip_and_a_last_picture_takes_its_place():
    generator, (one, two) = hinted_generator(), noise_video(2).unbind(1)
    pictures = {"a": one, "l": two}
    plain = chained(generator, SETTINGS, 1)[0]
    anchored = chained(generator, replace(SETTINGS, anchor="a"), 1, pictures)[0]
    assert not torch.equal(anchored.frames, plain.frames)
    both = replace(SETTINGS, anchor="a", last_picture="l")
    distance = [
        (clip.frames[:, -1].float() - two.float()).abs().mean()
        for clip in (plain, *chained(generator, both, 1, pictures))
    ]
    assert distance[1] < distance[0]


def test_frames_are_shown_again_to_the_bit():
    generator = with_fade(small_generator())
    first, second = chained(generator, SETTINGS, 2)
    assert second.fade > 0
    assert torch.equal(shown_again(generator, second.latent, first.latent, second.fade), second.frames)
    assert torch.equal(shown_again(generator, first.latent, None, first.fade), first.frames)


def test_a_batch_of_different_prompts_and_pictures_equals_each_alone():
    generator, picture = told_generator(hints=True), noise_video(1)[:, 0]
    alone = [
        replace(SETTINGS, prompt="a red ball", prompt_guidance=0.0),
        replace(SETTINGS, prompt="a blue ball", negative_prompt="red", prompt_guidance=0.0),
        SETTINGS,
        replace(SETTINGS, last_picture="p"),
    ]
    requests = [
        ClipRequest(str(place), settings, (5, place, 0), pictures={"p": picture})
        for place, settings in enumerate(alone)
    ]
    assert len({request.batch_key for request in requests}) == 1
    together = make_clips(generator, requests)
    assert [made.batch for made in together] == [4] * 4 and [made.request for made in together] == requests
    for request, made in zip(requests, together, strict=True):
        (one,) = make_clips(generator, [request])
        close = (
            2e-2 if request.pictures and request.settings.last_picture else 1e-5
        )  # which goes through whole gray levels
        torch.testing.assert_close(made.latent, one.latent, atol=close, rtol=0)


def test_contexts_and_samplers_that_differ_make_several_batches():
    scene, latent = ClipRequest("a", SETTINGS, (0, 0, 0)), torch.zeros(4, 8)
    others = [replace(scene, settings=replace(SETTINGS, steps=2)), replace(scene, context=latent)]
    assert len({request.batch_key for request in (scene, *others)}) == 3
    guided = replace(SETTINGS, prompt_guidance=9.0)
    assert replace(scene, settings=guided).batch_key == scene.batch_key  # there is no prompt


def test_parts_that_a_condition_lacks_are_masked():
    label, context = torch.tensor([2]), torch.ones(1, 3, 4)
    whole = joined([Condition(label=label, context=context), Condition(), Condition(context=2 * context)])
    assert whole.label_mask.tolist() == [True, False, False] and whole.mask.tolist() == [True, False, True]
    assert whole.label.tolist() == [2, 0, 0] and whole.hint is None
    text = Condition(text=torch.ones(1, 2, 3), text_mask=torch.ones(1, 2, dtype=torch.bool))
    assert joined([text, Condition()]).text_mask.tolist() == [[True, True], [False, False]]
