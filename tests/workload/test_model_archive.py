"""The model's archive: not a byte is parsed unless it is the pinned one, and no member leaves its folder."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attestation.digests import digest_of
from attestation.errors import EvidenceRejected, Misconfigured
from tests.workload.samples import MEMBERS, archive, model_terms
from workload import model_archive


@pytest.fixture
def unpack(tmp_path: Path) -> Callable[..., Path]:
    def unpack(data: bytes, *, max_unpacked_bytes: int = 1 << 30) -> Path:
        file = tmp_path / "archive"
        file.write_bytes(data)
        model_archive.unpack(file, tmp_path / "model", max_unpacked_bytes=max_unpacked_bytes)
        return tmp_path / "model"

    return unpack


def test_an_archive_in_order_is_unpacked_and_gone(unpack: Callable[..., Path], tmp_path: Path) -> None:
    folder = unpack(archive(MEMBERS))
    assert {name: (folder / name).read_bytes() for name in MEMBERS} == MEMBERS
    assert not (tmp_path / "archive").exists()


def test_an_archive_that_is_not_gzipped_is_unpacked_too(unpack: Callable[..., Path]) -> None:
    folder = unpack(PLAIN)
    assert {name: (folder / name).read_bytes() for name in MEMBERS} == MEMBERS


def special_member(name: str, kind: bytes, target: str = "") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        tar.addfile(member)
    return packed.getvalue()


SOUND = archive(MEMBERS)
PLAIN = gzip.decompress(SOUND)


@pytest.mark.parametrize("padding", [0, 3, 1 << 20])
def test_an_archive_gzipped_in_several_members_is_unpacked_whole(
    unpack: Callable[..., Path], padding: int
) -> None:
    pieces = [PLAIN[:700], b"", PLAIN[700:]]
    folder = unpack(b"".join(gzip.compress(piece) + bytes(padding) for piece in pieces))
    assert {name: (folder / name).read_bytes() for name in MEMBERS} == MEMBERS


def test_an_archive_of_many_blocks_is_unpacked_whole(unpack: Callable[..., Path]) -> None:
    members = {"saved_model.pb": random.Random(2).randbytes(3_000_000), "zeros": bytes(1_000_000)}
    folder = unpack(archive(members))
    assert {name: (folder / name).read_bytes() for name in members} == members


def test_what_repeats_itself_over_a_whole_window_of_gzip_is_unpacked(unpack: Callable[..., Path]) -> None:
    members = {"weights": 2 * random.Random(3).randbytes(30_000)}
    packed = archive(members)
    assert len(packed) < 40_000
    assert (unpack(packed) / "weights").read_bytes() == members["weights"]


def test_pythons_own_filter_looks_at_each_member_too() -> None:
    member = tarfile.TarInfo("../escaped")
    with pytest.raises(tarfile.FilterError):
        model_archive._EXTRACTION_FILTER(member, "/nowhere")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(archive({"../escaped": b""}), "outside its folder", id="a member above the folder"),
        pytest.param(
            archive({"a/../../escaped": b""}),
            "outside its folder",
            id="a member above the folder by way of another",
        ),
        pytest.param(
            archive({"/tmp/escaped": b""}), "outside its folder", id="a member with an absolute path"
        ),
        pytest.param(
            special_member("link", tarfile.SYMTYPE, "/etc/passwd"),
            "neither file nor folder",
            id="a symbolic link out of the folder",
        ),
        pytest.param(
            special_member("link", tarfile.SYMTYPE, "labels.txt"),
            "neither file nor folder",
            id="a symbolic link within the folder",
        ),
        pytest.param(
            special_member("link", tarfile.LNKTYPE, "labels.txt"), "neither file nor folder", id="a hard link"
        ),
        pytest.param(special_member("null", tarfile.CHRTYPE), "neither file nor folder", id="a device"),
        pytest.param(special_member("pipe", tarfile.FIFOTYPE), "neither file nor folder", id="a pipe"),
        pytest.param(SOUND[: len(SOUND) // 2], "truncated", id="half of a gzipped archive"),
        pytest.param(SOUND[:-1], "truncated", id="a gzipped archive without its last byte"),
        pytest.param(SOUND[:-8] + bytes(8), "truncated", id="a gzipped archive with another checksum"),
        pytest.param(
            PLAIN[: tarfile.BLOCKSIZE + 1], "truncated", id="a plain archive that ends within a file"
        ),
        pytest.param(
            PLAIN[: 2 * tarfile.BLOCKSIZE], "truncated", id="a plain archive that ends behind a file"
        ),
        pytest.param(
            PLAIN[: 2 * len(MEMBERS) * tarfile.BLOCKSIZE],
            "truncated",
            id="a plain archive without its closing blocks",
        ),
        pytest.param(
            bytes(1) + PLAIN[1:], "not a tar archive", id="a plain archive whose first byte is altered"
        ),
        pytest.param(SOUND + b"behind it", "not a tar archive", id="something behind a gzipped archive"),
        pytest.param(SOUND + b"X", "not a tar archive", id="one byte behind a gzipped archive"),
        pytest.param(SOUND + bytes(1 << 19) + b"X", "not a tar archive", id="one byte far behind it"),
        pytest.param(
            SOUND + zlib.compress(b""),
            "not a tar archive",
            id="a second part that is compressed in another way",
        ),
        pytest.param(
            tarfile.TarInfo("a").tobuf() + bytes(tarfile.BLOCKSIZE),
            "truncated",
            id="a plain archive with one of its two closing blocks",
        ),
        pytest.param(bytes(2 * tarfile.BLOCKSIZE - 1), "truncated", id="a byte less than two closing blocks"),
        pytest.param(SOUND + SOUND[:-1], "truncated", id="a second gzip member that is cut off"),
        pytest.param(
            gzip.compress(b"not a tar archive"), "not a tar archive", id="something else that is gzipped"
        ),
        pytest.param(
            zlib.compress(b"zlib"), "not a tar archive", id="something that is compressed in another way"
        ),
        pytest.param(b"", "not a tar archive", id="no byte at all"),
        pytest.param(archive({"a": b"", "a/b": b""}), "not a tar archive", id="a file below a file"),
    ],
)
def test_an_archive_that_is_not_sound_is_refused(
    unpack: Callable[..., Path], tmp_path: Path, data: bytes, said: str
) -> None:
    with pytest.raises(Misconfigured, match=said) as refused:
        unpack(data)
    assert "\n" not in refused.value.message
    assert str(tmp_path) not in refused.value.message
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("packed", [archive, lambda members: gzip.decompress(archive(members))])
def test_an_archive_may_not_unpack_to_more_than_the_terms_allow(
    unpack: Callable[..., Path], packed: Callable[[dict[str, bytes]], bytes]
) -> None:
    with pytest.raises(Misconfigured, match="more than its limit"):
        unpack(packed({"weights": bytes(100_000)}), max_unpacked_bytes=50_000)


def test_a_bomb_is_refused_by_its_ratio_before_it_fills_the_disk(
    unpack: Callable[..., Path], tmp_path: Path
) -> None:
    bomb = archive({"zeros": bytes(64 << 20)})
    assert len(bomb) < 1 << 17
    with pytest.raises(Misconfigured, match="more than its limit"):
        unpack(bomb)
    assert sum(file.stat().st_size for file in tmp_path.rglob("zeros")) <= model_archive.RATIO_FREE_BYTES


def test_a_bomb_behind_the_archives_end_is_refused(unpack: Callable[..., Path]) -> None:
    with pytest.raises(Misconfigured, match="more than its limit"):
        unpack(gzip.compress(gzip.decompress(SOUND) + bytes(64 << 20)))


def test_too_many_members_are_refused(unpack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_archive, "MOST_MEMBERS", 2)
    with pytest.raises(Misconfigured, match="more than 2 members"):
        unpack(SOUND)


def test_another_model_is_refused_without_being_opened() -> None:
    with pytest.raises(EvidenceRejected, match="not the one"):
        model_archive.verify(digest_of(b"another"), model_terms(SOUND))


def test_the_model_that_the_terms_pin_is_accepted() -> None:
    model_archive.verify(digest_of(SOUND), model_terms(SOUND))


def tar_of(size: int) -> bytes:
    """A tar archive of so many bytes, which is a multiple of 512: one file, and what ends an archive."""
    member = tarfile.TarInfo("weights")
    member.size = size - 3 * tarfile.BLOCKSIZE
    header = member.tobuf()
    return header + bytes(size - len(header))


def test_an_archive_may_unpack_to_all_that_the_terms_allow_and_not_to_a_byte_more(
    unpack: Callable[..., Path],
) -> None:
    data = tar_of(100 * tarfile.BLOCKSIZE)
    assert (unpack(data, max_unpacked_bytes=len(data)) / "weights").stat().st_size == len(data) - 3 * 512
    with pytest.raises(Misconfigured, match="more than its limit"):
        unpack(data, max_unpacked_bytes=len(data) - 1)


def test_sixteen_mebibytes_are_no_bomb_and_a_block_more_is_one(unpack: Callable[..., Path]) -> None:
    unpack(gzip.compress(tar_of(16 * 2**20)))
    with pytest.raises(Misconfigured, match="more than its limit"):
        unpack(gzip.compress(tar_of(16 * 2**20 + tarfile.BLOCKSIZE)))


def test_beyond_them_an_archive_may_unpack_to_two_hundred_times_its_size(
    unpack: Callable[..., Path],
) -> None:
    size = 102_400
    packed = gzip.compress(tar_of(200 * size))
    assert len(packed) < size
    unpack(packed.ljust(size, b"\0"))
    with pytest.raises(Misconfigured, match="more than its limit"):
        unpack(packed.ljust(size - 1, b"\0"))


def pax(member: tarfile.TarInfo, records: dict[str, str]) -> bytes:
    """A member's header behind a pax header with these records."""
    member.pax_headers = records
    return member.tobuf(tarfile.PAX_FORMAT)


def sparse(apparent: int, name: str = "weights") -> bytes:
    """A member of 512 bytes which, unpacked with its holes, is as long as `apparent` says."""
    member = tarfile.TarInfo(name)
    member.size = 512
    written = {"size": str(apparent), "map": "0,512"}
    return pax(member, {f"GNU.sparse.{key}": value for key, value in written.items()}) + bytes(512)


def old_sparse(apparent: int) -> bytes:
    """The same, as GNU tar wrote it before pax: where its parts lie, and its whole length."""
    member = tarfile.TarInfo("weights")
    member.type, member.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"%011o\0" % apparent
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(512)


END = bytes(2 * tarfile.BLOCKSIZE)


@pytest.mark.parametrize("member", [sparse, old_sparse])
def test_a_sparse_member_counts_with_its_holes(
    unpack: Callable[..., Path], member: Callable[[int], bytes]
) -> None:
    assert (unpack(member(10_000) + END, max_unpacked_bytes=10_000) / "weights").stat().st_size == 10_000
    for apparent in (10_001, 1 << 32):
        with pytest.raises(Misconfigured, match="unpacks to more than its limit"):
            unpack(member(apparent) + END, max_unpacked_bytes=10_000)


def test_sparse_members_count_together(unpack: Callable[..., Path], tmp_path: Path) -> None:
    unpack(sparse(5_000, "a") + sparse(5_000, "b") + END, max_unpacked_bytes=10_000)
    with pytest.raises(Misconfigured, match="unpacks to more than its limit"):
        unpack(sparse(5_000, "c") + sparse(5_001, "d") + END, max_unpacked_bytes=10_000)
    assert not (tmp_path / "model/d").exists()


def test_a_path_of_a_hundred_parts_is_unpacked_and_a_longer_one_is_refused(
    unpack: Callable[..., Path],
) -> None:
    deepest = "a/" * 99 + "b"
    assert (unpack(archive({deepest: b"1"})) / deepest).read_bytes() == b"1"
    for parts in (100, 1_000, 5_000):
        with pytest.raises(Misconfigured, match=r"whose path has more than 100 parts$") as refused:
            unpack(archive({"a/" * parts + "b": b""}))
        assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            pax(tarfile.TarInfo("a"), {"GNU.sparse.map": "0,x", "GNU.sparse.size": "1"}),
            id="a map of holes that is no list of numbers",
        ),
        pytest.param(
            pax(tarfile.TarInfo("a"), {"GNU.sparse.map": f"{1 << 70},1", "GNU.sparse.size": "1"}),
            id="a part that begins where no file is as long",
        ),
        pytest.param(pax(tarfile.TarInfo("a"), {"path": "a\0b"}), id="a name with a zero in it"),
        pytest.param(
            2_000 * tarfile.TarInfo.create_pax_global_header({"comment": "x"}),
            id="headers in front of headers without end",
        ),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(unpack: Callable[..., Path], data: bytes) -> None:
    with pytest.raises(Misconfigured, match="is truncated, or not a tar archive") as refused:
        unpack(data + bytes(512) + END)
    assert "\n" not in refused.value.message


def test_ten_thousand_members_are_unpacked_and_one_more_is_refused(unpack: Callable[..., Path]) -> None:
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    header = folder.tobuf()
    assert (unpack(10_000 * header + END) / "folder").is_dir()
    with pytest.raises(Misconfigured, match="has more than 10000 members"):
        unpack(10_001 * header + END)


def test_what_is_unpacked_has_neither_owner_nor_time_of_the_archive(unpack: Callable[..., Path]) -> None:
    member = tarfile.TarInfo("labels.txt")
    member.mode, member.mtime = 0, 1
    unpacked = unpack(member.tobuf() + END) / "labels.txt"
    assert unpacked.stat().st_mtime > 1
    assert unpacked.stat().st_mode & 0o400


def test_names_with_points_stay_within_the_folder(unpack: Callable[..., Path]) -> None:
    members = {"..a": b"1", "b..": b"2", "./c": b"3", "d/...": b"4"}
    folder = unpack(archive(members))
    assert {name: (folder / name).read_bytes() for name in members} == members


class OneStream:
    """Storage that gives `data` in its first answer, and notes what it was asked for."""

    generation = 7

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: dict[str, Any] = {}

    def bucket(self, name: str) -> OneStream:
        self.asked["bucket"] = name
        return self

    def blob(self, name: str, generation: int | None) -> OneStream:
        self.asked |= {"name": name, "generation": generation}
        return self

    def download_to_file(self, file: Any, **options: Any) -> None:
        self.asked |= options
        file.write(self.data)


def test_the_first_request_is_for_thirty_two_mebibytes_as_they_are_stored(tmp_path: Path) -> None:
    client, wanted = OneStream(SOUND), model_terms(SOUND, generation=7)
    noted: list[int] = []
    found = model_archive.fetch(client, wanted, tmp_path / "a", note=noted.append)
    assert (found, noted) == (wanted.sha256, [7])
    assert (tmp_path / "a").read_bytes() == SOUND
    assert client.asked.pop("retry") is not None  # bounded: workload/patience.py
    assert client.asked.pop("timeout") > 0
    assert client.asked == {
        "bucket": "primus-models",
        "name": "model.tar.gz",
        "generation": 7,
        "end": 32 * 2**20 - 1,
        "raw_download": True,
        "checksum": None,
    }


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        model_archive.fetch(OneStream(SOUND), model_terms(SOUND), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"kept"
