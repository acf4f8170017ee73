"""What is heard around frames: the spectrum, its windows, and the sound of samples."""

from __future__ import annotations

import numpy as np
import pytest
from video.sounds import tone, write_wav

from pvdm.data import SceneOptions
from pvdm.data.scenes import ScenePath, scene
from pvdm.data.scenes.scene_videos import scene_sound
from pvdm.data.tracks.sound_features import (
    MELS,
    MelEncoder,
    encoder_name,
    sound_encoder,
    sound_vectors,
    sound_width,
)
from pvdm.data.tracks.video_sound import sound_of
from pvdm.errors import InputError
from pvdm.training import VideoData
from pvdm.video import VideoInfo
from pvdm.video.sound.soundtrack import Sound

SIZES = {"frames": 2, "height": 16, "width": 16, "clips": 2, "batch_size": 2, "workers": 0}


class Clock:
    """Features are their own times."""

    channels, rate = 1, 100.0

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        return np.arange(len(samples) // 160 + 1, dtype=np.float32)[:, None] / self.rate


def silence(start: float, seconds: float) -> Sound:
    return Sound(np.zeros(round(seconds * 16_000), np.float32), start + seconds)


def test_the_spectrum_of_a_tone_is_in_its_band_and_silence_is_minus_one():
    found = MelEncoder()(tone(1, begins=0.5, pitch=1000))
    assert found.shape == (101, MELS) and found.dtype == np.float32
    np.testing.assert_allclose(found[:45], -1, atol=1e-6)
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), MELS + 2) / 2595) - 1)
    band = int(found[75].argmax())
    assert edges[band] < 1000 < edges[band + 2] and 0.3 < found[75].max() < 1
    louder = MelEncoder()(2 * tone(1, pitch=1000)) - MelEncoder()(tone(1, pitch=1000))
    assert louder[50, band] == pytest.approx(2 * np.log10(2) / 2.5, abs=1e-3)  # power, in units of 2.5 powers of ten


def test_a_vector_has_the_features_of_its_frame_and_of_two_on_either_side():
    times = 0.5 + 0.04 * np.arange(4)
    found, end = sound_vectors(Clock(), silence, times, 0.04)
    expected = 0.08 + 0.015 + 0.04 * np.arange(-2, 3)  # middles of frames of 4 features, from where reading begins
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    np.testing.assert_allclose(found - found[0], np.broadcast_to(0.04 * np.arange(4)[:, None], (4, 5)), atol=1e-6)
    assert end == pytest.approx(times[-1] + 3 * 0.04)
    short, _ = sound_vectors(Clock(), silence, times[:1], 0.001)  # frames that are shorter than features
    assert np.isfinite(short).all()


def test_true_is_the_spectrum():
    assert (encoder_name(True), encoder_name(False), encoder_name("x")) == ("mel", None, "x")
    assert sound_width("mel") == 200


def test_unknown_encoders_are_refused(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match=r"there is no sound encoder .*gone.*; give mel, a folder"):
        sound_encoder(str(tmp_path / "gone"))


def test_an_encoder_of_transformers_is_loaded_from_a_folder(tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    layers = {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**sizes, **layers)).save_pretrained(tmp_path)
    encoder = sound_encoder(str(tmp_path))
    assert (encoder.channels, encoder.rate, sound_width(str(tmp_path))) == (16, 50.0, 80)
    assert abs(len(encoder(tone(1))) - 50) <= 1
    assert encoder(tone(0.01)).shape[1] == 16 and len(encoder(tone(0.01))) > 0


def test_sound_is_that_of_the_time_of_the_frames(tmp_path):
    write_wav(tmp_path / "a.wav", tone(2, begins=1))
    info = VideoInfo(50, 16, 16, 25.0)
    late = sound_of(tmp_path / "a.mp4", info, np.arange(26, 34), "mel").reshape(8, 5, MELS)
    assert late[:, 4].max() > 0 and late[3:].max(axis=2).min() > 0
    early = sound_of(tmp_path / "a.mp4", info, np.arange(16, 24), "mel").reshape(8, 5, MELS)
    np.testing.assert_allclose(early[:6, :3], -1, atol=1e-5)  # the tone begins with frame 25
    assert sound_of(tmp_path / "a.mp4", VideoInfo(99, 16, 16, 25.0), np.arange(48, 52), "mel") is None  # it has ended
    assert sound_of(tmp_path / "a.mp4", VideoInfo(50, 16, 16, None), np.arange(4), "mel") is None


def test_samples_have_the_sound_of_the_frames_of_the_target(make_video, tmp_path):
    for name in ("one", "two"):
        make_video(frames=12, height=16, width=16, name=f"{name}.mp4")
    write_wav(tmp_path / "one.wav", tone(5))
    data = VideoData(tmp_path, sound=True, validation_fraction=0.0, **SIZES)
    data.setup("fit")
    samples = [data.training[index] for index in range(len(data.training))]
    assert {sample["has_sound"] for sample in samples} == {True, False}
    for sample in samples:
        assert sample["sound"].shape == (2, 200) and sample["sound"].isfinite().all()
        assert sample["sound"].any() == sample["has_sound"]
    (tmp_path / "one.wav").unlink()
    with pytest.raises(InputError, match=r"none of 2 videos of .* has sound; give videos with a track"):
        VideoData(tmp_path, sound=True, **SIZES).setup("fit")


def test_scenes_are_heard_and_turntables_are_not():
    heard = []
    for turntable in (False, True):
        scenes = SceneOptions(videos=10, held_out=5, turntable=turntable)
        data = VideoData(None, layout="scenes", scenes=scenes, sound=True, **{**SIZES, "frames": 8})
        data.setup("fit")
        heard.append([data.training[index] for index in range(10)])
    assert all(sample["has_sound"] for sample in heard[0]) and not any(sample["has_sound"] for sample in heard[1])
    clicking = next(number for number in range(20) if np.abs(scene(0, number, frames=50).sound()).max() > 0.1)
    moment = int(np.abs(scene(0, clicking, frames=50).sound()).argmax()) // 640
    path, info = ScenePath(0, clicking, 100).path, VideoInfo(100, 16, 16, 25.0)
    around = sound_of(path, info, np.arange(moment, moment + 1), "mel").reshape(5, MELS)
    assert around[2].max() > -0.5


def test_of_a_scene_with_one_body_only_that_one_is_heard():
    """The other bodies of the scene, which this path leaves out, click as well."""
    for number in range(40):
        path = ScenePath(0, number, 100, bodies=1)
        alone = scene_sound(path.path, 0.0, 4.0, 8000)
        impacts = path.world.bodies[0].motion.impacts[0]
        if not (impacts < 4).any():
            assert not alone.any()
    crowds = [ScenePath(0, number, 100) for number in range(40)]
    louder = [np.abs(scene_sound(path.path, 0.0, 4.0, 8000)).sum() for path in crowds]
    quieter = [np.abs(scene_sound(path._replace(bodies=1).path, 0.0, 4.0, 8000)).sum() for path in crowds]
    assert any(more > less + 1 for more, less in zip(louder, quieter, strict=True))
