"""Clip sources: each returns the same clips at every read, and refuses what it cannot provide."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from data.small_layouts import CLASSES, clip_name, write_lists
from generation.small_models import labelled_generator, small_generator
from PIL import Image
from torch.nn.functional import interpolate
from torchvision.transforms import functional as vision

from pvdm.data import layout_of
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import LoadedModel, ReconstructedClips, SampledClips
from pvdm.evaluation.clips.protocol_clips import Sampling, check_reconstructs, is_model, open_source, source_of
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.video_clips import VideoClips
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.protocol import Protocol
from pvdm.video import number_gap, read_frames, resize_and_crop, write_video

PROTOCOL = Protocol(
    "p", "fvd", "nowhere", frames=8, size=None, real_choice="all", real_start="first", num_real=None, num_fake=3
)
FEW_STEPS = Sampling(SamplerConfig(steps=1))


@pytest.fixture(scope="session")
def generator():
    """Clips of 8 frames of 32x32 pixels."""
    return small_generator()


@pytest.fixture(scope="session")
def model(generator, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "model"
    generator.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(make_frame_folder, tmp_path) -> Path:
    """Four folders of frames, the last of which is short; frame i is of the gray level 4 i."""
    for name, frames in (("b", 12), ("a/x", 20), ("c", 9), ("short", 5)):
        make_frame_folder(f"videos/{name}", frames=frames)
    return tmp_path / "videos"


def numbers(clip) -> list[int]:
    """The gray levels of the frames of an encoded clip."""
    return (clip.video.float().mean((0, 2, 3)) / 4).round().int().tolist()


def names(source) -> list[str]:
    return [clip.name for clip in source.read(range(len(source)))]


def refused(call) -> str:
    """The message of the InputError that a call raises."""
    with pytest.raises(InputError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_cycles_go_on_with_their_first_frame(folder):
    plain, cycles = (VideoSet.find(folder, loop=loop) for loop in (False, True))
    clips = VideoClips(cycles, frames=11, stride=2, min_frames=100)
    assert names(clips) == ["a/x", "b", "c", "short"] and clips.dropped_short == 0
    assert numbers(next(clips.read([3]))) == [2 * i % 5 for i in range(11)]
    found = {seed: VideoClips(cycles, frames=8, start="random", seed=seed).first_frame(3) for seed in range(40)}
    assert set(found.values()) == set(range(5))
    assert clips.describe()["loop"] and "loop" not in VideoClips(plain, frames=8).describe()


def test_videos_come_in_sorted_order_and_short_ones_are_counted(folder):
    clips = VideoClips(VideoSet.find(folder), frames=8)
    assert names(clips) == ["a/x", "b", "c"] and len(clips) == 3
    assert (clips.available, clips.dropped_short) == (3, 1)
    assert [numbers(clip) for clip in clips.read([2, 0])] == [list(range(8))] * 2
    assert [clip.index for clip in clips.read([2, 0], batch_size=3)] == [2, 0]
    assert next(clips.read([0])).video.shape == (3, 8, 48, 64)


def test_stride_and_the_shortest_video(folder):
    clips = VideoClips(VideoSet.find(folder), frames=3, stride=4)
    assert names(clips) == ["a/x", "b", "c"]  # of 9 frames 0, 4 and 8 are taken
    assert numbers(next(clips.read([2]))) == [0, 4, 8]
    assert names(VideoClips(VideoSet.find(folder), frames=3, stride=4, min_frames=12)) == ["a/x", "b"]


def test_starts(folder):
    videos = VideoSet.find(folder)
    assert numbers(next(VideoClips(videos, frames=8, start="middle").read([0]))) == list(range(6, 14))
    found = {seed: VideoClips(videos, frames=8, start="random", seed=seed) for seed in range(40)}
    starts = {seed: [numbers(clip)[0] for clip in clips.read(range(3))] for seed, clips in found.items()}
    again = VideoClips(videos, frames=8, start="random", seed=7)
    assert [numbers(clip)[0] for clip in again.read([2, 1, 0], batch_size=2)] == starts[7][::-1]
    for video, room in enumerate((12, 4, 1)):
        assert {start[video] for start in starts.values()} <= set(range(room + 1))
        assert len({start[video] for start in starts.values()}) > min(room, 5)  # the last possible start is drawn too


def test_a_video_starts_where_it_does_whichever_others_are_chosen(folder):
    videos = VideoSet.find(folder)
    everything = VideoClips(videos, frames=8, start="random", seed=3)
    some = VideoClips(videos, frames=8, start="random", choice="random", num=2, seed=3)
    starts = {clip.name: numbers(clip) for clip in everything.read(range(3))}
    assert all(starts[clip.name] == numbers(clip) for clip in some.read(range(2)))


def test_choices(folder):
    videos = VideoSet.find(folder)
    assert names(VideoClips(videos, frames=8, choice="first", num=2)) == ["a/x", "b"]
    drawn = [tuple(names(VideoClips(videos, frames=8, choice="random", num=2, seed=seed))) for seed in range(20)]
    assert set(drawn) == {("a/x", "b"), ("a/x", "c"), ("b", "c")}
    assert names(VideoClips(videos, frames=8, choice="random", num=9)) == ["a/x", "b", "c"]


def test_the_seed_is_recorded_only_if_it_matters(folder):
    videos = VideoSet.find(folder)

    def said(**options):
        return [VideoClips(videos, frames=8, seed=seed, **options).describe() for seed in (0, 1)]

    for options in ({}, {"choice": "first", "num": 2}, {"choice": "random", "num": 3}):
        first, second = said(**options)
        assert first == second
    for options in ({"start": "random"}, {"choice": "random", "num": 2}):
        first, second = said(**options)
        assert first != second and {**first, "seed": 1} == second


def test_the_digest_is_of_names_and_sizes_and_the_key_of_times_too(folder, tmp_path):
    before = VideoClips(VideoSet.find(folder), frames=8)
    first = before.describe(), before.key()
    (folder / "b" / "f_0.png").touch()
    after = VideoClips(VideoSet.find(folder), frames=8)
    assert after.describe() == first[0] and after.key() != first[1]
    moved = folder.rename(tmp_path / "moved")
    assert VideoSet.find(moved).digest == first[0]["files_sha256"]
    Image.new("RGB", (64, 48), "red").save(moved / "b" / "f_0.png")
    assert VideoSet.find(moved).digest != first[0]["files_sha256"]


def test_files_and_frames_mix(folder, make_video):
    make_video("videos/b2.mp4", frames=10)
    assert names(VideoClips(VideoSet.find(folder), frames=8)) == ["a/x", "b", "b2.mp4", "c"]


def test_refusals_of_a_folder(folder, make_frame_folder, make_video, tmp_path):
    assert "does not exist; give the folder that holds the videos" in refused(lambda: VideoSet.find(tmp_path / "no"))
    (tmp_path / "empty").mkdir()
    assert "empty holds no videos; put video files" in refused(lambda: VideoSet.find(tmp_path / "empty"))
    message = refused(lambda: VideoClips(VideoSet.find(folder), frames=21))
    assert message == (
        f"the 4 video(s) of {folder} have 5 to 20 frames, and a clip of 21 frames needs 21; "
        "give longer videos, or set fewer --frames"
    )
    make_frame_folder("videos/d", height=24)
    message = refused(lambda: VideoClips(VideoSet.find(folder), frames=8))
    assert message.startswith(f"{folder}/a/x is 48x64 and {folder}/d is 24x64; give videos of one size, or scale")
    scaled = VideoClips(VideoSet.find(folder), frames=8, scaling=Scaling((16, 16)))
    assert {clip.video.shape for clip in scaled.read(range(4))} == {(3, 8, 16, 16)}
    (folder / "broken.mp4").write_bytes(b"no video")
    assert "broken.mp4 cannot be" in refused(lambda: VideoSet.find(folder))


def test_gaps_in_frame_numbers_give_one_warning(make_frame_folder, tmp_path, caplog):
    for name in ("a", "b", "c"):
        make_frame_folder(f"gaps/{name}", frames=9, height=16, width=16)
    VideoSet.find(tmp_path / "gaps")
    assert "gap" not in caplog.text.replace(str(tmp_path), "")
    (tmp_path / "gaps" / "b" / "f_7.png").unlink()
    assert len(VideoSet.find(tmp_path / "gaps").videos) == 3
    wanted = (
        f"{tmp_path / 'gaps' / 'b'} has a gap between f_6.png and f_8.png: clips jump there; add the missing frames"
    )
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [wanted]
    (tmp_path / "gaps" / "c" / "f_3.png").unlink()
    VideoSet.find(tmp_path / "gaps")
    assert f"2 folders have gaps, such as {tmp_path / 'gaps' / 'b'} between" in caplog.records[-1].getMessage()


def test_every_second_frame_is_not_a_gap(make_frame_folder):
    folder = make_frame_folder("even", frames=9, height=16, width=16)
    for number in (1, 3, 5, 7):
        (folder / f"f_{number}.png").unlink()
    assert number_gap(folder) is None
    (folder / "f_4.png").unlink()
    assert number_gap(folder) == ("f_2.png", "f_6.png")


def test_frames_of_other_sizes_within_a_video(folder):
    Image.new("RGB", (32, 24)).save(folder / "b" / "f_3.png")
    clips = VideoClips(VideoSet.find(folder), frames=8)
    assert "f_3.png is 32x24, but the first frame of its clip is 64x48" in refused(lambda: names(clips))


@pytest.fixture
def ucf101(make_video, tmp_path) -> Path:
    """One video of each class in groups 1 and 2; group 1 is the test part of split 1."""
    write_lists(tmp_path / "ucf" / "ucfTrainTestlist")
    for label in range(len(CLASSES)):
        for group in (1, 2):
            make_video(f"ucf/{clip_name(label, group)}", frames=9, height=16, width=16, codec="mpeg4")
    return tmp_path / "ucf"


def test_a_data_set_by_its_parts(ucf101):
    assert layout_of(ucf101) == "ucf101"
    for part, groups in (("train", [2]), ("test", [1]), ("both", [1, 2])):
        source = open_source(ucf101, replace(PROTOCOL, part=part), role="real")
        assert names(source) == [clip_name(label, group) for label in range(3) for group in groups]
        assert source.describe()["part"] == part and source.describe()["split"] == 1
        assert [clip.label for clip in source.read(range(len(source)))] == [0, 0, 1, 1, 2, 2][:: 3 - len(groups)]
    assert source.classes == CLASSES
    other = open_source(ucf101, replace(PROTOCOL, part="test"), role="real", split=2)
    assert names(other) == [clip_name(label, 2) for label in range(3)]
    by_layout = replace(PROTOCOL, parts={"ucf101": "both"})
    assert len(open_source(ucf101, by_layout, role="real")) == 6
    assert len(open_source(ucf101, by_layout, role="real", part="test")) == 3
    as_folder = open_source(ucf101, PROTOCOL, role="real", layout="folder")
    assert len(as_folder) == 6 and "part" not in as_folder.describe()


def test_layouts(ucf101, tmp_path):
    (tmp_path / "sky" / "sky_train").mkdir(parents=True)
    (tmp_path / "beside" / "ucfTrainTestlist").mkdir(parents=True)
    (tmp_path / "beside" / "UCF-101").mkdir()
    (tmp_path / "beside" / "samples").mkdir()
    found = {name: layout_of(tmp_path / name) for name in ("ucf", "sky", "beside", "beside/UCF-101", "beside/samples")}
    assert list(found.values()) == ["ucf101", "skytimelapse", "ucf101", "ucf101", "folder"]


def test_a_folder_with_parts_and_one_without(make_video, tmp_path):
    for name in ("train/1", "train/2", "test/3"):
        make_video(f"parts/{name}.mp4", frames=9)
    assert names(open_source(tmp_path / "parts", PROTOCOL, role="real")) == ["train/1.mp4", "train/2.mp4"]
    assert names(open_source(tmp_path / "parts", PROTOCOL, role="fake", part="test")) == ["test/3.mp4"]
    assert names(open_source(tmp_path / "parts" / "train", PROTOCOL, role="real", part="test")) == ["1.mp4", "2.mp4"]


def test_real_clips_are_the_protocol_s_and_generated_ones_the_first(folder):
    protocol = replace(
        PROTOCOL, frames=3, real_stride=2, num_real=2, num_fake=2, real_choice="random", real_start="random", size=16
    )
    real, fake = (source_of(folder, protocol, role=role) for role in ("real", "fake"))
    assert {tuple(names(real(seed))) for seed in range(40)} > {("b", "c"), ("a/x", "short")}
    (clip, *_) = real(5).read([0])
    assert np.diff(numbers(clip)).tolist() == [2, 2] and clip.video.shape == (3, 3, 16, 16)
    for seed in (0, 1):
        assert [(clip.name, numbers(clip)) for clip in fake(seed).read([0, 1])] == [
            ("a/x", [0, 1, 2]),
            ("b", [0, 1, 2]),
        ]


@pytest.mark.parametrize("size", [(48, 64), (64, 48), (40, 40)])
@pytest.mark.parametrize("quality", [None, 75])
def test_lanczos_is_that_of_the_published_converter(size, quality):
    frames = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    found = Scaling((32, 32), "lanczos", quality)(frames)
    for index, frame in enumerate(frames):
        picture = vision.resize(Image.fromarray(frame), size=32, interpolation=Image.Resampling.LANCZOS)
        picture = vision.center_crop(picture, (32, 32))
        if quality:
            picture.save(file := io.BytesIO(), "jpeg", quality=quality)
            picture = Image.open(file)
        assert np.array_equal(found[:, index].movedim(0, -1).numpy(), np.asarray(picture))


def test_lanczos_rounds_as_torchvision_does():
    """An odd remainder, and a longer side that is not an integer."""
    frame = np.random.default_rng(1).integers(0, 256, (1, 37, 51, 3), dtype=np.uint8)
    picture = vision.resize(Image.fromarray(frame[0]), size=16, interpolation=Image.Resampling.LANCZOS)
    wanted = np.asarray(vision.center_crop(picture, (16, 16)))
    assert picture.size == (22, 16)
    assert np.array_equal(Scaling((16, 16), "lanczos")(frame)[:, 0].movedim(0, -1).numpy(), wanted)


def test_bilinear_filters():
    frames = np.random.default_rng(0).integers(0, 256, (17, 40, 60, 3), dtype=np.uint8)
    assert torch.equal(Scaling((20, 20), "antialiased")(frames), resize_and_crop(frames, 20, 20))
    pixels = torch.from_numpy(frames).movedim(-1, 1).float()
    plain = interpolate(pixels, size=(20, 30), mode="bilinear", align_corners=False)[..., 5:25]
    assert torch.equal(Scaling((20, 20), "bilinear")(frames), plain.round().byte().movedim(1, 0))


def test_frames_of_the_size_are_left_alone():
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    for scaling in (Scaling((32, 32), "lanczos", 10), Scaling(None, jpeg_quality=10)):
        assert np.array_equal(scaling(frames).movedim(0, -1).numpy(), frames)


def test_samples_depend_on_the_seed_and_their_number(generator):
    options = {"num": 5, "frames": 8, "sampler": SamplerConfig(steps=1), "seed": 4}
    source = SampledClips(generator, **options)
    wanted = generator.sample(5, sampler=SamplerConfig(steps=1), seed=4)
    for batch_size in (1, 3):
        clips = list(source.read([4, 0, 2], batch_size=batch_size))
        assert [(clip.index, clip.name) for clip in clips] == [(n, f"seed 4, video {n}") for n in (4, 0, 2)]
        for clip in clips:
            torch.testing.assert_close(clip.video.int(), wanted[clip.index].int(), atol=1, rtol=0)
    assert not torch.equal(next(SampledClips(generator, **{**options, "seed": 5}).read([0])).video, wanted[0])


def test_long_samples_are_extensions_of_which_every_manieth_frame_is_taken(generator, monkeypatch):
    first, later = SamplerConfig(steps=2), SamplerConfig(steps=1)
    source = SampledClips(generator, num=2, frames=4, stride=5, sampler=first, later_sampler=later)
    wanted = torch.cat(list(generator.stream(num_frames=16, sampler=first, later_sampler=later)), dim=2)[0]
    torch.testing.assert_close(next(source.read([0])).video.int(), wanted[:, ::5].int(), atol=1, rtol=0)
    sampled = []
    decode = generator.decode_latent
    monkeypatch.setattr(generator, "decode_latent", lambda latent: sampled.append(1) or decode(latent))
    next(SampledClips(generator, num=1, frames=2, stride=7, sampler=later).read([0]))
    assert sampled == [1]  # frames 0 and 7 are within the first clip
    assert source.describe()["later_sampler"]["steps"] == 1
    assert SampledClips(generator, num=1, frames=8).describe()["later_sampler"] is None


def test_classes_in_turn():
    generator = labelled_generator()
    source = SampledClips(generator, num=4, frames=8, sampler=SamplerConfig(steps=2), labels=["Swing", "0"])
    wanted = generator.sample(4, labels=[2, 0, 2, 0], sampler=SamplerConfig(steps=2))
    clips = list(source.read([1, 2]))
    assert [clip.label for clip in clips] == [0, 2] and source.classes == generator.classes
    for clip in clips:
        torch.testing.assert_close(clip.video.int(), wanted[clip.index].int(), atol=1, rtol=0)
    loaded = LoadedModel(generator, "here", "0" * 64)
    every = source_of(loaded, PROTOCOL, role="fake", sampling=Sampling(every_class=True))(0)
    assert every.labels == [0, 1, 2]


def test_refusals_of_a_model(generator):
    stage_1 = small_generator(denoiser=False)
    assert "stage-1 autoencoder without a denoiser" in refused(lambda: SampledClips(stage_1, num=1, frames=8))
    steps = SamplerConfig(steps=201)
    message = "201 steps are more than the 200 timesteps of this model; give at most 200"
    assert refused(lambda: SampledClips(generator, num=1, frames=8, sampler=steps)) == message
    assert refused(lambda: SampledClips(generator, num=1, frames=8, later_sampler=steps)) == message
    assert "this model has no classes" in refused(lambda: SampledClips(generator, num=1, frames=8, labels=[0]))
    loaded = LoadedModel(generator, "here", "0" * 64)
    uncounted = source_of(loaded, replace(PROTOCOL, num_fake=None), role="fake")
    assert "does not set how many clips to sample; give --num-fake" in refused(lambda: uncounted(0))
    uncounted = source_of(loaded, PROTOCOL, role="real")
    assert refused(lambda: uncounted(0)) == "p does not set how many clips to sample; give --num-real"


@pytest.mark.parametrize("kind", ["samples", "reconstructions"])
def test_the_key_is_another_for_every_other_model(folder, kind):
    """Even for one that was not loaded from a file, and for one with the same weights."""

    def key(generator, **said):
        if kind == "samples":
            return SampledClips(generator, num=1, frames=8, **said).key()
        return ReconstructedClips(generator, VideoClips(VideoSet.find(folder), frames=8), **said).key()

    models = [small_generator(), small_generator(), small_generator()]
    next(models[1].autoencoder.parameters()).data[0] += 1
    models[2].diffusion = replace(models[2].diffusion, prediction="v")
    assert key(models[0]) == key(small_generator()) and json.dumps(key(models[0]))
    assert key(models[0]) != key(models[1]) and key(models[0]) != key(models[2])
    files = [LoadedModel(model, "here", "0" * 64).describe() for model in models]
    assert files[0] == files[1] and key(models[0], model=files[0]) != key(models[2], model=files[2])


def test_a_model_by_its_path(generator, model, tmp_path):
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    torch.save({"pvdm": generator.to_config(), "state_dict": state}, tmp_path / "last.ckpt")
    files = {model: model / "model.safetensors", tmp_path / "last.ckpt": tmp_path / "last.ckpt"}
    for path, file in files.items():
        assert is_model(path)
        source = open_source(path, PROTOCOL, role="fake", seed=3, sampling=FEW_STEPS)
        said = source.describe()
        assert said["model"]["sha256"] == sha256(file.read_bytes()).hexdigest()
        assert said["model"]["averaged_weights"] is True and said["model"]["training_step"] == 7
        assert (said["seed"], said["sampler"]["steps"], said["clips"]) == (3, 1, 3)
    assert is_model("owner/name") and is_model("none.ckpt") and not is_model(tmp_path)


def test_samples_are_equal_live_and_from_frames(model, tmp_path):
    live = open_source(model, PROTOCOL, role="fake", sampling=FEW_STEPS)
    for clip in live.read(range(3), batch_size=2):
        write_video(tmp_path / "clips" / clip.name, clip.video, fps=10)
    stored = open_source(tmp_path / "clips", PROTOCOL, role="fake")
    scaled = replace(PROTOCOL, size=24)
    for protocol in (PROTOCOL, scaled):
        live = open_source(model, protocol, role="fake", sampling=FEW_STEPS)
        stored = open_source(tmp_path / "clips", protocol, role="fake")
        for a, b in zip(live.read(range(3), batch_size=2), stored.read(range(3)), strict=True):
            assert a.name == b.name and torch.equal(a.video, b.video)


def test_reconstructions(generator, folder):
    source = VideoClips(VideoSet.find(folder), frames=8, scaling=Scaling((32, 32)))
    found = ReconstructedClips(generator, source)
    originals = list(source.read([2, 1]))
    wanted = generator.reconstruct(torch.stack([clip.video for clip in originals]))
    clips = list(found.read([2, 1], batch_size=2))
    assert [(clip.index, clip.name) for clip in clips] == [(2, "c"), (1, "b")] and len(found) == 3
    assert torch.equal(torch.stack([clip.video for clip in clips]), wanted)
    assert found.describe()["of"] == source.describe() and found.key()["of"] == source.key()


def test_long_reconstructions_overlap_at_the_end(generator, folder):
    (long,) = VideoClips(VideoSet.find(folder), frames=20, scaling=Scaling((32, 32))).read([0])
    found = ReconstructedClips(generator, _One()).reconstruct(long.video[None])[0]
    first, second, last = (generator.reconstruct(long.video[None, :, start : start + 8])[0] for start in (0, 8, 12))
    assert torch.equal(found, torch.cat((first, second, last[:, 4:]), dim=1))


class _One:
    """A source without clips."""

    classes = None


def test_clips_that_the_autoencoder_does_not_take(generator):
    loaded = LoadedModel(generator, "here", "0" * 64)
    message = refused(lambda: check_reconstructs(loaded, replace(PROTOCOL, size=64)))
    assert message == "the clips are 64x64, but the model reconstructs 32x32; give --size 32"
    message = refused(lambda: check_reconstructs(loaded, replace(PROTOCOL, size=32, frames=4)))
    assert "the clips have 4 frames, but the model reconstructs 8 at once; give --frames 8 or more" in message
    assert check_reconstructs(loaded, PROTOCOL) == (32, 32)


def test_real_data(shared_data, caplog):
    with caplog.at_level(logging.INFO):
        ucf = open_source(shared_data / "UCF-101", replace(PROTOCOL, frames=16), role="real")
    assert layout_of(shared_data / "UCF-101") == "ucf101" and len(ucf) > 20
    clip = next(ucf.read([3]))
    frames = read_frames(shared_data / "UCF-101" / clip.name, range(16))
    assert np.array_equal(clip.video.movedim(0, -1).numpy(), frames)
    sky = open_source(shared_data / "sky_timelapse", replace(PROTOCOL, frames=16, size=64), role="real")
    assert next(sky.read([0])).video.shape == (3, 16, 64, 64)
