"""The table of clips: written in one step, read with its types, and refused if it is something else."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pvdm.data.catalogue.clip_table import CLIPS, COLUMNS, column_type, read_clips, table_of, write_clips
from pvdm.errors import InputError

ROWS = [
    {"id": "ab:0-9", "file": "a.mp4", "first_frame": 0, "last_frame": 9, "motion": 0.5, "captions": ["one", "two"]},
    {"file": "broken.mp4", "error": "it is empty", "mine": 3},
]


def metadata(root="/videos", **more):
    return {"root": root, "steps": {"motion": {"version": 1}}, **more}


def test_what_is_written_is_read(tmp_path):
    write_clips(tmp_path / CLIPS, table_of(ROWS), metadata())
    found = read_clips(tmp_path)
    assert len(found) == 2 and found.path == tmp_path / CLIPS and found.selection is None
    assert found.table.column_names == [*COLUMNS, "mine"]
    assert {name: found.table.schema.field(name).type for name in COLUMNS} == COLUMNS
    first, second = found.table.to_pylist()
    assert (first["captions"], first["motion"], first["error"]) == (["one", "two"], 0.5, None)
    assert (second["first_frame"], second["error"], second["mine"]) == (None, "it is empty", 3)
    assert found.metadata == {**metadata(), "format": "pvdm-catalogue", "version": 1}


@pytest.mark.parametrize("root, wanted", [("/videos", "/videos"), ("..", "{}/.."), (".", "{}")])
def test_a_root_may_be_relative_to_the_table(tmp_path, root, wanted):
    write_clips(tmp_path / CLIPS, table_of(ROWS), metadata(root))
    assert str(read_clips(tmp_path).root) == wanted.format(tmp_path)


def test_a_failed_write_leaves_the_old_table(tmp_path):
    path = tmp_path / CLIPS
    write_clips(path, table_of(ROWS), metadata())
    with pytest.raises(InputError, match="exists already"):
        write_clips(path, table_of(ROWS[:1]), metadata())
    with pytest.raises(TypeError):
        write_clips(path, table_of(ROWS[:1]), metadata(root=object()), overwrite=True)
    assert len(read_clips(path)) == 2 and [entry.name for entry in tmp_path.iterdir()] == [CLIPS]
    write_clips(path, table_of(ROWS[:1]), metadata(), overwrite=True)
    assert len(read_clips(path)) == 1


def test_types_of_other_columns_are_given_or_inferred():
    table = table_of(ROWS, {"score": "float32", "tags": "list<string>", "motion": "string"})
    types = {name: str(table.schema.field(name).type) for name in ("score", "tags", "motion", "mine")}
    assert types["score"] == "float" and types["tags"].startswith("list") and types["mine"] == "int64"
    assert types["motion"] == "float"  # a column of ours keeps its type


def test_an_unknown_type_is_named():
    with pytest.raises(InputError, match="word is not the type of a column"):
        column_type("list<word>")


def test_a_table_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(InputError, match=r"other\.parquet is a Parquet file, but not a catalogue"):
        read_clips(path)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    path = tmp_path / "other.parquet"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"other\.parquet cannot be read as a catalogue"):
        read_clips(path)
    with pytest.raises(InputError, match=r"there is no catalogue .*clips\.parquet"):
        read_clips(tmp_path)


def test_a_catalogue_of_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("pvdm.data.catalogue.clip_table.VERSION", 2)
    write_clips(tmp_path / CLIPS, table_of(ROWS), metadata())
    monkeypatch.undo()
    with pytest.raises(InputError, match="of version 2, and this pvdm reads version 1"):
        read_clips(tmp_path)


def test_a_missing_column_and_one_of_another_type_are_named(tmp_path):
    table = table_of(ROWS)
    write_clips(tmp_path / "a.parquet", table.drop_columns("file_frames"), metadata())
    with pytest.raises(InputError, match="has no column file_frames"):
        read_clips(tmp_path / "a.parquet")
    place = table.schema.get_field_index("motion")
    write_clips(tmp_path / "b.parquet", table.set_column(place, "motion", pa.array(["much", None])), metadata())
    with pytest.raises(InputError, match=r"the column motion of .* is of type string, not float"):
        read_clips(tmp_path / "b.parquet")


def test_a_table_without_scores_is_read(tmp_path):
    write_clips(tmp_path / CLIPS, table_of(ROWS).drop_columns(["motion", "captions"]), metadata())
    assert "motion" not in read_clips(tmp_path).table.column_names
