"""Photos of realistic sizes, made from the demo's: the same kind, count and seed give the same bytes.

    python -m benchmarks.photos DIR [--kind small|camera|progressive] [--count N] [--seed N]

Every photo is another part of one of the originals, enlarged where need be. What is enlarged is smooth, and
a smooth JPEG is small and decodes fast, so a camera's noise is added: its variance grows with the light (the
shot noise), and it is correlated between neighbours, as after interpolation of the colour filter. Bytes a
megapixel are then a camera's: 2 to 4 MB for 12 megapixels.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from symbolon.demo.model import usable_cache
from symbolon.demo.photos import PHOTOS

SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Sizes are drawn from `megapixels`, JPEG qualities from `qualities`, both evenly."""

    count: int
    megapixels: tuple[float, float]
    qualities: tuple[int, int]
    progressive: bool
    noise: float
    """Standard deviation of the noise at full light, in steps of 255."""


KINDS = {
    "small": Kind(count=499, megapixels=(0.18, 0.21), qualities=(80, 95), progressive=False, noise=3.0),
    "camera": Kind(count=40, megapixels=(12.0, 12.2), qualities=(88, 94), progressive=False, noise=6.0),
    "progressive": Kind(count=12, megapixels=(16.0, 31.0), qualities=(86, 92), progressive=True, noise=6.0),
}
_SMALLEST_PART = 0.6
_SHAPES = (4 / 3, 3 / 2, 3 / 4)
_NOISE_TILE = 1024


def make_photos(kind: str, *, count: int | None = None, seed: int = SEED) -> Path:
    """A folder among the user's cached files with the photos, `0000.jpg` on; made once."""
    count = count or KINDS[kind].count
    cache = usable_cache(otherwise=Path(tempfile.gettempdir()) / "symbolon-benchmarks")
    folder = cache / "photos" / f"{kind}-{count}-{seed}-{_key()}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:
            draft = Path(making, "photos")
            write_photos(draft, KINDS[kind], count=count, seed=seed)
            draft.replace(folder)
    return folder


def write_photos(folder: Path, kind: Kind, *, count: int, seed: int) -> None:
    """`folder` holds `count` JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)
    originals = [Image.open(photo.path).convert("RGB") for photo in PHOTOS]

    def write(number: int) -> None:
        chance = np.random.default_rng([seed, number])
        part = _part(originals[number % len(originals)], kind, chance)
        quality = int(chance.integers(*kind.qualities, endpoint=True))
        _noisy(part, kind.noise, chance).save(
            folder / f"{number:04}.jpg", "JPEG", quality=quality, progressive=kind.progressive
        )

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(write, range(count)):
            pass


def _part(original: Image.Image, kind: Kind, chance: np.random.Generator) -> Image.Image:
    """A part of the original of one of the usual shapes, at the size of its kind."""
    shape = float(chance.choice(_SHAPES))
    largest = min(original.width, original.height * shape)
    width = largest * chance.uniform(_SMALLEST_PART, 1.0)
    height = width / shape
    left = chance.uniform(0, original.width - width)
    top = chance.uniform(0, original.height - height)
    scale = math.sqrt(chance.uniform(*kind.megapixels) * 1e6 / (width * height))
    size = round(width * scale), round(height * scale)
    return original.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))


def _noisy(image: Image.Image, at_full_light: float, chance: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image)
    height, width, _ = pixels.shape
    tile = chance.standard_normal((_NOISE_TILE, _NOISE_TILE), dtype=np.float32)
    for axis in (0, 1):
        tile += np.roll(tile, 1, axis)
    rows = -(-height // _NOISE_TILE)
    columns = -(-width // _NOISE_TILE)
    noise = np.tile(tile / 2, (rows, columns))[:height, :width, None]
    by_light = np.sqrt(np.arange(256, dtype=np.float32) / 255) * at_full_light
    noisy = pixels + by_light[pixels] * noise
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def _key() -> str:
    """Names everything beside the arguments that the bytes depend on."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for package in ("numpy", "pillow", "scikit-image", "scikit-learn"):
        digest.update(version(package).encode())
    return digest.hexdigest()[:12]


def main() -> None:
    """The folder named holds the photos."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--kind", choices=list(KINDS), default="small")
    parser.add_argument("--count", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N")
    arguments = parser.parse_args()
    made = make_photos(arguments.kind, count=arguments.count, seed=arguments.seed)
    shutil.copytree(made, arguments.folder, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
