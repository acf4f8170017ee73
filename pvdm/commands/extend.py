"""`pvdm extend`: continues a video, or a sampled clip, to any length; processes share the seeds."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm import video
from pvdm.commands.terminal.condition_options import (
    add_audio,
    add_keyframes,
    add_prompt,
    add_scores,
    add_tracks,
    keyframes_of,
    prompts_of,
    rate_of,
    scores_of,
    tracks_of,
)
from pvdm.commands.terminal.energy_options import MeasuredEnergy, add_energy
from pvdm.commands.terminal.long_video_options import add_long_video, anchor_of, check_parallel, set_pipeline
from pvdm.commands.terminal.progress_bars import SamplingBar
from pvdm.commands.terminal.provenance_options import add_provenance
from pvdm.commands.terminal.shared_options import (
    add_adapters,
    add_cuda_graphs,
    add_model,
    add_output,
    add_sampler,
    labels_of,
    load_model,
    natural,
    positive,
    rate,
    sampler_of,
    shared_work,
)
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output
from pvdm.generation.input_video import VideoSource, check_input
from pvdm.runtime.processes import Processes, in_parts, together

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_adapters(parser)
    parser.add_argument("--input", type=Path, help="video to continue; without it the first clip is sampled")
    parser.add_argument("--frames", type=positive, required=True, help="frames of the output")
    add_output(
        parser,
        "a file (.mp4, .webm, .gif, .webp, .npy, .npz, .tif), or a name without suffix for a folder of png frames",
    )
    parser.add_argument("--only-new", action="store_true", help="leave the frames of the input out of the output")
    parser.add_argument(
        "--seeds", type=natural, nargs="+", default=[0], help="seed of each video; several are named OUTPUT_seedN"
    )
    parser.add_argument(
        "--batch-size",
        type=positive,
        default=4,
        help="seeds, or clips with --parallel, sampled at once in each process",
    )
    parser.add_argument(
        "--fps",
        type=rate,
        help="frame rate at which the input is read and written, frames per second; by default the model's",
    )
    add_prompt(parser).add_argument(
        "--prompt-at",
        nargs="+",
        metavar="N=TEXT",
        help="prompts of all videos by the frames of the output from which they hold, counted from 0",
    )
    add_scores(parser)
    add_keyframes(parser)
    add_tracks(parser)
    add_cuda_graphs(parser)
    add_long_video(parser)
    add_sampler(parser)
    add_provenance(parser)
    parser.add_argument("--later-steps", type=positive, help="steps of the clips after the first; by default --steps")
    add_energy(parser)


def run(options: argparse.Namespace) -> None:
    check_parallel(options)
    outputs = output_names(options.output, options.seeds)
    with shared_work() as shared:
        together(shared, lambda: [check_output(output, overwrite=options.overwrite) for output in outputs])
        extension = together(shared, lambda: Extension(options))
        extension.energy.start(extension.generator.device)
        if options.parallel:
            for index, output in enumerate(outputs):
                extension.write_parallel(output, index, shared)
        else:
            for part in shared.share(in_parts(len(outputs), options.batch_size)):
                extension.write([outputs[index] for index in part], part, show=shared.is_main)
        shared.barrier()
        extension.energy.read(shared, len(outputs) * extension.missing / extension.fps)
        for output in outputs:
            logger.info("%d frame%s in %s", options.frames, "s" * (options.frames != 1), output)


class Extension:
    """The input, or nothing, and what continues it; the constructor makes all checks."""

    def __init__(self, options: argparse.Namespace) -> None:
        if options.input:
            check_input(options.input)
        self.energy = MeasuredEnergy(options)
        self.options, self.generator = options, load_model(options)
        self.source = VideoSource(options.input, self.generator, options.fps) if options.input else None
        self.head = self.source if self.source and not options.only_new else None
        self.missing = options.frames - (self.head.frames if self.head else 0)
        if self.missing < 1:
            raise InputError(
                f"{options.input} has {self.head.length} already",
                "give more --frames, or --only-new",
            )
        if self.source and self.source.frames < self.generator.frames:
            raise InputError(
                f"{options.input} has {self.source.length}",
                f"the context of this model is a clip of {self.generator.frames}, give a longer video",
            )
        self.context = self.source.last(self.generator.frames) if self.source else None
        self.generator.check_can_continue(self.context)
        if options.parallel:
            self.generator.check_takes_frames()
        self.labels = labels_of(options, self.generator, len(options.seeds))
        self.sampler = sampler_of(options, self.generator)
        self.later_sampler = sampler_of(options, self.generator, steps=options.later_steps)
        self.scores = scores_of(options, self.generator)
        self.anchor = anchor_of(options, self.generator, self.source)
        set_pipeline(options, self.generator)
        self.fps = self.source.fps if self.source else rate_of(options, self.scores, self.generator)
        given, own = keyframes_of(options, self.generator, options.frames), options.frames - self.missing
        self.keyframes, tracks = (
            given and given.after(own),
            tracks_of(options, self.generator, options.frames, self.fps),
        )
        self.tracks = tracks and tracks.after(own)
        self.prompts = self._prompts(own)
        self.generator.check_prompts(self.prompts, len(options.seeds), options.negative_prompt)
        if self.source:
            self.source.log_rate()

    def _prompts(self, own: int) -> list[str] | dict[int, str] | None:
        """The prompt of each video, or those of all by the new frames from which they hold; `own`: frames of the head.

        InputError if both are given, or no new frame has such a number.
        """
        if not self.options.prompt_at:
            return prompts_of(self.options, len(self.options.seeds))
        if self.options.prompt:
            raise InputError("--prompt and --prompt-at are both given", "give one of them")
        told: dict[int, str] = {}
        for text in self.options.prompt_at:
            number, equals, prompt = text.partition("=")
            if not number.isdecimal() or not equals:
                raise InputError(f"--prompt-at is {text}", 'give a frame\'s number and a prompt, as in 64="a ball"')
            if int(number) >= self.options.frames:
                problem = f"there is no frame {int(number)} among {self.options.frames}"
                raise InputError(problem, f"give numbers from 0 to {self.options.frames - 1}")
            if int(number) - own in told:
                raise InputError(f"two prompts are given for frame {int(number)}", "give one")
            told[int(number) - own] = prompt
        return told

    def write_parallel(self, output: Path, index: int, shared: Processes) -> None:
        """Writes the video of one seed, whose clips the processes share, from rank 0."""
        prompts = self.prompts[index] if isinstance(self.prompts, list) else self.prompts
        from pvdm.generation.long_video.parallel_clips import ParallelVideo

        made = ParallelVideo(
            self.generator,
            self.missing,
            context=self.context,
            video=(self.options.seeds[index], 0),
            label=self.labels and self.labels[index],
            prompts=prompts,
            negative_prompt=self.options.negative_prompt,
            tracks=self.tracks,
            scores=self.scores,
            sampler=self.sampler,
            later_sampler=self.later_sampler,
            batch_size=self.options.batch_size,
            shared=shared,
        )
        if shared.is_main:
            logger.info("%d evaluations of the network follow each other", made.sequential_evaluations)
        with ExitStack() as stack:
            writers = self._opened([output] if shared.is_main else [], stack)
            bar = stack.enter_context(SamplingBar(made.samplings, unit="frames", show=shared.is_main))
            for part in stack.enter_context(closing(made.run(bar.sampling))):
                for writer in writers:
                    writer.write(part)
                bar.written(part.shape[1])
        if shared.is_main:
            add_audio(output, self.options, self.generator.provenance)

    def _opened(self, outputs: list[Path], stack: ExitStack) -> list[video.VideoWriter]:
        """Writers of the outputs, with the head in them; the model has its precision from now on."""
        stack.enter_context(self.generator.precision(self.options.precision))
        values = self.source.values if self.source else self.generator.stored_values
        told = {"overwrite": self.options.overwrite, "provenance": self.generator.provenance, "values": values}
        opened = [video.VideoWriter(output, fps=self.fps, **told) for output in outputs]
        writers = [stack.enter_context(writer) for writer in opened]
        for run in self.head.runs(self.generator.frames) if self.head and writers else ():
            for writer in writers:
                writer.write(run)
        return writers

    def write(self, outputs: list[Path], part: range, *, show: bool) -> None:
        """Writes the head, then each new clip as it is sampled, to one output for each seed of this part."""
        with ExitStack() as stack:
            writers = self._opened(outputs, stack)
            lengths = [len(clip) for clip in in_parts(self.missing, self.generator.frames)]
            bar = stack.enter_context(SamplingBar(lengths, unit="frames", show=show))
            for batch in stack.enter_context(closing(self._clips(part, bar))):
                for writer, clip in zip(writers, batch, strict=True):
                    writer.write(clip)
                bar.written(batch.shape[2])
        for output in outputs:
            add_audio(output, self.options, self.generator.provenance)

    def _clips(self, part: range, bar: SamplingBar) -> Iterator[Tensor]:
        """(b, 3, t, h, w) uint8, clip by clip."""
        return self.generator.stream(
            num_frames=self.missing,
            context=self.context,
            videos=[(self.options.seeds[index], 0) for index in part],
            labels=self.labels and [self.labels[index] for index in part],
            prompts=_of_part(self.prompts, part),
            negative_prompt=self.options.negative_prompt,
            keyframes=self.keyframes,
            keep_given=self.options.keep_given,
            tracks=self.tracks,
            scores=self.scores,
            anchor=self.anchor,
            sampler=self.sampler,
            later_sampler=self.later_sampler,
            progress=bar.sampling,
        )


def _of_part(prompts: list[str] | dict[int, str] | None, part: range) -> list[str] | dict[int, str] | None:
    """The prompts of some of the videos; those by frames are of all."""
    return [prompts[index] for index in part] if isinstance(prompts, list) else prompts


def output_names(output: Path, seeds: list[int]) -> list[Path]:
    """The output itself for one seed, a name for each of several."""
    if len(set(seeds)) < len(seeds):
        raise InputError("a seed is given twice", "give each seed once")
    return [output] if len(seeds) == 1 else [output.with_name(f"{output.stem}_seed{n}{output.suffix}") for n in seeds]
