from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.photos import KINDS, make_photos, write_photos


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "again", "other")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        write_photos(folder, KINDS["small"], count=3, seed=seed)
    first, again, other = ([path.read_bytes() for path in sorted(folder.iterdir())] for folder in folders)
    assert first == again
    assert all(mine != theirs for mine, theirs in zip(first, other, strict=True))


def test_more_photos_of_a_seed_begin_with_the_same_ones(tmp_path: Path) -> None:
    for name, count in (("few", 2), ("more", 4)):
        write_photos(tmp_path / name, KINDS["small"], count=count, seed=1)
    for path in (tmp_path / "few").iterdir():
        assert path.read_bytes() == (tmp_path / "more" / path.name).read_bytes()


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_photo_has_the_pixels_and_the_bytes_of_its_kind(kind: str, tmp_path: Path) -> None:
    write_photos(tmp_path, KINDS[kind], count=1, seed=1)
    (path,) = tmp_path.iterdir()
    with Image.open(path) as image:
        megapixels = image.width * image.height / 1e6
        assert bool(image.info.get("progressive")) is KINDS[kind].progressive
    lowest, highest = KINDS[kind].megapixels
    assert 0.98 * lowest <= megapixels <= 1.02 * highest
    # 2 to 4 MB for 12 megapixels; a small photo has more to tell in a pixel
    assert 0.12 < path.stat().st_size / 1e6 / megapixels < (0.6 if kind == "small" else 0.34)


def test_photos_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = make_photos("small", count=1)
    made_at = (folder / "0000.jpg").stat().st_mtime_ns
    assert make_photos("small", count=1) == folder
    assert (folder / "0000.jpg").stat().st_mtime_ns == made_at
    assert folder.is_relative_to(tmp_path)
