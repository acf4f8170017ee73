"""Options of what a video is to show: prompts, scores, given frames, cameras and sound."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm.cli_parser import finite
from pvdm.errors import InputError

if TYPE_CHECKING:
    from pvdm.conditions.keyframes import Keyframes
    from pvdm.conditions.tracks import Tracks
    from pvdm.generation import VideoGenerator
    from pvdm.provenance.origin import Provenance


FASTEST = 1000
"""Frames per second that no file has."""


def add_prompt(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """What is to be seen, for a model with text."""
    group = parser.add_argument_group("text")
    group.add_argument(
        "--prompt",
        action="append",
        metavar="TEXT",
        help="what is to be seen; may be repeated, and the videos take the prompts in turn",
    )
    group.add_argument(
        "--negative-prompt", metavar="TEXT", help="what --prompt-guidance leads away from, instead of no prompt"
    )
    return group


def prompts_of(options: argparse.Namespace, videos: int) -> list[str] | None:
    """The prompt of each video, those of the options in turn; InputError for more than there are videos."""
    given = options.prompt
    if given is None:
        for name in ("negative_prompt", "prompt_guidance"):
            if getattr(options, name):
                option = f"--{name.replace('_', '-')}"
                raise InputError(f"{option} is given without --prompt", "give a --prompt, or leave it out")
        return None
    if len(given) > videos:
        raise InputError(f"there are {len(given)} prompts for {videos} video(s)", "give each --prompt a video")
    return [given[index % len(given)] for index in range(videos)]


def add_scores(parser: argparse.ArgumentParser) -> None:
    """Numbers that a clip is to have, for a model that was trained with them."""
    parser.add_argument(
        "--score",
        nargs="+",
        action="extend",
        metavar="NAME=NUMBER",
        help="scores of all clips, as in motion=2 fps=12, for a model with scores; pvdm models MODEL says what its "
        "training clips had",
    )


def scores_of(options: argparse.Namespace, generator: VideoGenerator) -> dict[str, float]:
    """The scores of all clips, if there are any; InputError if one is no number, or is given twice or not taken."""
    if options.score is None and options.scores_guidance:
        raise InputError("--scores-guidance is given without --score", "give a --score, or leave it out")
    scores: dict[str, float] = {}
    for text in options.score or ():
        name, equals, number = text.partition("=")
        if not equals:
            raise InputError(f"--score is {text}", "give a name and a number, as in motion=2")
        if name in scores:
            raise InputError(f"two numbers are given for the score {name}", "give one")
        scores[name] = finite(number)
    generator.check_scores(scores)
    return scores


def rate_of(options: argparse.Namespace, scores: dict[str, float], generator: VideoGenerator) -> float:
    """The frame rate of new files: --fps, or the score of this name, or that of the model."""
    from pvdm.data.tracks.sample_scores import FPS

    rate = options.fps or scores.get(FPS) or generator.fps
    if not 0 < rate < FASTEST:
        raise InputError(f"the score {FPS} is {rate:g}", f"give frames per second, above 0 and below {FASTEST}")
    return rate


def add_keyframes(parser: argparse.ArgumentParser) -> None:
    """Pictures that frames are to show, for a model that was trained with given frames."""
    group = parser.add_argument_group("given frames")
    group.add_argument("--first-frame", type=Path, metavar="PICTURE", help="picture that the video begins with")
    group.add_argument("--last-frame", type=Path, metavar="PICTURE", help="picture that the video ends with")
    group.add_argument(
        "--keyframe",
        action="append",
        metavar="N=PICTURE",
        help="picture of frame N, counted from 0; may be repeated",
    )
    group.add_argument(
        "--keep-given",
        action="store_true",
        help="put the pictures themselves into the video, instead of what the autoencoder makes of them",
    )


def keyframes_of(options: argparse.Namespace, generator: VideoGenerator, frames: int) -> Keyframes | None:
    """The given frames of a video of so many frames; InputError if they do not fit it or the model."""
    from pvdm.conditions.keyframes import Keyframes

    numbered: dict[int, Path] = {}
    for text in options.keyframe or ():
        number, _, picture = text.partition("=")
        if not number.isdecimal() or not picture:
            raise InputError(f"--keyframe is {text}", "give a frame's number and a picture, as in 5=c.png")
        if int(number) in numbered:
            raise InputError(f"two pictures are given for frame {int(number)}", "give one")
        numbered[int(number)] = Path(picture)
    pictures = {"first_frame": options.first_frame, "last_frame": options.last_frame, "keyframes": numbered}
    given = Keyframes.of(frames, generator.size, **pictures)
    is_anchored = getattr(options, "anchor", None) is not None  # which is a given frame for guidance
    for name in ("keep_given", "hint_noise", *(() if is_anchored else ("hint_guidance",))):
        if given is None and getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} is given without a picture", f"give --first-frame, or leave {option} out")
    if given is not None:
        generator.check_takes_frames()
    return given


def add_tracks(parser: argparse.ArgumentParser) -> None:
    """What is known of each frame, for a model that was trained with it."""
    group = parser.add_argument_group("camera and sound")
    group.add_argument(
        "--camera",
        metavar="CAMERA",
        help="orbit:0..360 or orbit:0..360@20, azimuths from the first frame to the last and an elevation, in degrees; "
        "or a file (.json, .csv) with azimuth and elevation, or the 12 numbers of a 3x4 pose, for each frame",
    )
    group.add_argument(
        "--audio",
        type=Path,
        metavar="FILE",
        help="sound of the video (.wav, or a video with sound), from its beginning on; .mp4 and .webm then have it",
    )


def tracks_of(options: argparse.Namespace, generator: VideoGenerator, frames: int, fps: float) -> Tracks | None:
    """What is given for each frame of a video of so many; InputError if it does not fit it or the model."""
    for option, weight in (("camera", "camera"), ("audio", "sound")):
        if getattr(options, option) is None and getattr(options, f"{weight}_guidance"):
            remedy = f"give --{option}, or leave it out"
            raise InputError(f"--{weight}-guidance is given without --{option}", remedy)
    return generator.tracks(frames, camera=options.camera, sound=options.audio, fps=fps)


def add_audio(output: Path, options: argparse.Namespace, provenance: Provenance | None) -> None:
    """Puts the sound of --audio, if it is given, into a video that has been written."""
    if options.audio:
        from pvdm.video.sound.muxing import add_sound

        add_sound(output, options.audio, finish=provenance and provenance.finish)
