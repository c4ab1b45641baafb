"""Photos in a page: small, whole, and not without end; one that cannot be read is left out."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from contract.results import Row
from contract.uris import parse_folder_uri
from deploy.google_api import GoogleApi
from symbolon.operator import photos
from symbolon.operator.photos import Photos
from tests.deploy.conftest import Bearer, ScriptedGoogle


def jpeg(width: int, height: int, *, turned: bool = False) -> bytes:
    picture = Image.new("RGB", (width, height), (200, 30, 30))
    file, exif = io.BytesIO(), Image.Exif()
    if turned:
        exif[0x0112] = 6  # Orientation: a quarter turn
    picture.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def row(name: str) -> Row:
    return Row(picture=f"photos/{name}", generation=7)


def decoded(address: str) -> Image.Image:
    kind, _, data = address.partition(";base64,")
    assert kind == "data:image/jpeg"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_photo_is_made_small_and_stands_upright(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(jpeg(2000, 1000, turned=True))
    assert decoded(Photos(None, folder=tmp_path).address_of(row("cat.jpg"))).size == (320, 640)


def test_what_cannot_be_decoded_is_left_to_the_browser(tmp_path: Path) -> None:
    (tmp_path / "cat.webp").write_bytes(b"no picture")
    address = Photos(None, folder=tmp_path).address_of(row("cat.webp"))
    assert address == "data:image/webp;base64," + base64.b64encode(b"no picture").decode()


@pytest.mark.parametrize("name", ["absent.jpg", "notes.txt", "drawing.svg"])
def test_what_is_no_photo_has_no_address(tmp_path: Path, name: str) -> None:
    (tmp_path / "drawing.svg").write_text("<svg/>")
    assert Photos(None, folder=tmp_path).address_of(row(name)) == ""


def test_a_name_leads_to_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(jpeg(4, 4))
    inner = tmp_path / "inner"
    inner.mkdir()
    assert Photos(None, folder=inner).address_of(row("../secret.jpg")) == ""


def test_a_page_has_only_so_many_bytes_of_photos(tmp_path: Path) -> None:
    for name in ("a.webp", "b.webp", "c.webp"):
        (tmp_path / name).write_bytes(b"x" * 60)
    some = Photos(None, folder=tmp_path, most_bytes=100)
    assert [bool(some.address_of(row(name))) for name in ("a.webp", "b.webp", "c.webp")] == [
        True,
        False,
        False,
    ]


def test_a_photo_is_read_from_where_the_job_read_it_in_that_generation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    google = ScriptedGoogle(answers=[(200, jpeg(8, 8)), (404, {"error": {"message": "gone"}})])
    api = GoogleApi(Bearer(), sleep=google.slept.append)  # type: ignore[no-untyped-call]
    api.session.mount("https://", google)
    monkeypatch.setattr(photos, "sign_in", lambda _: api)
    source = Photos(parse_folder_uri("gs://pictures/photos", where=""), folder=None)
    assert source.address_of(row("ä b.jpg")).startswith("data:image/jpeg;base64,")
    assert source.address_of(row("gone.jpg")) == ""
    assert google.asked[0] == (
        "GET https://storage.googleapis.com/storage/v1/b/pictures/o/photos%2F%C3%A4%20b.jpg?alt=media&generation=7"
    )
