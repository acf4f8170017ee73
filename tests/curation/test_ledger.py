"""Results are there whole, for the settings that they were made with, or not at all."""

import numpy as np
import pytest

from pvdm.curation.ledger import Entry, Ledger, LedgerError


def test_a_result_is_read_as_it_was_written(tmp_path):
    ledger = Ledger(tmp_path)
    entry = Entry({"rows": [{"motion": 0.5, "kind": "video", "text": None}]}, {"hashes": np.arange(6, dtype=np.uint64)})
    ledger.put("clips/ab/abc", {"version": 1, "steps": ("cuts", "motion")}, entry)
    found = ledger.get("clips/ab/abc", {"steps": ["cuts", "motion"], "version": 1})
    assert found.values == entry.values
    np.testing.assert_array_equal(found.arrays["hashes"], entry.arrays["hashes"])


def test_other_settings_and_other_keys_have_no_result(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.put("a", {"version": 1}, Entry({"x": 1}))
    assert not ledger.has("a", {"version": 2})
    assert not ledger.has("b", {"version": 1})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive"])
def test_a_damaged_file_counts_as_absent_and_is_replaced(tmp_path, content):
    ledger = Ledger(tmp_path)
    (tmp_path / "a.npz").write_bytes(content)
    assert ledger.get("a", {}) is None
    ledger.put("a", {}, Entry({"x": 2}))
    assert ledger.get("a", {}).values == {"x": 2}


def test_every_truncation_counts_as_absent(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.put("a", {}, Entry({"x": 2}, {"y": np.arange(100)}))
    whole = (tmp_path / "a.npz").read_bytes()
    for length in range(0, len(whole), 37):
        (tmp_path / "a.npz").write_bytes(whole[:length])
        assert ledger.get("a", {}) is None


def test_every_changed_byte_counts_as_absent_or_changes_nothing(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.put("a", {}, Entry({"x": 2}, {"y": np.arange(100)}))
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    for place in range(len(whole)):
        changed = whole.copy()
        changed[place] ^= 0xFF
        (tmp_path / "a.npz").write_bytes(changed)
        found = ledger.get("a", {})
        assert found is None or (found.values == {"x": 2} and set(found.arrays) == {"y"})


def test_what_cannot_be_written_is_said_with_its_place(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LedgerError, match=r"a\.npz cannot be written"):
        Ledger(tmp_path / "file").put("a", {}, Entry({}))
