"""`VideoGenerator`: the whole model, from noise or a video to uint8 video of any length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm.conditions.cameras import Camera
from pvdm.conditions.keyframes import Keyframes, Picture
from pvdm.conditions.tracks import Tracks
from pvdm.diffusion import SamplerConfig, VideoNoise
from pvdm.diffusion.sampler_config import SamplerName
from pvdm.errors import InputError
from pvdm.generation.conditioned_model import Label, Prompts, Scores
from pvdm.generation.long_video.anchor import Anchor, AnchoredClips
from pvdm.generation.long_video.pipeline import Latents, pipelined
from pvdm.generation.tasks.video_tasks import VideoTasks
from pvdm.provenance.origin import Provenance
from pvdm.runtime.progress_callback import Progress
from pvdm.video import check_pixels
from pvdm.video.clip_borders import faded


class VideoGenerator(VideoTasks):
    """An autoencoder and, after stage 2, the denoiser of its latents; its arguments are those of `StoredModel`.

    `overlap` may be set: whether the next clips are sampled and decoded while the caller works on the one before, see
    `pipelined`; None means on a GPU only. `clips_at_once` and `decode_device` are explained in `LatentModel`.
    `provenance` may be set, too: by what its videos are made, for whatever writes them to files.
    """

    overlap: bool | None = None
    provenance: Provenance | None = None

    def sample(
        self,
        num_videos: int,
        *,
        steps: int | None = None,
        seed: int = 0,
        labels: Label | Sequence[Label | None] | None = None,
        prompt: str | Sequence[str | None] | None = None,
        negative_prompt: str | None = None,
        first_frame: Picture | None = None,
        last_frame: Picture | None = None,
        keyframes: Mapping[int, Picture] | None = None,
        keep_given: bool = False,
        camera: Camera | None = None,
        sound: str | Path | None = None,
        scores: Scores | None = None,
        batch_size: int | None = None,
        sampler: SamplerConfig | SamplerName | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """New clips: (num_videos, 3, t, h, w) uint8 on the CPU, to be shown at `fps` frames per second.

        Args:
            num_videos: Number of clips.
            steps: Evaluations of the network per clip; by default those of the sampler.
            seed: Video i of a seed is the same at any batch size.
            labels: The class of each, or one for all, by index or name; without one, also as None among others, a clip
                is of no particular class.
            prompt: What is to be seen, of each or of all.
            negative_prompt: What `prompt_guidance` of the sampler leads away from, instead of no prompt.
            first_frame: Picture that all clips begin with: a file, or (3, h, w) uint8 of the model's size.
            last_frame: Picture that all clips end with.
            keyframes: Pictures by the numbers of their frames, from 0.
            keep_given: Whether given frames come out exactly, and their neighbors adjusted to them, instead of as the
                autoencoder gives them.
            camera: The camera of all clips: `orbit:0..360` or `orbit:0..360@20`, azimuths from the first frame to the
                last and an elevation, in degrees; a file of angles or poses; or a `CameraPath`.
            sound: A file whose sound all clips have, at the model's frame rate.
            scores: Scores of all clips, such as `{"motion": 2, "fps": 12}`; those that are not named are left open.
            batch_size: Clips sampled at once; all by default.
            sampler: The sampler, by name, or with its guidance as a `SamplerConfig`.
            progress: Called after each step with (steps done, steps) of the clip.
        """
        if num_videos < 1:
            raise InputError(f"num_videos is {num_videos}", "give at least 1")
        videos, size = [(seed, index) for index in range(num_videos)], batch_size or num_videos
        pictures = {"first_frame": first_frame, "last_frame": last_frame, "keyframes": keyframes}
        given = Keyframes.of(self.frames, self.size, **pictures)
        options = {"labels": labels, "sampler": self._sampler(sampler, steps), "progress": progress}
        options |= {
            "keyframes": given,
            "keep_given": keep_given,
            "tracks": self.tracks(self.frames, camera=camera, sound=sound),
        }
        options |= {"prompts": prompt, "negative_prompt": negative_prompt, "scores": scores}
        return torch.cat(list(self.batches(videos, batch_size=size, **options)))

    def batches(
        self,
        videos: Sequence[tuple[int, int]],
        *,
        batch_size: int,
        labels: Label | Sequence[Label | None] | None = None,
        prompts: str | Sequence[str | None] | None = None,
        negative_prompt: str | None = None,
        keyframes: Keyframes | None = None,
        keep_given: bool = False,
        tracks: Tracks | None = None,
        scores: Scores | None = None,
        sampler: SamplerConfig | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Tensor]:
        """Yields a new clip for each (seed, index), batch by batch: (b, 3, t, h, w) uint8 on the CPU."""
        told = {"labels": labels, "prompts": prompts, "negative_prompt": negative_prompt, "scores": scores}
        condition = self.described(len(videos), **told)
        condition = self.hinted(condition, keyframes, 0, len(videos))
        condition, solver = self.tracked(condition, tracks, 0, len(videos)), sampler or SamplerConfig()

        def latents(progress: Progress | None) -> Iterator[Tensor]:
            for start in range(0, len(videos), batch_size):
                part = slice(start, start + batch_size)
                noise = VideoNoise([(*video, 0) for video in videos[part]])
                latent = self.sample_latent(noise, condition.part(part), solver, progress)
                yield self._keyed(latent, keyframes, 0, solver)

        with closing(self._decoded(latents, progress)) as decoded:
            for clips in decoded:
                yield keyframes.kept(clips, 0) if keyframes and keep_given else clips

    def extend(
        self,
        video: Tensor | str | Path,
        *,
        frames: int | None = None,
        only_new: bool = False,
        steps: int | None = None,
        seed: int = 0,
        label: Label | None = None,
        prompt: str | Mapping[int, str] | None = None,
        negative_prompt: str | None = None,
        last_frame: Picture | None = None,
        keyframes: Mapping[int, Picture] | None = None,
        camera: Camera | None = None,
        sound: str | Path | None = None,
        scores: Scores | None = None,
        sampler: SamplerConfig | SamplerName | None = None,
        num_frames: int | None = None,
        **options: Any,
    ) -> Tensor:
        """A video continued: (3, frames, h, w) uint8 on the CPU, to be shown at `fps` frames per second.

        Args:
            video: A file or folder of frames, read at the model's size and frame rate, or (3, n, h, w) uint8 of that
                size; at least one clip long. Its last clip is the first context.
            frames: Length of the result, including the video's own frames unless `only_new`.
            only_new: Leave out the video's own frames.
            steps: Evaluations of the network per clip; by default those of the sampler.
            seed: Seed of the noise.
            label: Its class, by index or name.
            prompt: What is to be seen; or several, by the numbers of the frames of the result from which they hold.
            negative_prompt: What `prompt_guidance` of the sampler leads away from, instead of no prompt.
            last_frame: Picture that the result ends with.
            keyframes: Pictures by the numbers of the frames of the result, from 0; those of the video are its own.
            camera: The camera of all frames of the result, see `sample`; of a clip, only its own frames count.
            sound: A file whose sound the result has, see `sample`.
            scores: Scores of all new clips, see `sample`.
            sampler: The sampler, by name, or with its guidance as a `SamplerConfig`.
            num_frames: Another name for `frames`.
            options: `anchor`, `later_sampler`, `keep_given` and `progress` of `stream`.
        """
        num_frames = frames if num_frames is None else num_frames
        if num_frames is None:
            raise InputError("the length of the result is missing", "give frames, such as frames=128")
        video = self._read(video)
        check_pixels(video, "3 n h w", what="the video")
        head = video[None, :, :0].cpu() if only_new else video[None].cpu()
        missing = num_frames - head.shape[2]
        if missing < 1:
            raise InputError(f"frames is {num_frames}", f"give more than the {head.shape[2]} that there are")
        given = Keyframes.of(num_frames, self.size, last_frame=last_frame, keyframes=keyframes)
        given, tracks = given and given.after(head.shape[2]), self.tracks(num_frames, camera=camera, sound=sound)
        options = {"sampler": self._sampler(sampler, steps), "labels": label, "keyframes": given, **options}
        options["tracks"] = tracks and tracks.after(head.shape[2])
        if isinstance(prompt, Mapping):
            prompt = {number - head.shape[2]: text for number, text in prompt.items()}
        options |= {"prompts": prompt, "negative_prompt": negative_prompt, "scores": scores}
        new = self.stream(num_frames=missing, context=video, videos=[(seed, 0)], **options)
        return torch.cat([head, *new], dim=2)[0]

    def stream(
        self,
        *,
        num_frames: int | None = None,
        context: Tensor | None = None,
        videos: Sequence[tuple[int, int]] = ((0, 0),),
        labels: Label | Sequence[Label | None] | None = None,
        prompts: Prompts = None,
        negative_prompt: str | None = None,
        keyframes: Keyframes | None = None,
        keep_given: bool = False,
        tracks: Tracks | None = None,
        scores: Scores | None = None,
        anchor: Anchor | None = None,
        sampler: SamplerConfig | None = None,
        later_sampler: SamplerConfig | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Tensor]:
        """Yields clips (b, 3, t, h, w) uint8 on the CPU, each conditioned on the latent of the clip before.

        Jumps between clips fade as `border_fade` of the diffusion's config says (see `faded`). Memory does not
        grow with length.

        Args:
            num_frames: New frames per video; the last clip is cut to fit. By default the stream is endless.
            context: Video (3, n, h, w) uint8 that all continue, or one for each (b, 3, n, h, w); by default the first
                clip is sampled without one.
            videos: (seed, index) of each video of the batch; its noise depends on nothing else.
            labels: Class of each video, or one for all, by index or name, None for none; InputError if there is no such
                class.
            prompts: What is to be seen in each video, or in all; or several for all, by the numbers of the new frames
                from which they hold. A clip has one.
            negative_prompt: See `sample`.
            keyframes: Pictures of the new frames, counted from 0, that all videos have.
            keep_given: See `sample`.
            tracks: The camera and the sound of the new frames, that all videos have.
            scores: Scores of all clips, see `sample`.
            anchor: What all clips are drawn to, so that a long video does not drift; clips with keyframes are not.
            sampler: Sampler of the first clip.
            later_sampler: Sampler of all later clips; by default that of the first.
            progress: Called after each step with (steps done, steps) of the clip, by the thread that samples.
        """
        scored = self.described(len(videos), labels=labels, scores=scores)
        told = self.prompted_clips(scored, prompts, len(videos), negative_prompt)
        start = None if context is None else self.encode_context(context).expand(len(videos), -1, -1)
        first, later = sampler or SamplerConfig(), later_sampler or sampler or SamplerConfig()
        anchored = AnchoredClips(self, anchor, len(videos), context)

        def latents(progress: Progress | None) -> Iterator[Tensor]:
            latent = start
            for clip in count() if num_frames is None else range(math.ceil(num_frames / self.frames)):
                noise, solver = VideoNoise([(*video, clip) for video in videos]), later if clip else first
                condition = replace(told(clip * self.frames), context=latent)
                condition = self.hinted(condition, keyframes, clip * self.frames, len(videos))
                condition = self.tracked(condition, tracks, clip * self.frames, len(videos))
                latent = self.sample_latent(noise, *anchored.drawn(condition, solver), progress)
                latent = self._keyed(latent, keyframes, clip * self.frames, solver)
                anchored.follow(latent)
                yield latent

        fade = self.diffusion.border_fade
        before = None if context is None else (context[None] if context.dim() == 4 else context).cpu()
        with closing(self._decoded(latents, progress, math.inf if num_frames is None else num_frames)) as decoded:
            for index, clips in enumerate(decoded):
                before = clips if before is None else faded(before, clips, fade)
                before = keyframes.kept(before, index * self.frames) if keyframes and keep_given else before
                yield before

    def _keyed(self, latent: Tensor, keyframes: Keyframes | None, start: int, sampler: SamplerConfig) -> Tensor:
        """Latents of clips from frame `start` on, moved towards the keyframes in them."""
        if keyframes is None or keyframes.clip(start, self.frames) is None:
            return latent
        return self.consistent(latent, lambda clips: keyframes.kept(clips, start), sampler)

    def _decoded(
        self,
        latents: Latents,
        progress: Progress | None,
        frames: float = math.inf,
    ) -> Iterator[Tensor]:
        """Decodes latents as they come to clips (b, 3, t, h, w), of at most `frames` frames altogether."""
        with closing(self._clips(latents, progress)) as decoded:
            for clips in decoded:
                clips = clips[:, :, : int(min(frames, self.frames))]
                frames -= clips.shape[2]
                yield clips

    def _clips(self, latents: Latents, progress: Progress | None) -> Iterator[Tensor]:
        """The decoded latents, made ahead of the caller where `overlap` says so."""
        if self.device.type == "cuda" if self.overlap is None else self.overlap:
            device = self.decode_device or self.device
            yield from pipelined(latents, self.decode_latent, progress, device=self.device, decode_device=device)
        else:
            for latent in latents(progress):
                yield self.decode_latent(latent)
