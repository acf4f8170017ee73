"""`pvdm inspect`: figures that can be counted by hand, and what training would say."""

import json
import shutil

import pytest
import yaml
from data.small_layouts import make_ucf101
from fuzzing import damage_frame, encode, moving
from PIL import Image

from pvdm.cli import main
from pvdm.data.inspection.contact_sheet import CELL, GAP
from pvdm.errors import InputError
from pvdm.training import VideoData
from pvdm.video.decoding import decord as decord_reading


@pytest.fixture
def videos(make_video, make_frame_folder, tmp_path):
    """For training 20 and 30 frames at 25 per second and 9 without a rate; for validation 12 at 10 per second."""
    make_video("videos/train/a.mp4", 20, 16, 24)
    make_video("videos/train/b.mp4", 30, 48, 64)
    make_frame_folder("videos/train/c", 9, 16, 24)
    make_video("videos/val/d.mp4", 12, 48, 64, fps=10)
    return tmp_path / "videos"


@pytest.fixture
def inspect(capsys):
    """`inspect(folder, "--frames", 4)` -> the report; it must succeed."""

    def run(*arguments: object) -> dict:
        assert main(["inspect", *map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def told(capsys):
    """The table, spaces between columns made one."""

    def run(*arguments: object) -> str:
        assert main(["inspect", *map(str, arguments)]) == 0
        return "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())

    return run


def test_videos_without_a_label_are_counted_beside_the_classes(make_video, tmp_path, inspect, told):
    for name in ("train/a/0", "train/1", "train/unlabeled/2", "val/b/3"):
        make_video(f"labels/{name}.mp4", 8, 16, 16)
    options = (tmp_path / "labels", "--layout", "classes", "--frames", 4, "--size", "16x16")
    assert inspect(*options)["unlabelled"] == {"training": 2, "validation": 0}
    text = told(*options, "--output", tmp_path / "inspected")
    assert "classes: 2, of which 2 have videos (training + validation)\na 1+0 b 0+1\nwithout a label: 2+0" in text
    assert (tmp_path / "inspected").is_dir()


def test_figures(videos, inspect):
    report = inspect(videos, "--frames", 4, "--stride", 2, "--size", "16x32")
    training, validation = report["parts"]["training"], report["parts"]["validation"]
    assert training == {
        "found": 3,
        "videos": 3,
        "frames": 59,
        "hours": round(50 / 25 / 3600, 3),
        "without_rate": 1,
        "lengths": {"min": 9, "median": 20.0, "max": 30},
        "sizes": {"24x16": 2, "64x48": 1},
        "rates": {"25": 2},
        "too_short": 0,
        "without_context": 0,
        "enlarged": 2,
        "samples": 20 // 7 + 30 // 7 + 9 // 7,
    }
    assert (validation["videos"], validation["rates"], validation["samples"]) == (1, {"10": 1}, 1)
    assert (report["classes"], report["bad"], report["absent"]["count"]) == (None, [], 0)
    assert report["training"] == "would begin, with 3 videos and 7 samples an epoch"
    assert report["validation"] == {"clips": 1, "of": 1}


def test_a_rate_that_varies_is_a_mean(make_video, tmp_path, inspect, caplog):
    make_video("uneven/train/a.mp4", 9, 16, 24, milliseconds=[*range(0, 200, 40), *range(300, 1101, 200)][:9])
    make_video("uneven/val/b.mp4", 9, 16, 24)
    training = inspect(tmp_path / "uneven", "--frames", 4)["parts"]["training"]
    assert training["rates"] == {"8.8889 (mean)": 1}
    assert "1 of 2 videos have a variable frame rate" in caplog.text and "a.mp4): with a stride" in caplog.text
    caplog.clear()
    by_time = inspect(tmp_path / "uneven", "--frames", 4, "--fps", 5)["parts"]["training"]
    assert (by_time["too_short"], by_time["samples"]) == (0, 1) and "variable" not in caplog.text


def test_context_and_length(videos, inspect):
    report = inspect(videos, "--frames", 10, "--clips", 2)
    training = report["parts"]["training"]
    assert (training["too_short"], training["without_context"], training["samples"]) == (1, 0, 1 + 1)
    assert report["parts"]["validation"]["without_context"] == 1
    assert [video["cause"].rpartition("/")[2] for video in report["bad"]] == [
        "c has 9 frames, fewer than the 10 that a clip of 10 frames spans"
    ]


def test_the_table(videos, told):
    text = told(videos, "--frames", 4, "--clips", 2, "--size", "16x24")
    for line in (
        f"{videos}: layout folder, training on part train",
        "clip: 4 frames of 16x24 (height x width), stride 1, 2 in a sample",
        "videos found 3 1",
        "too short for a context 0 0",
        "smaller than 16x24 0 0",
        "frames 59 12",
        "hours 0.00 (and 1 without a frame rate) 0.00",
        "length in frames 9 to 30, median 20 12 to 12, median 12",
        "sizes (width x height) 24x16: 2, 64x48: 1 64x48: 1",
        "frames per second 25: 2 10: 1",
        "samples an epoch 6 1",
        "name: not given",
        "training would begin, with 3 videos and 6 samples an epoch",
        "a validation takes 1 of 1 clips (data.validation_clips)",
    ):
        assert line in text.splitlines()
    assert "bad" not in text and "absent" not in text and "classes" not in text


def test_captions_are_counted_on_demand(videos, inspect, told, refusal):
    assert inspect(videos, "--frames", 4, "--size", "16x24")["captions"] is None
    words = refusal("inspect", videos, "--frames", 4, "--size", "16x24", "--captions")
    assert "none of the 4 videos" in words and "has a caption; put captions.csv into it" in words
    first = next(path for path in sorted(videos.rglob("*.mp4")))
    first.with_suffix(".txt").write_text("A red ball rolls\na ball\n")
    (videos / "captions.csv").write_text("file,caption\ngone.mp4,red\n")
    found = inspect(videos, "--frames", 4, "--size", "16x24", "--captions")["captions"]
    gone = {"count": 1, "first": ["gone.mp4"]}
    assert found == {"videos": 1, "of": 4, "captions": 2, "words": 4, "longest": 4, "without_video": gone}
    lines = told(videos, "--frames", 4, "--size", "16x24", "--captions").splitlines()
    assert "captions: 2, of 1 of 4 videos; 4 different words, 4 in the longest" in lines
    assert {"3 of 4 videos have no caption", "1 captioned files are no videos of these splits, such as gone.mp4"} <= {
        *lines
    }


def test_it_says_of_the_epoch_what_training_does(videos, inspect):
    report = inspect(videos, "--frames", 4, "--size", "16x16")
    data = VideoData(videos, frames=4, height=16, width=16)
    data.setup("fit")
    assert report["parts"]["training"]["samples"] == len(data.training)


def test_more_bad_files_than_training_allows_are_shown_and_what_training_would_say(videos, inspect, told):
    for number in range(25):
        (videos / "train" / f"bad{number:02}.mp4").write_bytes(b"x" * 1000)
    report = inspect(videos, "--frames", 4)
    assert len(report["bad"]) == 25 and report["parts"]["training"]["found"] == 28
    assert all(video["cause"].startswith(f"{video['path']} cannot be decoded as a video (") for video in report["bad"])
    with pytest.raises(InputError) as error:
        VideoData(videos, frames=4).setup("fit")
    assert report["training"] == f"would refuse: {error.value}" and report["validation"] is None
    text = told(videos, "--frames", 4)
    assert "bad: 25" in text and "and 5 more; --json lists all" in text and "training would refuse: 25 of 29" in text


def test_what_is_left_out_is_shown(videos, inspect, told):
    for name in ("train/x.heic", "train/y.HEIC", "notes.txt"):
        (videos / name).touch()
    (videos / "test").mkdir()
    (videos / "val" / "d.mp4").rename(videos / "test" / "e.mp4")
    (videos / "train" / "a.mp4").rename(videos / "val" / "f.M4V")
    report = inspect(videos, "--frames", 4)
    assert report["left_out"] == {".heic": 2} and len(report["notes"]) == 2
    text = told(videos, "--frames", 4)
    assert "left out: 2 .heic (cannot be read)" in text.splitlines()
    assert (
        f"1 videos of the test split are used for neither training nor validation, such as {videos}/test/e.mp4" in text
    )
    folders = ("--training-folders", "train", "test", "--validation-folders", "val")
    report = inspect(videos, "--frames", 4, *folders)
    assert report["parts"]["training"]["found"] == 3


def test_ucf101_is_recognised(ucf101, inspect, told, refusal):
    report = inspect(ucf101, "--frames", 4)
    assert (report["layout"], report["split"], report["parts"]["validation"]["found"]) == ("ucf101", 1, 2)
    assert "layout ucf101, split 1" in told(ucf101, "--frames", 4)
    assert inspect(ucf101, "--frames", 4, "--layout", "folder")["layout"] == "folder"
    shutil.rmtree(ucf101 / "ucfTrainTestlist")
    assert "holds videos of UCF101, and its official lists" in refusal("inspect", ucf101)


def test_nothing_but_bad_files(tmp_path, told):
    (tmp_path / "bad.mp4").write_bytes(b"x" * 1000)
    text = told(tmp_path, "--output", tmp_path / "out")
    assert "readable 0 0" in text and "length in frames none none" in text and "hours 0.00 0.00" in text
    assert "would refuse: 1 of 1 videos cannot be used: " in text
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.json"]


def test_damage_in_the_middle_is_found_by_decoding_every_frame(videos, inspect):
    (videos / "train" / "c" / "f_4.png").write_bytes(b"no image")
    assert inspect(videos, "--frames", 4)["bad"] == []
    report = inspect(videos, "--frames", 4, "--all-frames")
    (bad,) = report["bad"]
    assert bad["path"].endswith("train/c") and "f_4.png cannot be read as an image" in bad["cause"]
    assert report["training"].startswith("would stop at the first damaged frame, as in ")


@pytest.fixture
def ucf101(make_video, tmp_path):
    return make_ucf101(make_video, tmp_path)


def test_classes_and_absent_files(ucf101, inspect, told):
    report = inspect(ucf101, "--layout", "ucf101", "--split", 2, "--part", "both", "--frames", 4)
    counts = {"ApplyEyeMakeup": 4, "Archery": 0, "Bowling": 4}
    assert report["classes"] == {"training": counts, "validation": {name: n // 4 for name, n in counts.items()}}
    assert (report["absent"]["count"], report["absent"]["listed"], report["split"]) == (4, 12, 2)
    text = told(ucf101, "--layout", "ucf101")
    assert "classes: 3, of which 2 have videos (training + validation)\nApplyEyeMakeup 3+1 Bowling 3+1" in text
    assert f"absent: 4 of 12 listed, such as {ucf101}/Archery/v_Archery_g02_c01.avi" in text


def test_configs_are_those_of_training_and_options_override_them(ucf101, tmp_path, inspect, told):
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({"data": {"card": {"license": "ours"}, "fps": 12.5, "frames": 4}}))
    configs = ["-c", "configs/diffusion.yaml", "--config", "configs/data/ucf101.yaml", "-c", own]
    report = inspect(ucf101, *configs, "--split", 3)
    assert (report["layout"], report["split"]) == ("ucf101", 3)
    assert report["clip"] == {"frames": 4, "height": 256, "width": 256, "stride": 1, "fps": 12.5, "clips": 2}
    assert (report["card"]["name"], report["card"]["license"]) == ("UCF101", "ours")
    strided = inspect(ucf101, *configs, "--stride", 2, "--frames", 2)["clip"]
    assert (strided["stride"], strided["fps"], strided["frames"]) == (2, None, 2)
    assert "license: ours" in told(ucf101, *configs)


def test_output(videos, tmp_path, inspect, refusal):
    out = tmp_path / "out"
    report = inspect(videos, "--frames", 4, "--output", out)
    assert json.loads((out / "report.json").read_text()) == report
    with Image.open(out / "contact_sheet.jpg") as sheet:
        assert sheet.width == 4 * (CELL[0] + GAP) + GAP
    assert "out exists already; pass --overwrite" in refusal("inspect", videos, "--output", out)
    inspect(videos, "--frames", 4, "--output", out, "--overwrite", "--videos", 2)
    with Image.open(out / "contact_sheet.jpg") as sheet:
        assert sheet.width == 2 * (CELL[0] + GAP) + GAP
    (out / "notes.txt").touch()
    assert "holds notes.txt, which would be lost" in refusal("inspect", videos, "--output", out, "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "the folder none does not exist; give the folder that holds the videos"),
        (["."], ". holds no videos; put video files"),
        ([".", "--layout", "ucf101"], "there is no folder ucfTrainTestlist in . or beside it; put"),
        ([".", "--fps", "5", "--stride", "2"], "has both stride 2 and fps 5.0; set one"),
        ([".", "-c", "none.yaml"], "there is no config none.yaml; check --config"),
        ([".", "-c", "bad.yaml"], "bad.yaml cannot be read as a config ("),
        ([".", "-c", "list.yaml"], "the configs list.yaml do not fit together ("),
        ([".", "-c", "text.yaml"], "data is 3 in the configs, where keys such as layout are expected"),
        ([".", "-c", "unknown.yaml"], "data.colour is not an option; see pvdm fit --help"),
        ([".", "-c", "value.yaml"], "data.frames is tall; give a whole number"),
    ],
)
def test_errors_are_one_sentence(tmp_path, monkeypatch, refusal, arguments, message):
    texts = {"bad": "a: [", "list": "[1, 2]", "text": "data: 3", "unknown": "data: {colour: 3}"}
    for name, text in {**texts, "value": "data: {frames: tall}"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert message in refusal("inspect", *arguments)


def test_a_wrong_size_is_explained(refusal):
    for size in ("256", "0x3", "axb"):
        message = refusal("inspect", "folder", "--size", size)
        assert message.endswith(f"--size is {size}; give height and width as in 256x256")


def test_the_real_data_sets(shared_data, inspect):
    """The figures of the folder's own description."""
    ucf = inspect(shared_data / "UCF-101", "-c", "configs/data/ucf101.yaml")
    counts = [part["videos"] for part in ucf["parts"].values()]
    assert sum(counts) == 150 and counts == [105, 45] and ucf["absent"]["count"] == 13170
    assert (
        sum(count > 0 or ucf["classes"]["validation"][name] > 0 for name, count in ucf["classes"]["training"].items())
        == 21
    )
    lengths = [part["lengths"] for part in ucf["parts"].values()]
    assert (min(part["min"] for part in lengths), max(part["max"] for part in lengths)) == (50, 346)
    sky = inspect(shared_data / "sky_timelapse", "-c", "configs/data/skytimelapse.yaml", "--frames", 20, "--clips", 2)
    parts = sky["parts"]
    assert parts["training"]["lengths"] == {"min": 32, "median": 32, "max": 32}
    assert parts["training"]["sizes"] == {"128x128": 40}
    assert parts["validation"]["sizes"] == {"128x128": 8, "640x480": 1}
    assert [part["without_context"] for part in parts.values()] == [40, 8]


def test_the_reader_is_an_option_of_the_data(videos, monkeypatch, inspect, refusal):
    assert inspect(videos, "--reader", "pyav", "--frames", 4)["parts"]["training"]["videos"] == 3
    monkeypatch.setattr(decord_reading, "find_spec", lambda _: None)
    assert 'not installed; pip install "pvdm[decord]"' in refusal("inspect", videos, "--reader", "decord")


def test_damage_in_the_midst_is_found_by_decoding_all(tmp_path, inspect):
    path = tmp_path / "videos" / "a.avi"
    encode(path, moving(24, 96, 128), "mpeg4", {"g": "8", "bf": "0"})
    damage_frame(path, 11)
    assert not inspect(path.parent, "--frames", 4)["bad"]
    (bad,) = inspect(path.parent, "--frames", 4, "--all-frames")["bad"]
    assert "a.avi cannot be decoded as a video (frame 11 is damaged)" in bad["cause"]
