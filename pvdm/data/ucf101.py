"""UCF101 (Soomro, Zamir, Shah, CRCV-TR-12-01): folders by class, and three official splits in lists."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pvdm.data.folder import check_folder
from pvdm.data.parts import Entry, Parts, first_folder
from pvdm.errors import InputError

LISTS, VIDEOS = "ucfTrainTestlist", "UCF-101"


def find_ucf101(root: str | Path, *, split: int = 1) -> Parts:
    """The videos of `trainlist0N.txt` and `testlist0N.txt`, in their order, with the classes of `classInd.txt`.

    root: the folder of the class folders; or one that holds it, named `UCF-101`. The folder of the lists,
    `ucfTrainTestlist`, is inside or beside it. What is listed and not there is told in `Parts.absent`.
    `InputError` if a list is missing or not understood, or if none of the videos is there.
    """
    root = check_folder(root)
    videos = first_folder(root, (VIDEOS,)) or root
    lists = _lists(root, videos)
    classes = _classes(lists / "classInd.txt")
    names = [_listed(lists / f"{part}list0{split}.txt", classes) for part in ("train", "test")]
    there = _present(videos, classes)
    parts = [[Entry(videos / name, classes.index(_class(name))) for name in part if name in there] for part in names]
    absent = tuple(videos / name for part in names for name in part if name not in there)
    listed = sum(map(len, names))
    if len(absent) == listed:
        raise InputError(
            f"none of the {listed} videos that {lists} lists is in {videos} (such as {absent[0].relative_to(videos)}); "
            "give the folder that holds the class folders of UCF101"
        )
    return Parts(*parts, tuple(classes), absent, listed)


def _lists(root: Path, videos: Path) -> Path:
    """The folder of the lists: inside the folder of the videos, or beside it."""
    for folder in (videos, root, videos.absolute().parent, videos.resolve().parent):
        if (folder / LISTS).is_dir():
            return folder / LISTS
    raise InputError(
        f"there is no folder {LISTS} in {videos} or beside it; put the official lists of UCF101 there "
        "(classInd.txt, trainlist01.txt, testlist01.txt, ...), or choose --data.layout classes"
    )


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number, words) of each line that is not empty; any line ends."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"there is no list {path}; put the official lists of UCF101 there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a list ({error}); replace it by the official one") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.split()


def _classes(path: Path) -> list[str]:
    """Names in the order of their numbers, which count from 1."""
    classes = []
    for number, words in _lines(path):
        if len(words) != 2 or words[0] != str(len(classes) + 1) or words[1] in classes:
            raise InputError(
                f"line {number} of {path} is {' '.join(words)!r}, where {len(classes) + 1} and the name of a class "
                "are wanted; replace it by the official list"
            )
        classes.append(words[1])
    return classes


def _listed(path: Path, classes: Sequence[str]) -> list[str]:
    """`Class/video.avi` of each line; the label that the training lists add is that of the class."""
    names = []
    for number, words in _lines(path):
        if len(PurePosixPath(words[0]).parts) != 2 or _class(words[0]) not in classes:
            raise InputError(
                f"line {number} of {path} is {' '.join(words)!r}, where <class>/<video>.avi of a class in classInd.txt "
                "is wanted; replace it by the official list"
            )
        names.append(words[0])
    return names


def _class(name: str) -> str:
    return name.partition("/")[0]


def _present(videos: Path, classes: Sequence[str]) -> set[str]:
    """`Class/video.avi` of every file there, one look at each folder."""
    folders = [videos / name for name in classes]
    return {f"{folder.name}/{file.name}" for folder in folders if folder.is_dir() for file in folder.iterdir()}
