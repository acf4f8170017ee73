"""Cameras of frames: their vectors, the files they are read from, those of scenes, and those of samples."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pvdm.data import SceneOptions
from pvdm.data.data_options import MixedSet
from pvdm.data.scenes import scene
from pvdm.data.scenes.scene_videos import ScenePath, read_clip, scene_caption
from pvdm.data.tracks.camera_path import CAMERA_WIDTH, CameraPath, orbit, read_camera
from pvdm.data.tracks.frame_tracks import camera_of
from pvdm.errors import InputError
from pvdm.training import VideoData
from pvdm.video import ClipShape

SIZES = {"frames": 2, "height": 16, "width": 16, "clips": 2, "batch_size": 2, "workers": 0}
FEW = {"videos": 10, "held_out": 5}


def poses_of(extrinsics: np.ndarray) -> CameraPath:
    return CameraPath(poses=extrinsics[:, :3])


def test_vectors_are_sines_and_cosines_of_angles_and_zeros_for_what_is_not_known():
    found = orbit(90, 180, 3, 30).vectors()
    assert found.shape == (3, CAMERA_WIDTH) and found.dtype == np.float32
    half = np.sqrt(0.5)
    np.testing.assert_allclose(found[:, :2], [[1, 0], [half, -half], [0, -1]], atol=1e-6)
    np.testing.assert_allclose(found[:, 2:4], [[0, 1], [half, half], [1, 0]], atol=1e-6)
    np.testing.assert_allclose(found[:, 4:6], [[0.5, np.sqrt(0.75)]] * 3, atol=1e-6)
    assert not found[:, 6:].any() and not orbit(0, 9, 3).vectors()[:, 4:].any()
    relative = CameraPath(np.array([0.3, 0.4]), is_absolute=False).vectors()
    assert not relative[:, :2].any() and relative[0, 2:4].tolist() == [0, 1]


def test_poses_are_relative_to_the_first_frame_wherever_the_world_is():
    extrinsics = scene(0, 3, frames=4, stride=5).cameras[0].extrinsics
    found = poses_of(extrinsics).vectors()
    assert not found[:, :6].any()
    np.testing.assert_allclose(found[0, 6:].reshape(3, 4), np.eye(4)[:3], atol=1e-6)
    moved = np.eye(4)
    moved[:3, :3] = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    moved[:3, 3] = [1, 2, 3]
    np.testing.assert_allclose(poses_of(extrinsics @ moved).vectors(), found, atol=1e-5)


def test_the_angles_of_scenes_are_those_of_their_cameras_and_poses_agree_when_mirrored():
    moving = next(number for number in range(20) if scene(0, number).world.camera.kind == "orbit")
    shown = scene(0, moving, frames=5, stride=20)
    camera = camera_of(ScenePath(0, moving, 100).path, 20 * np.arange(5))
    inverse = np.linalg.inv(shown.cameras[0].extrinsics)
    away = inverse[:, :3, 3] - np.array(shown.world.camera.target)
    np.testing.assert_allclose(np.sin(camera.azimuth), away[:, 0] / np.hypot(away[:, 0], away[:, 2]), atol=1e-9)
    np.testing.assert_allclose(camera.elevation, np.arcsin(away[:, 1] / np.linalg.norm(away, axis=1)), atol=1e-9)
    assert np.ptp(camera.azimuth) > 0.5
    mirrored = poses_of(shown.cameras[0].extrinsics).mirrored().vectors()[:, 6:].reshape(5, 3, 4)
    plain = poses_of(shown.cameras[0].extrinsics).vectors()[:, 6:].reshape(5, 3, 4)
    np.testing.assert_allclose(mirrored[:, 0, 3], -plain[:, 0, 3])  # moves to the other side, and as much ahead
    np.testing.assert_allclose(mirrored[:, 2, 3], plain[:, 2, 3])
    np.testing.assert_allclose(camera.mirrored().azimuth, -camera.azimuth)


def test_tables_and_json_hold_angles_or_poses(tmp_path):
    def read(name, text):
        (tmp_path / name).write_text(text)
        return read_camera(tmp_path / name)

    table = read("a.csv", "frame,azimuth,elevation\n0,0,10\n1,90,20\n")
    np.testing.assert_allclose(np.degrees([table.azimuth, table.elevation]), [[0, 90], [10, 20]])
    assert table.is_absolute and not read("b.csv", "turn\n5\n6\n7\n").is_absolute
    pose = [1, 0, 0, 0.5, 0, 1, 0, 0, 0, 0, 1, 2]
    rows = read("c.csv", "\n".join(",".join(map(str, pose)) for _ in range(3)))
    assert rows.poses.shape == (3, 3, 4) and rows.poses[2, 2, 3] == 2
    whole = [[*np.reshape(pose, (3, 4)).tolist(), [0, 0, 0, 1]]] * 2
    for content in ([pose] * 2, {"poses": whole}, {"poses": np.reshape([pose] * 2, (2, 3, 4)).tolist()}):
        np.testing.assert_array_equal(read(f"{len(str(content))}.json", json.dumps(content)).poses, rows.poses[:2])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "holds no camera"),
        ("a.json", "[[1, 2, 3]]", r"poses are numbers in the shape \(1, 3\)"),
        ("a.json", '{"azimuth": [1, 2], "elevation": [1]}', "angles or poses of unequal length"),
        ("a.json", '{"zoom": [1]}', "neither angles nor poses"),
        ("a.json", '{"azimuth": [1, NaN]}', "not finite"),
        ("a.json", json.dumps([[0] * 12]), "a pose whose rotation cannot be inverted"),
        ("a.csv", "azimuth\nnorth\n", "holds no camera"),
        ("a.csv", "", "a table without rows"),
        ("a.csv", "azimuth\n", "neither angles nor poses"),
    ],
)
def test_files_that_hold_no_camera_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=f"{name}.*{message}"):
        read_camera(tmp_path / name)


def test_samples_have_the_camera_of_the_frames_of_the_target(make_video, tmp_path):
    for name in ("one", "two"):
        make_video(frames=12, height=16, width=16, name=f"{name}.mp4")
    angles = 10.0 * np.arange(12)
    (tmp_path / "one.camera.csv").write_text("azimuth\n" + "\n".join(map(str, angles)))
    data = VideoData(tmp_path, cameras=True, validation_fraction=0.0, horizontal_flip=True, **SIZES)
    data.setup("fit")
    samples = [data.training[index] for index in range(len(data.training))]
    assert {sample["has_camera"] for sample in samples} == {True, False}
    for sample in samples:
        camera, first = sample["camera"], sample["start"] + 2
        assert camera.shape == (2, CAMERA_WIDTH) and camera.dtype == torch.float32
        if sample["has_camera"]:
            expected = torch.from_numpy(CameraPath(np.radians(angles)).at([first, first + 1]).vectors())
            assert torch.equal(camera[:, 1], expected[:, 1]) and torch.equal(camera[:, 0].abs(), expected[:, 0].abs())
        else:
            assert not camera.any()
    assert next(iter(data.train_dataloader()))["camera"].shape == (2, 2, CAMERA_WIDTH)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "none of the 1 videos of .* has a camera"), ("azimuth\n1\n2\n", "is of 2 frames, and its video has 12")],
)
def test_a_data_set_with_cameras_needs_them_for_each_frame(make_video, tmp_path, content, message):
    make_video(frames=12, height=16, width=16, name="one.mp4")
    if content:
        (tmp_path / "one.camera.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        VideoData(tmp_path, cameras=True, **SIZES).setup("fit")


def test_a_turntable_is_one_moment_from_a_turn_of_its_own():
    options = {"cameras": True, "captions": True, "layout": "scenes", "scenes": SceneOptions(**FEW, turntable=True)}
    data = VideoData(None, **options, **{**SIZES, "frames": 8})
    data.setup("fit")
    sample = data.training[3]
    assert not sample["has_context"] and sample["start"] == 0 and sample["path"].startswith("scenes:/8-turntable/")
    turns = []
    for index in range(10):
        camera = data.training[index]["camera"]
        steps = torch.atan2(camera[:, 2], camera[:, 3]).diff()
        steps = (steps + torch.pi) % (2 * torch.pi) - torch.pi
        torch.testing.assert_close(steps, steps[:1].expand(7), atol=1e-5, rtol=0)
        turns.append(float(steps.sum()))
        side = "right" if turns[-1] > 0 else "left"
        assert data.training[index]["caption"].endswith(f"the camera orbits to the {side}")
    assert all(torch.pi / 2 <= abs(turn) <= 2 * torch.pi for turn in turns)
    assert min(turns) < 0 < max(turns) and len({round(abs(turn), 3) for turn in turns}) == 10
    firsts = {round(float(torch.atan2(*data.training[index]["camera"][0, :2])), 3) for index in range(5)}
    assert len(firsts) == 5


def test_a_turntable_shows_what_a_camera_beside_sees_at_the_same_moment():
    path, shape = ScenePath(0, 1, 4, turntable=True).path, ClipShape(4, 24, 24)
    assert ScenePath.of(path) == ScenePath(0, 1, 4, turntable=True)
    clip = read_clip(path, shape).permute(1, 2, 3, 0).numpy()
    world = scene(0, 1).world
    moment, cameras = ScenePath.of(path).turned(world, np.arange(4))
    angle = cameras[0].azimuth - (world.camera.azimuth + world.camera.speed * moment)
    if world.camera.kind != "dolly":
        from pvdm.data.scenes.rendering.ray_caster import render

        np.testing.assert_array_equal(clip[0], render(world, world.camera.beside(angle), np.array([moment]), 24, 24)[0])
    assert all(np.abs(clip[0].astype(int) - other).mean() > 1 for other in clip[1:].astype(int))
    assert "stands still" in scene_caption(path, shape, np.arange(4))


def test_a_mix_has_zeros_for_sets_without_cameras(make_video, tmp_path):
    make_video(frames=12, height=16, width=16, name="one.mp4")
    (tmp_path / "one.camera.csv").write_text("azimuth\n" + "1\n" * 12)
    scenes = MixedSet(layout="scenes", scenes=SceneOptions(**FEW))
    data = VideoData(None, mix=[MixedSet(tmp_path, cameras=True), scenes], **SIZES)
    data.setup("fit")
    given = {data.training[index]["has_camera"] for index in range(len(data.training))}
    assert given == {True, False} and data.training.tracks.cameras
