"""A model as a static web page: the visitor's own machine generates an endless video, by WebGPU or WebAssembly."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pvdm.conditions.text import WORDS, check_prompt
from pvdm.diffusion import SamplerConfig
from pvdm.diffusion.sampler_config import CONTEXT_NOISE
from pvdm.diffusion.time_grids import time_of_sigma
from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing
from pvdm.files.web_page import STYLE
from pvdm.generation.runtimes.graph_export import check_installed, graphs_of, quantize_onnx, traced, write_onnx
from pvdm.generation.runtimes.step_plan import step_plan

if TYPE_CHECKING:
    from pvdm.generation.stored_model import StoredModel

PAGE = Path(__file__).with_name("web_page")
PAGE_FILES = ("index.html", "page.css", "page.js", "worker.js", "sampler.js")
GRAPHS = ("denoise", "guide", "decode")

BACKENDS = {"webgpu": "ort-wasm-simd-threaded.asyncify", "wasm": "ort-wasm-simd-threaded"}
"""The binary of onnxruntime-web with WebGPU, and the smaller one without."""

RUNTIME_FILES = (
    *(f"ort.{backend}.min.mjs" for backend in BACKENDS),
    *(f"{binary}{suffix}" for binary in BACKENDS.values() for suffix in (".mjs", ".wasm")),
)
"""Of onnxruntime-web; a visitor loads those of one backend."""

RUNTIME, VECTORS, DESCRIPTION = "runtime", "vectors.bin", "model.json"
SITE_FILES = (*PAGE_FILES, STYLE.name, RUNTIME, VECTORS, DESCRIPTION, "*.onnx")
"""What a site may contain."""

LARGEST = 1_000_000_000
"""Bytes of float32 weights that a page may hold: a tab of a phone has little more."""

USUAL_STEPS = 20
DEFAULT_STEPS = 4
"""Steps that the page begins with, if it offers them."""

logger = logging.getLogger(__name__)


def export_web(
    model: StoredModel,
    folder: Path,
    *,
    name: str,
    runtime_dir: str | Path,
    prompts: Sequence[str] = (),
    quantize: Literal["int8"] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a static site that samples a model of stage 2; any server of files can serve it.

    InputError without the files of onnxruntime-web, for a model that is too large for a browser or has no denoiser, and
    for a prompt that the model does not take.

    Args:
        model: On the CPU.
        folder: Of the site.
        name: Of the model, as the page shows it.
        runtime_dir: The npm package onnxruntime-web, or its `dist`.
        prompts: What the page offers; a model whose encoder is `words` takes any other of its words, too.
        quantize: "int8" halves the download once more; WebGPU then leaves products to the processor.
        overwrite: Whether an existing site is replaced.
    """
    model.check_has_weights()
    sources = runtime_files(Path(runtime_dir))
    check_fits(model)
    check_installed()
    described, vectors = describe(model, name, prompts)
    with replacing(folder, overwrite=overwrite, own=SITE_FILES) as temporary:
        (temporary / RUNTIME).mkdir(parents=True)
        for source in sources:
            shutil.copyfile(source, temporary / RUNTIME / source.name)
        for page in (*(PAGE / file for file in PAGE_FILES), STYLE):
            shutil.copyfile(page, temporary / page.name)
        sizes = {source.name: source.stat().st_size for source in sources}
        described["runtime"] = {backend: sizes[f"{binary}.wasm"] for backend, binary in BACKENDS.items()}
        described["graphs"] = _write_graphs(model, temporary, quantize)
        (temporary / VECTORS).write_bytes(vectors.astype("<f4").tobytes())
        text = json.dumps(described, allow_nan=False, separators=(",", ":"))
        (temporary / DESCRIPTION).write_text(text, encoding="utf-8")


def runtime_files(folder: Path) -> list[Path]:
    """The files of onnxruntime-web in its package, or in its `dist`; InputError that says how to get them."""
    place = folder / "dist" if (folder / "dist").is_dir() else folder
    files = [place / name for name in RUNTIME_FILES]
    if missing := [path for path in files if not path.is_file()]:
        remedy = "get it by `npm install onnxruntime-web`, and pass {runtime_dir} node_modules/onnxruntime-web"
        raise InputError(f"the page runs by onnxruntime-web, and {missing[0]} is not there", remedy)
    return files


def check_fits(model: StoredModel) -> None:
    """InputError for a model without a denoiser, and for one that is too large for a browser."""
    if model.denoiser is None:
        raise InputError(f"{model.source} is a stage-1 autoencoder without a denoiser", "give a model of stage 2")
    networks = filter(None, (model.autoencoder, model.denoiser, model.guide))  # its graph holds weights that it shares
    size = 4 * sum(value.numel() for network in networks for value in network.parameters())
    if size > LARGEST:
        problem = f"{model.source} has {size / 1e9:.1f} GB of weights, and a browser holds at most {LARGEST / 1e9:g} GB"
        raise InputError(problem, "train a smaller one, such as with configs/sizes/velocity-64.yaml")


def describe(model: StoredModel, name: str, prompts: Sequence[str] = ()) -> tuple[dict[str, Any], np.ndarray]:
    """What the page must know, JSON-able, and the vectors of its words or prompts, float32."""
    config, shape = model.autoencoder.config, model.autoencoder.config.latent_shape
    text, vectors = _text(model, prompts)
    described = {
        "name": name,
        "clip": {"frames": config.frames, "height": config.height, "width": config.width, "fps": model.fps},
        "latent": [config.latent_channels, shape.positions],
        "bound": model.autoencoder.latent_bound,
        "fade": model.diffusion.border_fade,
        "inputs": [[item.name, item.sizes, _type(item.dtype)] for item in graphs_of(model)["denoise"].inputs],
        "context": _context(model),
        "autoguidance": model.diffusion.autoguidance if model.guide else 0.0,
        "plans": _plans(model),
        "classes": _classes(model),
        "text": text,
    }
    steps = sorted(map(int, described["plans"]))
    described["steps"] = min(steps, key=lambda count: abs(count - DEFAULT_STEPS))
    return described, vectors


def _plans(model: StoredModel) -> dict[str, Any]:
    """The steps of the sampler for each number that the page offers: tuned, searched and usual ones."""
    process, tuned = model.diffusion, model.denoiser.config.few_steps
    counts = {*tuned, *map(len, process.searched_times), min(USUAL_STEPS, process.timesteps)}
    plans = {}
    for count in sorted(counts):
        sampler = SamplerConfig(steps=count).completed(process.timesteps, tuned, process.searched_times)
        steps = [step._asdict() for step in step_plan(model.schedule, sampler, process.prediction)]
        plans[str(count)] = {"tuned": count if sampler.name == "consistency" else 0, "steps": steps}
    return plans


def _context(model: StoredModel) -> dict[str, float]:
    """The noise that the previous clip is shown with."""
    sigma = CONTEXT_NOISE if model.denoiser.config.context_levels else 0.0
    level = model.schedule.level(time_of_sigma(model.schedule, sigma))
    return {"level": level.time, "alpha": level.alpha, "sigma": level.sigma}


def _classes(model: StoredModel) -> list[str]:
    return list(model.classes or map(str, range(model.class_count or 0)))


def _text(model: StoredModel, prompts: Sequence[str]) -> tuple[dict[str, Any] | None, np.ndarray]:
    """The words that a model knows, or else the prompts that it is given, and the vectors of each."""
    if model.text is None:
        if prompts:
            raise InputError(f"{model.source} was not trained with text", "leave {prompts} out")
        return None, np.zeros(0, np.float32)
    encoder, given = model.text_encoder, [check_prompt(prompt, model.text) for prompt in prompts]
    is_closed = model.text.encoder == WORDS
    entries = list(model.text.words) if is_closed else given
    if not entries:
        raise InputError(f"the page cannot encode text as {model.text.encoder} does", "give {prompts} that it offers")
    states, masks = encoder(entries)
    found = {"tokens": model.text.tokens, "width": encoder.width, "is_closed": is_closed}
    found |= {"entries": entries, "prompts": given, "lengths": masks.sum(1).tolist()}
    return found, (states[:, 0] if is_closed else states).numpy()


def _write_graphs(model: StoredModel, folder: Path, quantize: str | None) -> dict[str, Any]:
    """Writes the graphs with weights of 16 bits, and returns their files and sizes."""
    found = {}
    for name, graph in graphs_of(model).items():
        if name in GRAPHS:
            path = folder / f"{name}.onnx"
            logger.info("exporting %s", path.name)
            write_onnx(traced(graph, name), graph, path)
            if quantize:
                quantize_onnx(path)
            halve_weights(path)
            found[name] = {"file": path.name, "bytes": path.stat().st_size}
    return found


def halve_weights(path: Path, least: int = 1024) -> None:
    """Stores weights of at least so many values as float16, in place; the graph makes float32 of them again.

    What float16 cannot hold stays as it is.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    whole = onnx.load(path)
    kept, casts = [], []
    for tensor in whole.graph.initializer:
        values = numpy_helper.to_array(tensor) if tensor.data_type == TensorProto.FLOAT else None
        if values is None or values.size < least or np.abs(values).max() > np.finfo(np.float16).max:
            kept.append(tensor)
            continue
        kept.append(numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.half"))
        casts.append(helper.make_node("Cast", [f"{tensor.name}.half"], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *whole.graph.node]
    for field, values in ((whole.graph.initializer, kept), (whole.graph.node, nodes)):
        copied = list(values)
        del field[:]
        field.extend(copied)
    onnx.save(whole, path)


def _type(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")
