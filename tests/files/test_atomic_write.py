"""Output is complete or absent, and existing files are never lost by accident."""

from pathlib import Path

import pytest

from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output, check_output_file, replacing


def content(folder: Path) -> dict[str, str]:
    """Every file below a folder by its path, hidden ones included."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def write_file(path: Path) -> None:
    path.write_text("new")


def write_folder(path: Path) -> None:
    path.mkdir()
    (path / "a.txt").write_text("new")


WRITERS = [(write_file, "out.txt", {"out.txt": "new"}), (write_folder, "out", {"out/a.txt": "new"})]


@pytest.mark.parametrize(("write", "name", "expected"), WRITERS)
def test_it_appears_when_it_is_whole(tmp_path, write, name, expected):
    with replacing(tmp_path / name) as temporary:
        write(temporary)
        assert temporary.parent == tmp_path and temporary.name.startswith(".")
        assert not (tmp_path / name).exists()
    assert content(tmp_path) == expected


@pytest.mark.parametrize(("write", "name", "expected"), WRITERS)
def test_folders_above_are_made(tmp_path, write, name, expected):
    with replacing(tmp_path / "a" / "b" / name) as temporary:
        write(temporary)
    assert content(tmp_path / "a" / "b") == expected


@pytest.mark.parametrize(("write", "name", "expected"), WRITERS)
@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(tmp_path, write, name, expected, error):
    with pytest.raises(error), replacing(tmp_path / name) as temporary:
        write(temporary)
        raise error("in the middle")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_takes_the_folders_that_were_made_for_it(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(KeyError), replacing(tmp_path / "a" / "b" / "c" / "out.txt") as temporary:
        temporary.write_text("half")
        raise KeyError
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_errors_name_the_final_path_of_a_file(tmp_path):
    with pytest.raises(InputError, match=rf"{tmp_path}/out/a.txt is odd"), replacing(tmp_path / "out") as temporary:
        raise InputError(f"{temporary}/a.txt is odd")


@pytest.mark.parametrize(("write", "name", "expected"), WRITERS)
def test_existing_output_is_refused_kept_and_replaced(tmp_path, write, name, expected):
    with replacing(tmp_path / name) as temporary:
        write(temporary)
    with (
        pytest.raises(InputError, match=rf"{name} exists already; pass --overwrite .* or choose"),
        replacing(tmp_path / name),
    ):
        pytest.fail("the block was entered")
    with pytest.raises(KeyError), replacing(tmp_path / name, overwrite=True) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert content(tmp_path) == expected
    with replacing(tmp_path / name, overwrite=True) as temporary:
        temporary.write_text("newer")
    assert content(tmp_path) == {name: "newer"}


def test_a_folder_with_other_things_is_kept(tmp_path):
    folder = tmp_path / "out"
    write_folder(folder)
    check_output(folder, overwrite=True, own=("*.txt",))
    (folder / "thesis.tex").write_text("precious")
    with (
        pytest.raises(InputError, match=r"out holds thesis.tex, which would be lost; choose another name"),
        replacing(folder, overwrite=True, own=("*.txt",)),
    ):
        pytest.fail("the block was entered")
    assert content(tmp_path) == {"out/a.txt": "new", "out/thesis.tex": "precious"}


def test_a_link_is_replaced_and_its_target_is_kept(tmp_path):
    write_folder(tmp_path / "precious")
    (tmp_path / "out").symlink_to(tmp_path / "precious")
    with replacing(tmp_path / "out", overwrite=True) as temporary:
        temporary.write_text("new")
    assert content(tmp_path) == {"out": "new", "precious/a.txt": "new"}


@pytest.mark.parametrize("name", [".", "..", "/", "a/..", "a\0b"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_no_name(tmp_path, monkeypatch, name, overwrite):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is not a valid output name; give the name of a new file or folder"):
        check_output(Path(name), overwrite=overwrite)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(InputError, match=r"out cannot be written \(.+\); choose another place"),
        replacing(tmp_path / "file" / "out"),
    ):
        pytest.fail("the block was entered")


def test_a_name_that_is_too_long(tmp_path):
    with (
        pytest.raises(InputError, match=r"cannot be written \(File name too long\)"),
        replacing(tmp_path / ("x" * 300)),
    ):
        pytest.fail("the block was entered")


def test_a_full_disk(tmp_path):
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"), replacing(tmp_path / "out"):
        raise OSError(28, "No space left on device")


def test_a_file_is_replaced_in_one_step(tmp_path, monkeypatch):
    (tmp_path / "out.txt").write_text("old")
    monkeypatch.delattr(Path, "rename")
    with replacing(tmp_path / "out.txt", overwrite=True) as temporary:
        temporary.write_text("new")
    assert content(tmp_path) == {"out.txt": "new"}


def test_a_folder_is_replaced_by_a_file(tmp_path):
    write_folder(tmp_path / "out")
    with replacing(tmp_path / "out", overwrite=True) as temporary:
        temporary.write_text("new")
    assert content(tmp_path) == {"out": "new"}


def test_a_file_takes_the_place_of_no_folder_that_holds_anything(tmp_path):
    write_folder(tmp_path / "clips")
    with pytest.raises(InputError, match=r"clips holds a.txt, which would be lost; choose another name"):
        check_output_file(tmp_path / "clips", overwrite=True)
    assert content(tmp_path) == {"clips/a.txt": "new"}


def test_a_file_takes_the_place_of_nothing_that_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_file(Path("last.ckpt"))
    check_output_file(Path("last.ckpt"), overwrite=True, inputs=[None, "other.ckpt"])
    with pytest.raises(InputError, match=r"last.ckpt is an input and would be overwritten; choose another name"):
        check_output_file(tmp_path / "last.ckpt", overwrite=True, inputs=[None, "last.ckpt"])


def test_an_output_path_is_tried_and_left_unchanged(tmp_path):
    check_output_file(tmp_path / "new" / "out.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc, where nobody can write")
def test_a_place_for_a_file_in_which_nobody_can_write():
    with pytest.raises(InputError, match=r"out.json cannot be written \(.+\); choose another place"):
        check_output_file(Path("/proc/out.json"))


def test_a_device_is_kept():
    with pytest.raises(InputError, match=r"/dev/null is not a regular file and cannot be replaced; choose another"):
        check_output(Path("/dev/null"), overwrite=True)
