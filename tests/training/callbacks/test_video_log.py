"""Videos in the log: read back from TensorBoard's files, and training that knows nothing of them."""

from types import SimpleNamespace

import pytest
import torch
from miniature import AUTOENCODER, arguments, read
from runs import frames_of, logged

from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training import VideoData, VideoLog
from pvdm.training.callbacks import video_log
from pvdm.training.callbacks.averaging import RAW

EVERY_2 = {"data__stride": 2, "videos__every_n_updates": 2, "videos__videos": 2, "videos__sampler__steps": 2}
INTERVAL = {"trainer__check_val_every_n_epoch": "null", "trainer__val_check_interval": 2}
STAGE_1, STAGE_2 = ["real", "reconstructed"], ["extended", "real", "reconstructed", "sampled"]


@pytest.fixture
def videos(make_video, tmp_path):
    """Four videos to train on and two to look at, whose frames get lighter."""
    for name in ("train/0", "train/1", "train/2", "train/3", "val/0", "val/1"):
        make_video(f"videos/{name}.mp4", frames=17, height=16, width=16, fps=10)
    return tmp_path / "videos"


@pytest.fixture
def fit(videos, tmp_path):
    """`fit("diffusion", "name of a run", ...)` trains; returns the run's folder."""
    torch.manual_seed(0)
    VideoGenerator(AUTOENCODER).save_pretrained(tmp_path / "first")

    def fit(stage, name="run", **more):
        options = {"trainer__max_steps": 4, **INTERVAL, **EVERY_2, **more}
        if stage == "diffusion":
            options["model__autoencoder"] = tmp_path / "first"
        assert main(arguments("fit", stage, tmp_path / name, videos, **options)) == 0
        return tmp_path / name

    return fit


def test_stage_1_has_real_clips_and_reconstructions_of_the_averaged_model(fit, videos):
    run = fit("autoencoder", averaging__decay=0.5, model__optimizer__learning_rate=0.05)
    found = logged(run)
    assert sorted(found) == STAGE_1
    assert all(list(events) == [2, 4] for events in found.values())
    assert found["real"][2] == found["real"][4]
    real, beside = frames_of(found["real"][4]), frames_of(found["reconstructed"][4])
    assert real.shape == (3, 4, 18, 36) and beside.shape == (3, 4, 36, 36)
    levels = real[:, :, 4:12, 4:12].float().mean((0, 2, 3))
    assert (levels.diff() - 8).abs().max() < 5  # each frame of the clip is 8 levels lighter
    _check_reconstructions(run, videos)


def test_stage_2_adds_sampled_clips_and_the_real_ones_continued(fit):
    found = logged(fit("diffusion"))
    assert sorted(found) == STAGE_2
    assert all(list(events) == [2, 4] for events in found.values())
    assert frames_of(found["sampled"][4]).shape == (3, 4, 18, 36)
    above, below = frames_of(found["extended"][4]).float().split(18, dim=2)
    assert above.shape == below.shape == (3, 8, 18, 36)
    assert (above[:, :4] - below[:, :4]).abs().mean() < 2
    assert (above[:, 4:] - below[:, 4:]).abs().mean() > 10


def _check_reconstructions(run, videos):
    """They are nearer to those of the average than of the raw weights."""
    generator = VideoGenerator.from_checkpoint(run / "checkpoints" / "last.ckpt")
    data = VideoData(videos, frames=4, height=16, width=16, stride=2, workers=0)
    data.setup("fit")
    clip = data.validation[0]["video"]
    above, below = frames_of(logged(run)["reconstructed"][4])[:, :, :, :16].float().split(18, dim=2)
    raw = {name.removeprefix("generator."): value for name, value in read(run)[RAW].items()}
    others = VideoGenerator.from_config(generator.to_config()).load_weights(raw)
    assert (above[:, :, :16] - clip.float()).abs().mean() < 3
    wanted = [model.reconstruct(clip[None])[0] for model in (generator, others)]
    near, far = ((below[:, :, :16] - video).abs().mean() for video in wanted)
    assert near < 3 < far


@pytest.mark.parametrize("stage", ["autoencoder", "diffusion"])
def test_training_knows_nothing_of_it(fit, stage, monkeypatch):
    states, write = [], VideoLog._write

    def watched(self, *arguments):
        states.append(torch.get_rng_state())
        write(self, *arguments)
        states.append(torch.get_rng_state())

    monkeypatch.setattr(VideoLog, "_write", watched)
    beside = read(fit(stage, "with"))
    assert len(states) == 4
    assert torch.equal(states[0], states[1]) and torch.equal(states[2], states[3])
    without = read(fit(stage, "without", videos__every_n_updates="null"))
    assert len(states) == 4
    for part in ("state_dict", RAW):
        assert without[part].keys() == beside[part].keys()
        assert all(torch.equal(without[part][name], value) for name, value in beside[part].items())


def test_a_resumed_run_logs_at_the_same_updates(fit):
    straight = logged(fit("autoencoder", "straight", trainer__max_steps=12, videos__every_n_updates=3))
    for steps in (4, 12):
        broken = fit("autoencoder", "broken", trainer__max_steps=steps, videos__every_n_updates=3)
    assert list(straight["real"]) == [4, 6, 10, 12]  # validation after 2, 4, 6, ..., of which 2 and 8 are too early
    assert logged(broken) == straight


@pytest.mark.parametrize("logger", ["false", "CSVLogger"])
def test_nothing_happens_without_tensorboard(fit, monkeypatch, tmp_path, logger):
    monkeypatch.setattr(video_log, "_spread", lambda *_: pytest.fail("clips were read"))
    more = {"trainer__logger__save_dir": "."} if logger == "CSVLogger" else {}
    monkeypatch.chdir(tmp_path)
    fit("autoencoder", trainer__max_steps=2, trainer__logger=logger, **more)


def test_nothing_happens_in_other_verbs(fit, videos):
    run = fit("autoencoder", trainer__max_steps=2)
    before = logged(run)
    assert main(arguments("validate", "autoencoder", run, videos, **EVERY_2)) == 0
    assert logged(run) == before


def test_more_videos_and_steps_than_there_are_and_bf16(fit):
    more = {"videos__videos": 3, "videos__sampler__steps": 100, "model__diffusion__timesteps": 3}
    found = logged(fit("diffusion", trainer__max_steps=2, trainer__precision="bf16-mixed", **more))
    assert sorted(found) == STAGE_2
    widths = {name: frames_of(events[2]).shape[3] // 18 for name, events in found.items()}
    assert widths == {"real": 2, "reconstructed": 2, "extended": 2, "sampled": 3}


class OfClasses:
    """Stands for a generator of a model of classes, and keeps the labels it is asked for."""

    frames, fps, denoiser, diffusion = 4, 10.0, object(), SimpleNamespace(timesteps=10)

    def __init__(self, classes: int | None) -> None:
        self.class_count, self.sampled, self.continued = classes, [], []

    def reconstruct(self, video):
        return video

    def sample(self, count, *, sampler, seed, **labels):
        self.sampled.append(labels)
        return torch.zeros(count, 3, 4, 8, 8, dtype=torch.uint8)

    def stream(self, *, num_frames, context, videos, sampler, **labels):
        self.continued.append(labels)
        yield context


@pytest.mark.parametrize("classes", [None, 9])
def test_a_model_of_classes_is_given_those_of_the_real_clips(classes):
    generator, video = OfClasses(classes), torch.zeros(3, 8, 8, 8, dtype=torch.uint8)
    samples = [{"video": video, "label": label, "has_context": label != 5} for label in (7, 5)]
    pictures = dict(VideoLog(videos=3)._pictures(SimpleNamespace(generator=generator), samples))
    assert sorted(pictures) == STAGE_2
    assert pictures["extended"].shape == (3, 8, 20, 10)  # the clip without a context is left out
    assert generator.sampled == ([{"labels": [7, 5, 7]}] if classes else [{}])
    assert generator.continued == ([{"labels": [7]}] if classes else [{}])


def test_values_that_are_refused():
    with pytest.raises(InputError, match="every_n_updates is 0; give a value at least 1"):
        VideoLog(0)
    with pytest.raises(InputError, match="videos is 0; give a value at least 1"):
        VideoLog(videos=0)


def test_reading_is_spread_over_the_data(videos):
    data = VideoData(videos, frames=4, height=16, width=16, stride=2, workers=0)
    data.setup("fit")
    paths = [sample["path"] for sample in video_log._spread(data.validation, 2)]
    assert [path[-9:] for path in paths] == ["val/0.mp4", "val/1.mp4"]
