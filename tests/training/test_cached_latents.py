"""Training from cached latents is training from the videos, to the rounding of the file's numbers."""

import json
import logging
from dataclasses import replace

import pytest
import torch
from cached import data, encoded, make_videos
from evaluation.forked import forked
from miniature import AUTOENCODER, UNET, diffusion_training, trainer
from pytorch_lightning.loggers import TensorBoardLogger
from runs import logged

from pvdm.commands.encode import HINTS
from pvdm.conditions.given_frames import CACHED, GivenFrames, cached_factor, cached_kinds
from pvdm.data.latents.latent_folder import open_latents
from pvdm.data.table import NO_LABEL
from pvdm.data.video_collection import VideoCollection
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.training import AutoencoderTraining, Throughput, VideoData, VideoLog
from pvdm.training.batches.batch import hint_of
from pvdm.training.callbacks.evaluation import Evaluation
from pvdm.video import ColorJitter


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_videos(tmp_path_factory.mktemp("cached") / "videos")


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cached") / "first"
    return diffusion_training(folder).generator


@pytest.fixture(scope="module")
def folder(root, generator, tmp_path_factory):
    """Every start, mirrored as well."""
    return encoded(data(root), generator, tmp_path_factory.mktemp("cached") / "latents")


@pytest.fixture
def module(tmp_path):
    """Of two classes."""
    return diffusion_training(tmp_path / "first", denoiser=type(UNET)(**{**vars(UNET), "classes": 2}))


def latents(folder, **options):
    return data(folder, **{"layout": "latents", **options})


def epochs(data, *numbers):
    """The batches of some epochs."""
    batches = len(data.train_dataloader())
    for number in numbers:
        data._batches_done = lambda done=number * batches: done
        yield from data.train_dataloader()


def quiet(module, folder):
    module.trainer = trainer(folder)
    module.optimizers = lambda: torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    module.log = lambda *_, **__: None
    return module


def test_the_same_keys_give_the_same_loss(root, folder, module, tmp_path):
    quiet(module, tmp_path)
    flips, contexts = set(), set()
    pixels, cached = data(root), latents(folder)
    for left, right in zip(epochs(pixels, 0, 1, 2), epochs(cached, 0, 1, 2), strict=True):
        assert left.keys() - right.keys() == {"video"} and right.keys() - left.keys() == {"latent"}
        for name in ("key", "start", "has_context", "label", "fps"):
            assert torch.equal(left[name], right[name]), name
        with torch.no_grad():
            wanted, found = module.training_step(left, 0), module.training_step(right, 0)
        torch.testing.assert_close(found, wanted, rtol=2e-3, atol=0)
        everyone = torch.ones(len(left["key"]), dtype=torch.bool)
        (target, condition), (latent, cached_condition) = (
            module.conditioning.latents(batch, everyone) for batch in (left, right)
        )
        torch.testing.assert_close(latent, target, rtol=0, atol=2**-11)
        torch.testing.assert_close(cached_condition.context, condition.context, rtol=0, atol=2**-11)
        assert torch.equal(cached_condition.mask, condition.mask)
        contexts.update(left["has_context"].tolist())
        flips.update(sample_is_flipped(pixels, key) for key in left["key"].tolist())
    assert flips == contexts == {True, False}


def test_the_same_keys_give_the_same_hints_and_loss(root, generator, tmp_path):
    given = GivenFrames(first=0.3, last=0.2, ends=0.3, random=0, every=0, gap=0)
    module = quiet(diffusion_training(tmp_path / "first", given_frames=given), tmp_path)
    folder = encoded(data(root), generator, tmp_path / "latents", hints=["first", "last", "ends"])
    pixels, cached = data(root), latents(folder)
    cached.check_hints(given)
    seen = set()
    for left, right in zip(epochs(pixels, 0, 1, 2), epochs(cached, 0, 1, 2), strict=True):
        with torch.no_grad():
            (_, wanted, sees), (_, found, cached_sees) = (module.conditioning.training(part) for part in (left, right))
            losses = [module.training_step(part, 0) for part in (left, right)]
        torch.testing.assert_close(found.hint, wanted.hint, rtol=0, atol=2**-11)
        assert torch.equal(found.known, wanted.known) and torch.equal(sees, cached_sees)
        torch.testing.assert_close(losses[1], losses[0], rtol=2e-3, atol=0)
        seen.update(map(tuple, wanted.known.tolist()))
    assert len(seen) == 4  # the three kinds, and none
    assert module.conditioning.validation(right)[1]["hint"][0].known[:, [0, -1]].all()


def test_cached_hints_give_frames_drawn_for_each_clip(root, generator, tmp_path):
    given = GivenFrames(first=0, last=0, ends=0, random=0.3, every=0.3, gap=0.3)
    module = quiet(diffusion_training(tmp_path / "first", given_frames=given), tmp_path)
    kinds = cached_kinds(given)
    assert kinds == ["ends", "random", "every", "gap"]
    cached = latents(encoded(data(root), generator, tmp_path / "latents", hints=kinds))
    seen = set()
    for left, right in zip(epochs(data(root), 0, 1, 2), epochs(cached, 0, 1, 2), strict=True):
        target, found, _ = module.conditioning.training(right)
        wanted = hint_of(generator.autoencoder, left, found.known, target)
        torch.testing.assert_close(found.hint, wanted.hint, rtol=0, atol=2**-11)
        seen.update(map(tuple, found.known.tolist()))
    assert len(seen) > 4


def test_only_needed_hints_are_asked_for(root, generator, tmp_path):
    cached = latents(encoded(data(root), generator, tmp_path / "latents", hints=["first", "ends"]))
    kinds = dict.fromkeys(("random", "every", "gap", "last"), 0)
    cached.check_hints(GivenFrames(**kinds))
    with pytest.raises(InputError, match="no hints of the given frames last; encode the videos with --hints first"):
        cached.check_hints(GivenFrames(**{**kinds, "last": 0.1}))


def test_cached_blurred_hints_are_those_of_clips_blurred_by_their_own_factors(root, generator, tmp_path):
    given = GivenFrames(first=0, last=0, ends=0, random=0, every=0, gap=0, blurred=1.0, blur_factors=(1.5, 4.0))
    module = quiet(diffusion_training(tmp_path / "first", given_frames=given), tmp_path)
    settings = {"hints": cached_kinds(given), "blur_factors": [1.5, 4.0]}
    cached = latents(encoded(data(root), generator, tmp_path / "latents", **settings))
    cached.check_hints(given)
    seen = set()
    for left, right in zip(epochs(data(root), 0, 1), epochs(cached, 0, 1), strict=True):
        target, found, _ = module.conditioning.training(right)
        factors = [cached_factor((1.5, 4.0), row) for row in right["row"].tolist()]
        wanted = hint_of(generator.autoencoder, left, found.known, target, factors)
        torch.testing.assert_close(found.hint, wanted.hint, rtol=0, atol=2**-11)
        assert found.known.all() and not torch.allclose(found.hint, target, atol=1e-3)
        seen.update(factors)
    assert len(seen) > 4 and min(seen) >= 1.5 and max(seen) <= 4.0
    with pytest.raises(
        InputError,
        match=r"has clips blurred by 1.5 to 4, and model.given_frames.blur_factors is 2 to 8; give the same, or encode",
    ):
        cached.check_hints(replace(given, blur_factors=(2.0, 8.0)))


@pytest.mark.parametrize("factors", [None, [2.0], ["wide", 3.0]])
def test_an_index_with_damaged_blur_factors_is_named(root, generator, tmp_path, factors):
    folder = encoded(data(root), generator, tmp_path / "latents", hints=["ends", "blurred"], blur_factors=[2.0, 3.0])
    index = json.loads((folder / "index.json").read_text())
    index["settings"]["blur_factors"] = factors
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"index.json is damaged \(\w+Error\); encode again with --overwrite"):
        open_latents(folder)


def test_the_command_offers_every_kind_of_hint():
    assert HINTS == CACHED


def sample_is_flipped(data, key) -> bool:
    _, epoch, index = key
    number = int((data.training._ends <= index).sum())
    return data.training._placement(number, epoch, index).flip


def test_validation_is_of_the_same_clips(root, folder, module, tmp_path):
    found = [
        trainer(tmp_path).validate(module, datamodule=of, verbose=False)[0] for of in (data(root), latents(folder))
    ]
    assert set(found[0]) == set(found[1]) >= {"val/loss_context", "val/loss_label"}
    assert found[1] == pytest.approx(found[0], rel=1e-3)


def test_clips_without_a_label_stay_beside_the_others(generator, tmp_path):
    videos = make_videos(tmp_path / "videos")
    for name in ("train/a/1", "val/b/5"):
        (videos / f"{name}.mp4").rename(videos / f"{name.replace('/a', '').replace('/b', '')}.mp4")
    pixels = data(videos)
    cached = latents(encoded(pixels, generator, tmp_path / "latents"))
    assert cached.collection.classes == ("a", "b")
    for left, right in ((pixels.training, cached.training), (pixels.validation, cached.validation)):
        assert NO_LABEL in left.labels and left.labels.tolist() == right.labels.tolist()
    assert cached.training[0]["label"] == NO_LABEL


def test_what_the_data_are_is_what_the_videos_were(root, folder, generator):
    pixels, cached = data(root), latents(folder)
    said = cached.collection.describe()
    encoding = said.pop("latents")
    assert said == pixels.collection.describe()
    assert encoding == {"stride": 1, "flips": True, "dtype": "float16", "precision": "32"}
    left, right = cached.collection, pixels.collection
    assert (left.classes, left.clip_fps, left.clip) == (right.classes, right.clip_fps, right.clip)
    assert [len(cached.training), len(cached.validation)] == [len(pixels.training), len(pixels.validation)]
    assert latents(folder, clips_per_video=1, balanced=True).collection.describe()["samples"] == 4


def test_with_a_stride_samples_begin_at_the_nearest_start(root, generator, tmp_path):
    pixels, cached = data(root), latents(encoded(data(root), generator, tmp_path / "latents", stride=4))
    for index in range(len(pixels.training)):
        left, right = pixels.training[index], cached.training[index]
        assert right["start"] % 4 == 0 and abs(right["start"] - left["start"]) <= 3
        assert torch.equal(left["key"], right["key"])


def test_other_latents_are_refused(folder, module, tmp_path):
    quiet(module, tmp_path)
    with torch.no_grad():
        module.generator.autoencoder.embed_patches.bias += 1
    with pytest.raises(InputError, match="come from another autoencoder; give that one as --model"):
        trainer(tmp_path, max_steps=1).fit(module, datamodule=latents(folder))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": 8}, "clips with frames 4, and data.frames is 8; set it to 4, or encode such clips"),
        ({"width": 32}, "clips with width 16, and data.width is 32"),
        ({"stride": 2}, "clips with stride 1, and data.stride is 2"),
        ({"fps": 5.0}, "clips with fps None, and data.fps is 5.0"),
        ({"clips": 1}, "latents are for stage 2, of 2 clips in a sample, and data.clips is 1; give videos for stage 1"),
        ({"part": "both"}, "are of part train, and data.part is both; leave it out, or encode that one"),
        ({"color_jitter": ColorJitter(0.1)}, "latents have no colors that could change; leave data.color_jitter out"),
    ],
)
def test_what_latents_cannot_give_is_refused(folder, options, words):
    with pytest.raises(InputError, match=words):
        latents(folder, **options)


def test_where_one_process_cannot_open_them_no_other_waits_for_it(folder):
    def run(group):
        latents(folder if group.is_main else folder / "none")

    assert forked(run) == 2 * [f"there is no folder {folder}/none; give one that pvdm encode has written"]


def test_what_a_stage_may_ask_for_and_latents_do_without_is_said_once(root, generator, folder, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        latents(folder, random_crop=True)
    assert caplog.messages == ["data.random_crop has no effect: the latents are of clips cropped in the center"]
    caplog.clear()
    plain = latents(encoded(data(root), generator, tmp_path / "latents", flips=False))
    assert caplog.messages == [
        "no sample is mirrored: the latents have no mirrored clips (pvdm encode --flips makes them)"
    ]
    batch = next(iter(plain.train_dataloader()))
    assert batch["latent"].shape[1:] == (2, 2, AUTOENCODER.latent_shape.positions)


def test_a_run_logs_the_speed_and_plays_what_the_latents_decode_to(root, folder, module, tmp_path):
    log = VideoLog(every_n_updates=1, videos=2, sampler=SamplerConfig("ddim", 2))
    run = trainer(
        tmp_path,
        max_steps=2,
        val_check_interval=2,
        callbacks=[log, Throughput()],
        logger=TensorBoardLogger(tmp_path, name="", version=""),
        log_every_n_steps=1,
    )
    run.fit(module, datamodule=latents(folder))
    assert "train/clips_per_second" in run.logged_metrics
    found = logged(tmp_path)
    assert set(found) == {"reconstructed", "sampled", "extended"}
    assert module.generator.data["layout"] == "classes" and module.generator.classes == ("a", "b")


def test_what_needs_videos_says_so(folder, module, tmp_path):
    cached = latents(folder)
    with pytest.raises(
        InputError, match=r"is to hold latents \(data.layout\), not videos; give the videos' own layout"
    ):
        VideoCollection.of(cached.options)
    with pytest.raises(InputError, match=r"VideoData is for videos; use pvdm\.training\.LatentData"):
        VideoData(folder, layout="latents")
    evaluation = Evaluation(["stylegan-v/fvd2048_16f"])
    run = trainer(tmp_path, callbacks=[evaluation])
    run.datamodule = cached
    with pytest.raises(InputError, match="evaluation needs videos, and the data are cached latents"):
        evaluation.on_test_start(run, module)


def test_stage_1_takes_none(folder, tmp_path):
    with pytest.raises(InputError, match="the data gives 2 clip"):
        trainer(tmp_path, max_steps=1).fit(
            AutoencoderTraining(AUTOENCODER, lpips_weight=0.0), datamodule=latents(folder)
        )
