"""Feature tables do not depend on how they are filled, and no clips stay in memory."""

import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from live_clips import LiveClips, Projection, noise

from pvdm.errors import InputError
from pvdm.evaluation.features import extraction as features
from pvdm.evaluation.features.detectors import Detector
from pvdm.evaluation.features.extraction import FeatureTable, extract, extract_once
from pvdm.runtime.processes import Processes


def directly(count: int) -> np.ndarray:
    return Projection()(torch.stack([noise(i) for i in range(count)])).double().numpy()


def test_rows_are_by_the_number_of_the_clip():
    table = FeatureTable()
    table.update([7, 2], torch.tensor([[7.0, 0.5], [2.0, 0.25]]))
    table.update(torch.tensor([3]), torch.tensor([[3.0, 0.125]]).bfloat16().requires_grad_())
    found = table.compute()
    assert found.dtype == np.float64
    assert found.tolist() == [[2, 0.25], [3, 0.125], [7, 0.5]]
    assert pickle.loads(pickle.dumps(table)).compute().tolist() == found.tolist()
    table.reset()
    table.update([0], torch.ones(1, 1))
    assert table.compute().shape == (1, 1)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_a_table_refuses_missing_and_duplicate_rows():
    table = FeatureTable()
    with pytest.raises(InputError, match="there are no features; give at least one clip"):
        table.compute()
    for rows in (torch.ones(3, 4), torch.ones(2)):
        with pytest.raises(InputError, match=re.escape(f"features of shape {tuple(rows.shape)} for 2 clips")):
            table.update([0, 1], rows)
    table.update([4, 5], torch.ones(2, 3))
    table.update([5], torch.ones(1, 3))
    with pytest.raises(InputError, match="the features of clip 5 were added twice"):
        table.compute()


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_features_are_those_of_the_detector_for_any_batches(batch_size):
    found = extract(LiveClips(7), Projection(), batch_size=batch_size)
    np.testing.assert_allclose(found, directly(7), rtol=1e-4)


def test_the_order_of_the_numbers_changes_no_bit():
    found = extract(LiveClips(9), Projection(), batch_size=2, indices=[8, 1, 5, 0, 3])
    assert found.tolist() == extract(LiveClips(9), Projection(), batch_size=2, indices=[0, 1, 3, 5, 8]).tolist()
    np.testing.assert_allclose(found, directly(9)[[0, 1, 3, 5, 8]], rtol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_no_more_than_a_batch_of_clips_lives_at_once(batch_size):
    source = LiveClips(13)
    extract(source, Projection(), batch_size=batch_size)
    assert source.most == batch_size
    assert not len(source.living)


def detector(digest: str = "0", url: str | None = None) -> Detector:
    """The same content, wherever it came from."""
    network = Projection()
    network.to = lambda device: network
    return Detector("projection", network, dimensions=5, record={"file": "a.pt", "sha256": digest, "url": url})


def test_features_are_kept_as_long_as_all_they_depend_on_is_the_same(monkeypatch):
    def measured(count: int = 3, batch_size: int = 2, of: Detector | None = None) -> int:
        source = LiveClips(count)
        found = extract_once(source, of or detector(), batch_size=batch_size)
        torch.testing.assert_close(found, directly(count), atol=1e-3, rtol=1e-5)
        return len(source.read_numbers)

    assert (measured(), measured(), measured(of=detector(url="elsewhere"))) == (3, 0, 0)
    assert (measured(count=4), measured(batch_size=3), measured(of=detector("1"))) == (4, 3, 3)
    monkeypatch.setattr(features, "versions", lambda packages: dict.fromkeys(packages, "0.0"))
    assert (measured(), measured()) == (3, 0)
    elsewhere = detector().to("meta")
    monkeypatch.setattr(features, "extract", lambda *_, **options: directly(3))
    monkeypatch.setattr(features, "stored", lambda key, compute, **options: key["device"])
    assert extract_once(LiveClips(3), elsewhere, batch_size=2) == "meta"


@pytest.mark.parametrize("size", [2, 3, 9])
def test_processes_read_each_clip_once_in_the_batches_of_one_process(size, monkeypatch):
    """Gathering is tested with real processes; here each reads its own share."""
    monkeypatch.setattr(Processes, "gather", lambda self, value: [value])
    alone, sources, rows = extract(LiveClips(11), Projection(), batch_size=2), [], []
    for rank in range(size):
        sources.append(LiveClips(11))
        if rank < 6:  # there are 6 batches
            rows.extend(extract(sources[-1], Projection(), batch_size=2, processes=Processes(rank, size)).tolist())
        else:
            with pytest.raises(InputError, match="there are no features"):
                extract(sources[-1], Projection(), batch_size=2, processes=Processes(rank, size))
    read = [number for source in sources for number in source.read_numbers]
    assert sorted(read) == list(range(11))
    assert [rows[read.index(number)] for number in range(11)] == alone.tolist()


def test_progress_is_reported_after_each_batch():
    told = []
    extract(LiveClips(5), Projection(), batch_size=2, progress=lambda *numbers: told.append(numbers))
    assert told == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({4: (5, 6, 8)}, "clip-0 has 4 frames of 6x8 and clip-4 has 5 frames of 6x8; a measurement needs clips of one"),
        ({1: (4, 9, 8)}, "clip-0 has 4 frames of 6x8 and clip-1 has 4 frames of 9x8; a measurement needs clips of one"),
    ],
)
def test_clips_that_differ_in_size_or_length(changed, message):
    for batch_size in (1, 2, 8):
        with pytest.raises(InputError, match=message):
            extract(LiveClips(6, changed=changed), Projection(), batch_size=batch_size)


def test_a_source_that_has_less_than_it_says():
    with pytest.raises(InputError, match="the source ends before clip 5; check for missing files"):
        extract(LiveClips(5, says=8), Projection(), batch_size=2)


def test_a_source_that_gives_other_clips():
    class Repeats(LiveClips):
        def _clip(self, index):
            clip = super()._clip(index)
            return replace(clip, index=2) if index == 3 else clip

    with pytest.raises(
        InputError, match=re.escape("returned clip 2 (clip-3) instead of clip 3; return each clip once")
    ):
        extract(Repeats(5), Projection(), batch_size=2)


def test_numbers_that_cannot_be_measured():
    wrong = {"clip 5 does not exist, the source has 5": [0, 5], "clip -1 does not exist": [-1, 0]}
    wrong |= {"a clip number is given twice": [1, 0, 1], "there are no clips to measure": []}
    for message, indices in wrong.items():
        with pytest.raises(InputError, match=message):
            extract(LiveClips(5), Projection(), batch_size=2, indices=indices)
    with pytest.raises(InputError, match="batch_size is 0; give at least 1"):
        extract(LiveClips(5), Projection(), batch_size=0)


def test_objects_that_are_not_clips():
    class Floats(LiveClips):
        def _clip(self, index):
            clip = super()._clip(index)
            return replace(clip, video=clip.video.float() / 255)

    with pytest.raises(ValueError, match=re.escape("clip-0 is torch.float32 (3, 4, 6, 8); give uint8 (3, t, h, w)")):
        extract(Floats(5), Projection(), batch_size=2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_that_is_not_finite_is_refused_by_the_name_of_its_clip(value):
    def spoiled(video):
        is_fourth = torch.tensor([torch.equal(clip, noise(4)) for clip in video])
        return torch.where(is_fourth[:, None], value, Projection()(video))

    with pytest.raises(InputError, match=r"the features of 4 are not finite \(NaN or infinity\); check this"):
        extract(LiveClips(6), spoiled, batch_size=4)
