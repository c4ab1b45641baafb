"""A layer is read member by member, and a hostile one is refused in one line, within its limits."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from attestation.digests import digest_of
from attestation.errors import NotKnown, SymbolonError
from deploy.layers import LayerRejected, Limits, Member, Spent, Store, read_layer
from tests.images import File, folder, hard_link, hex_of, link, tar_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    kept = tmp_path / "kept"
    kept.mkdir()
    return Store(kept)


Read = Callable[..., tuple[str, tuple[Member, ...]]]


@pytest.fixture
def read(tmp_path: Path, store: Store) -> Read:
    def read_it(data: bytes, **limits: int) -> tuple[str, tuple[Member, ...]]:
        blob = tmp_path / "blob"
        blob.write_bytes(data)
        spent = Spent(Limits(**limits))
        return read_layer(
            blob, name="layer 1", store=store, keeps=lambda path, size: "kept" in path, spent=spent
        )

    return read_it


def test_every_member_is_told_with_the_digest_of_the_tar(read: Read, store: Store) -> None:
    tar = tar_of(
        folder("./usr/"),
        File(
            path="/usr/kept", content=b"abc", mode=0o4755, uid=7, mtime=9, pax=(("SCHILY.xattr.user.a", "b"),)
        ),
        File(path="usr/other", content=b"x" * 3_000_000),
        link("bin", "usr/bin"),
        hard_link("usr/again", "./usr/kept"),
        File(path="dev/null", kind=tarfile.CHRTYPE),
        File(path="run/fifo", kind=tarfile.FIFOTYPE),
    )
    digest, members = read(tar)
    assert digest == digest_of(tar)
    assert [(each.path, each.kind, each.target) for each in members] == [
        ("usr", "folder", ""),
        ("usr/kept", "file", ""),
        ("usr/other", "file", ""),
        ("bin", "symbolic link", "usr/bin"),
        ("usr/again", "hard link", "usr/kept"),
        ("dev/null", "device", "3 0:0"),
        ("run/fifo", "pipe", ""),
    ]
    kept = members[1]
    assert (kept.mode, kept.uid, kept.mtime, kept.size, kept.sha256) == (0o4755, 7, 9, 3, hex_of(b"abc"))
    assert kept.attributes == (("user.a", "b"),)
    assert (store.read(kept.sha256), store.read(members[2].sha256)) == (b"abc", None)


def test_a_gzipped_layer_is_the_same(read: Read) -> None:
    tar = tar_of(File(path="a", content=b"abc"))
    assert read(gzip.compress(tar[:600]) + gzip.compress(tar[600:])) == read(tar)


def with_header(name: str, **changes: object) -> bytes:
    """A tar of one member whose header says what no writer writes."""
    entry = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(entry, key, value)
    return entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def with_pax(**fields: str) -> bytes:
    entry = tarfile.TarInfo("a")
    entry.pax_headers = {key.replace("_", "."): value for key, value in fields.items()}
    return entry.tobuf(tarfile.PAX_FORMAT) + bytes(1024)


def corrupted() -> bytes:
    tar = bytearray(tar_of(File(path="first"), File(path="second"), File(path="third")))
    tar[512 + 20] ^= 0xFF
    return bytes(tar)


OUT = "leads out of the image"
CUT = "ends before|to its end"
NO_TAR = "no tar archive"
HOSTILE = {
    "a path that leads out of the image": (tar_of(File(path="a/../../etc/passwd")), OUT),
    "a hard link that leads out of it": (
        tar_of(hard_link("a", "../../etc/passwd")),
        "leads out of the image",
    ),
    "a sparse member": (with_header("a", type=tarfile.GNUTYPE_SPARSE, size=0), "is sparse"),
    "a sparse member of pax": (
        with_pax(GNU_sparse_major="0", GNU_sparse_minor="1", GNU_sparse_name="a", GNU_sparse_map="0,1"),
        "is sparse",
    ),
    "a member of no known kind": (with_header("a", type=b"Z"), "of no known kind"),
    "a member that is larger than the disk": (
        with_header("a", size=1 << 60),
        "1,152,921,504,606,846,976",
    ),
    "a member of less than nothing": (with_pax(size="-1024"), "a member of -1,024 bytes"),
    "a name of many megabytes": (
        with_header("a", type=tarfile.GNUTYPE_LONGNAME, size=64 << 20) + bytes(64 << 20),
        "a name or a header of several megabytes",
    ),
    "a header in the middle that is broken": (corrupted(), "whose header cannot be read"),
    "a member that is cut off": (
        tar_of(File(path="a", content=b"x" * 4000))[:2000],
        "ends before|to its end",
    ),
    "bytes behind the end": (tar_of(File(path="a")) + b"more", "bytes behind the end"),
    "no tar at all": (b"\x00" + b"no tar" * 300, NO_TAR),
    "an empty file": (b"", NO_TAR),
    "a gzip stream that is cut off": (gzip.compress(tar_of(File(path="a")))[:-12], NO_TAR),
    "a gzip stream with rubbish behind it": (
        gzip.compress(tar_of(File(path="a"))) + b"rubbish",
        "no tar archive",
    ),
}


@pytest.mark.parametrize(("data", "words"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_layer_is_refused_in_one_line(read: Read, data: bytes, words: str) -> None:
    with pytest.raises(LayerRejected, match=words) as caught:
        read(data)
    assert (caught.value.exit_code, "\n" in caught.value.message) == (4, False)


def test_a_decompression_bomb_is_left_where_it_is_too_large(read: Read) -> None:
    bomb = gzip.compress(tar_of(File(path="zeros", content=bytes(20_000_000))))
    with pytest.raises(LayerRejected, match="decompression bomb"):
        read(bomb, most_times_larger=2, allowance_bytes=1000)
    assert read(bomb)


@pytest.mark.parametrize(
    ("limits", "words"),
    [({"members": 2}, "more than 2 members"), ({"unpacked_bytes": 900}, "more than 900 bytes")],
)
def test_all_layers_together_have_limits(read: Read, limits: dict[str, int], words: str) -> None:
    with pytest.raises(LayerRejected, match=words):
        read(tar_of(*(File(path=name) for name in "abc")), **limits)


def test_a_layer_compressed_in_another_way_is_not_known(read: Read) -> None:
    with pytest.raises(NotKnown, match="zstd"):
        read(b"\x28\xb5\x2f\xfd" + bytes(100))


def test_an_empty_tar_is_an_empty_layer(read: Read) -> None:
    assert read(bytes(1024))[1] == ()


@pytest.mark.parametrize("seed", range(40))
def test_a_layer_with_changed_bytes_is_read_or_refused(read: Read, seed: int) -> None:
    """Nothing else comes of it than members or one of our errors."""
    import random

    chance = random.Random(seed)
    data = bytearray(tar_of(folder("a"), File(path="a/b", content=b"c" * 700), hard_link("d", "a/b")))
    for _ in range(6):
        data[chance.randrange(len(data))] = chance.randrange(256)
    stream = io.BytesIO(bytes(data))
    try:
        read(stream.getvalue())
    except SymbolonError as error:
        assert error.message
