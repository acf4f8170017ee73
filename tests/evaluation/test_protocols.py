"""Named protocols: the values of published codes, each with a source, and custom once a value is changed."""

import json
import re
from typing import get_args

import pytest

from pvdm.errors import InputError
from pvdm.evaluation import CUSTOM
from pvdm.evaluation.features.detectors import DETECTORS
from pvdm.evaluation.metrics.metric_registry import METRICS
from pvdm.evaluation.protocol import Kind
from pvdm.evaluation.protocols import PROTOCOLS, families, protocols_named

WITHOUT_DOWNLOADS = {"appearance-motion", "fvd-random", "coherence", "viideo", "nearest", "reconstruction-random"}
each = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)


def test_every_kind_of_protocol_has_a_metric():
    assert set(METRICS) == set(get_args(Kind)) == {protocol.kind for protocol in PROTOCOLS.values()}


@each
def test_values_are_within_reason(protocol):
    assert protocol.kind in get_args(Kind)
    assert protocol.frames in (16, 128)
    assert 1 <= protocol.stride <= 8 and 1 <= protocol.real_stride <= 8
    assert protocol.size in (None, 64, 128, 256)
    assert protocol.detector in DETECTORS or protocol.kind in ("coherence", "naturalness")
    assert {protocol.part, *protocol.parts.values()} <= {"train", "test", "both"}
    assert protocol.seeds and len(set(protocol.seeds)) == len(protocol.seeds)
    assert protocol.needed_frames >= (protocol.frames - 1) * protocol.real_stride + 1
    if protocol.kind == "fvd":  # a covariance needs more clips than it has features
        assert protocol.num_real in (2048, None) and protocol.num_fake == 2048
        assert protocol.needed_real > DETECTORS[protocol.detector].dimensions


@each
def test_it_has_a_source_and_a_unique_name(protocol):
    assert PROTOCOLS[protocol.name] is protocol
    assert re.fullmatch(r"[\w-]+/\w+", protocol.name)
    assert protocol.based_on is None and protocol.changed == {}
    ours = protocol.family in WITHOUT_DOWNLOADS
    assert ("https://github.com/" in protocol.source) != ours
    if ours:
        assert protocol.detector in (None, "i3d-random", "efficientnet-lite0")


@each
def test_it_survives_json(protocol):
    told = json.loads(json.dumps(protocol.describe()))
    assert told["name"] == protocol.name and told["seeds"] == list(protocol.seeds)
    assert told == protocol.describe()


def test_stylegan_v_takes_the_first_videos_of_all_of_ucf101_and_of_the_training_part_elsewhere():
    short, long, thinned = (PROTOCOLS[f"stylegan-v/fvd2048_{name}"] for name in ("16f", "128f", "128f_subsample8f"))
    for protocol in (short, long, thinned):
        assert (protocol.real_choice, protocol.real_start) == ("first", "random")
        assert [protocol.part_of(layout) for layout in ("ucf101", "skytimelapse", "folder")] == [
            "both",
            "train",
            "train",
        ]
    assert [protocol.needed_frames for protocol in (short, long, thinned)] == [16, 128, 128]
    assert thinned.stride == thinned.real_stride == 8 and thinned.frames == 16


def test_the_pace_differs_between_stylegan_v_and_latte():
    latte = PROTOCOLS["latte/fvd16"]
    assert (latte.stride, latte.real_stride, latte.needed_frames, latte.real_choice) == (1, 3, 48, "random")


def test_inception_scores_differ_in_counts_splits_and_repetitions():
    found = {
        name: (protocol.num_fake, protocol.splits, len(protocol.seeds))
        for name, protocol in PROTOCOLS.items()
        if protocol.kind == "is"
    }
    assert found == {"tgan2/is": (2048, 1, 10), "stylegan-v/isv2048_ucf": (2048, 10, 1), "tats/is": (10_000, 1, 1)}


def test_what_pvdm_and_stylegan_v_measure_differs():
    pvdm, stylegan_v = PROTOCOLS["pvdm/fvd16"], PROTOCOLS["stylegan-v/fvd2048_16f"]
    assert (pvdm.detector, stylegan_v.detector) == ("i3d-400", "i3d-torchscript")
    assert (pvdm.part_of("ucf101"), stylegan_v.part_of("ucf101")) == ("train", "both")


@each
def test_a_changed_protocol_is_custom_and_records_its_origin(protocol):
    changed = protocol.with_changes(num_fake=7, seeds=[3])
    assert changed.name == CUSTOM and changed.based_on == protocol.name
    assert changed.changed == {"num_fake": 7, "seeds": (3,)}
    again = changed.with_changes(size=32)
    assert again.based_on == protocol.name and again.changed == {"num_fake": 7, "seeds": (3,), "size": 32}


@each
def test_the_same_values_change_nothing(protocol):
    same = protocol.with_changes(
        frames=protocol.frames, num_real=protocol.num_real, seeds=list(protocol.seeds), size=protocol.size
    )
    assert same == protocol


def test_a_part_is_that_of_every_layout():
    protocol = PROTOCOLS["stylegan-v/fvd2048_16f"].with_changes(part="train")
    assert protocol.name == CUSTOM and protocol.part_of("ucf101") == "train" and protocol.changed == {"part": "train"}
    assert PROTOCOLS["pvdm/fvd16"].with_changes(part="train") == PROTOCOLS["pvdm/fvd16"]


def test_reconstruction_is_of_either_part():
    protocol = PROTOCOLS["pvdm/reconstruction"].with_changes(part="test")
    assert protocol.name == "pvdm/reconstruction" and protocol.part == "test" and protocol.changed == {}
    changed = protocol.with_changes(frames=8, part="train")
    assert changed.name == CUSTOM and changed.changed == {"frames": 8} and changed.part == "train"


def test_fewer_real_clips_are_enough_only_while_their_number_is_not_set():
    protocol = PROTOCOLS["pvdm/fvd128"]
    assert protocol.needed_real == 512
    fewer = protocol.with_changes(num_real=1000)
    assert fewer.needed_real == 1000 and fewer.changed == {"num_real": 1000}
    assert protocol.with_changes(num_real=1000, min_real=7).needed_real == 7
    assert PROTOCOLS["digan/fvd16"].needed_real == 2048


@pytest.mark.parametrize("name", ["nothing", "name", "kind", "source", "parts", "free", "based_on", "changed"])
def test_fields_that_cannot_be_set_are_refused(name):
    with pytest.raises(InputError, match=rf"a protocol has no {name} to set; see pvdm evaluate --help"):
        PROTOCOLS["pvdm/fvd16"].with_changes(**{name: "x"})


def test_a_name_gives_one_and_a_family_all_of_it():
    assert protocols_named("pvdm/fvd16") == [PROTOCOLS["pvdm/fvd16"]]
    assert [protocol.name for protocol in protocols_named("pvdm")] == [
        "pvdm/fvd16",
        "pvdm/fvd128",
        "pvdm/reconstruction",
    ]
    assert {name for family in families() for name in (p.name for p in protocols_named(family))} == set(PROTOCOLS)


@pytest.mark.parametrize("name", ["fvd", "pvdm/fvd", "", "custom"])
def test_an_unknown_name_is_answered_with_those_there_are(name):
    with pytest.raises(InputError, match=rf"there is no protocol {name}; choose one of stylegan-v/fvd2048_16f, .*pvdm"):
        protocols_named(name)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("frames", "many", "a whole number of at least 1"),
        ("frames", None, "a whole number of at least 1"),
        ("stride", 2.0, "a whole number of at least 1"),
        ("size", True, "a whole number of at least 1, or none"),
        ("num_fake", 0, "a whole number of at least 1, or none"),
        ("num_real", float("nan"), "a whole number of at least 1, or none"),
        ("seeds", [], "a list of whole numbers of at least 0"),
        ("seeds", [-1], "a list of whole numbers of at least 0"),
        ("seeds", 3, "a list of whole numbers of at least 0"),
        ("part", "validation", "one of train, test, both"),
        ("resize", "nearest", "one of bilinear, antialiased, lanczos"),
    ],
)
def test_values_that_cannot_be(name, value, wanted):
    with pytest.raises(InputError) as error:
        PROTOCOLS["fvd-random/16f"].with_changes(**{name: value})
    assert str(error.value) == f"{name} of a protocol is {value!r}; give {wanted}"
