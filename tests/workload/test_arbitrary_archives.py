"""Any archive is unpacked within its folder and its limit, or refused in one line."""

from __future__ import annotations

import gzip
import io
import tarfile

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.readers import archive

tried = settings(max_examples=100)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.lists(
    st.sampled_from(["a", "b", "..", ".", "", "c" * 300, "\0", "\n", "ä"]), max_size=120
).map("/".join)
kinds = st.sampled_from(
    [
        tarfile.REGTYPE,
        tarfile.DIRTYPE,
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.GNUTYPE_SPARSE,
        tarfile.CHRTYPE,
        b"?",
    ]
)
records = st.dictionaries(
    st.sampled_from(
        ["path", "size", "linkpath", "mtime", "hdrcharset"]
        + [
            f"GNU.sparse.{name}"
            for name in ("map", "size", "realsize", "major", "minor", "name", "numblocks")
        ]
    ),
    st.integers(-1, 1 << 70).map(str) | st.sampled_from(["0,512", "1.0", "BINARY", "x"]) | names,
    max_size=4,
)


@st.composite
def tars(draw: st.DrawFn) -> bytes:
    """Members of any name, kind, length and extended header, one behind the other."""
    packed = io.BytesIO()
    for _ in range(draw(st.integers(0, 4))):
        member = tarfile.TarInfo(draw(names))
        member.type, member.linkname = draw(kinds), draw(names)
        data = draw(st.binary(max_size=600))
        member.size = len(data)
        member.pax_headers = draw(records)
        in_gnus_form = draw(st.booleans())
        packed.write(member.tobuf(tarfile.GNU_FORMAT if in_gnus_form else tarfile.PAX_FORMAT))
        packed.write(data.ljust(-(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, b"\0"))
    return packed.getvalue() + bytes(draw(st.sampled_from([0, 512, 1024])))


@tried
@given(tars(), st.booleans())
def test_any_members(data: bytes, gzipped: bool) -> None:
    archive(gzip.compress(data) if gzipped else data)


@tried
@given(tars(), st.data())
def test_any_bytes_in_place_of_some_others(data: bytes, chosen: st.DataObject) -> None:
    changed = bytearray(data)
    at = chosen.draw(st.integers(0, len(data)))
    changed[at : at + chosen.draw(st.integers(0, 600))] = chosen.draw(st.binary(max_size=600))
    archive(bytes(changed))


@tried
@given(st.binary(max_size=2000))
def test_any_bytes(data: bytes) -> None:
    archive(data)
    archive(b"\x1f\x8b" + data)
