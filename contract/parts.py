"""The parts of a job's results, `result-NNNNN.jsonl`: which pictures each holds, and how it proves itself.

A part is rows (`contract.results`), one a line in listing order, and a last line, the **trailer**:

    {"format": 1, "part": 3, "job": "sha256:…",
     "inputs": [{"name", "generation", "sha256"}], "token": "…"}

- Parts are **fixed ranges** of the listing: their size is a function of the number of pictures alone
  (`rows_a_part`), so that every start of a job cuts it alike. No batch crosses a part.
- `inputs` has a **leaf** a row: the object that was read, and the SHA-256 of its bytes, null where they
  could not be had. Nothing has to be read again to seal a job.
- `token` is a PKI token of the platform for `AUDIENCE`. Its nonce (`part_nonce`) is the SHA-256, in hex
  digits, over domain, job digest, part, leaves and rows, so only the image that it names can have written
  these rows. The bucket is the operator's: a part without such a token is not taken over.

The platform gives about five tokens a second and project; so parts grow with the job, up to `MOST_ROWS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured
from attestation.strict_json import parse_json_object

from .canonical import decimal, parse_decimal, render_canonical
from .formats import check_format

FORMAT = 1
AUDIENCE = "symbolon:part:v1"
MOST_ROWS = 960
FEWEST_ROWS = 32
"""A multiple of the usual batches, as `MOST_ROWS` is: a part's last batch is then a full one."""

_PARTS = 20
_DOMAIN = "symbolon:part:v1"
_HINT = "read it with the version of this program that the image was published from"
_NAME = re.compile(r"result-(\d{5,})\.jsonl")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLeaf:
    """What was read for one row. `sha256`: 64 hex digits, or None where the bytes could not be had."""

    name: str
    generation: int
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows as they stand (each line with its end), the leaf of each, and the token, not verified here."""

    index: int
    job: Digest
    rows: tuple[bytes, ...]
    inputs: tuple[InputLeaf, ...]
    token: str

    @property
    def nonce(self) -> str:
        """What the token has to say."""
        return part_nonce(self.job, self.index, self.inputs, self.rows)


def rows_a_part(pictures: int) -> int:
    """How many rows each part of a job of so many pictures has; the last one may have fewer.

    At least 20 parts from 2,000 pictures on, and fewer of a small job, as each costs a token.

    >>> [rows_a_part(count) for count in (1, 300, 2_000, 10_000, 1_000_000)]
    [32, 32, 96, 480, 960]
    """
    return min(MOST_ROWS, max(FEWEST_ROWS, pictures // _PARTS // FEWEST_ROWS * FEWEST_ROWS))


def part_range(index: int, pictures: int) -> range:
    """The positions in the listing, of `pictures` in all, that part `index` holds.

    >>> part_range(1, 40)
    range(32, 40)
    """
    rows = rows_a_part(pictures)
    return range(index * rows, min((index + 1) * rows, pictures))


def count_parts(pictures: int) -> int:
    """How many parts a job of so many pictures has.

    >>> count_parts(2_000)
    21
    """
    return -(-pictures // rows_a_part(pictures))


def part_name(index: int) -> str:
    """The name of the part's object, within the job's folder.

    >>> part_name(7)
    'result-00007.jsonl'
    """
    return f"result-{index:05}.jsonl"


def parse_part_name(name: str) -> int | None:
    """The part that an object of this name is, or None.

    >>> parse_part_name("result-00007.jsonl"), parse_part_name("result-7.jsonl")
    (7, None)
    """
    match = _NAME.fullmatch(name)
    return int(match[1]) if match is not None and part_name(int(match[1])) == name else None


def render_leaf(leaf: InputLeaf) -> bytes:
    """The leaf as it is digested: RFC 8785, without an end of line."""
    return render_canonical(_said_of(leaf))


def part_nonce(job: Digest, index: int, inputs: Sequence[InputLeaf], rows: Sequence[bytes]) -> str:
    """The nonce that the token of such a part has: 64 hex digits. `rows` count as they stand."""
    said = {
        "domain": _DOMAIN,
        "job": job,
        "part": index,
        "inputs": [_said_of(leaf) for leaf in inputs],
        "rows": digest_of(b"".join(rows)),
    }
    return digest_of(render_canonical(said)).removeprefix("sha256:")


def render_part(part: Part) -> bytes:
    """The content of the part's object."""
    trailer = {
        "format": FORMAT,
        "part": part.index,
        "job": part.job,
        "inputs": [_said_of(leaf) for leaf in part.inputs],
        "token": part.token,
    }
    return b"".join(part.rows) + json.dumps(trailer).encode() + b"\n"


def parse_part(data: bytes, *, where: str, hint: str = _HINT) -> Part:
    """What `render_part` wrote; `where` names the object, `hint` says what to do about anything else.

    Nothing of it is verified.

    Raises:
        Misconfigured: it has no trailer, the trailer's format is not known, or it is no such line.
    """
    lines = data.splitlines(keepends=True)
    ours = Misconfigured(f"`{where}` is not a part as this program writes it", hint=hint)
    if not lines or not data.endswith(b"\n"):
        raise ours
    try:
        trailer = parse_json_object(lines[-1], what="trailer")
    except EvidenceRejected:
        raise ours from None
    if "part" not in trailer:
        raise ours
    check_format(trailer.get("format"), known=FORMAT, what=f"the trailer of `{where}`", hint=hint)
    try:
        part = _part(trailer, tuple(lines[:-1]))
    except (LookupError, TypeError, ValueError, Misconfigured):
        raise ours from None
    if len(part.rows) != len(part.inputs) or render_part(part) != data:
        raise ours  # whoever digests what `render_part` makes of it digests the object
    return part


def _part(trailer: Mapping[str, Any], rows: tuple[bytes, ...]) -> Part:
    index, token = trailer["part"], trailer["token"]
    if type(index) is not int or not isinstance(token, str):
        raise TypeError
    return Part(
        index=index,
        job=parse_digest(trailer["job"]),
        rows=rows,
        inputs=tuple(_leaf(said) for said in trailer["inputs"]),
        token=token,
    )


def _leaf(said: Mapping[str, Any]) -> InputLeaf:
    name, sha256 = said["name"], said["sha256"]
    if not isinstance(name, str) or not (sha256 is None or _SHA256.fullmatch(sha256)):
        raise TypeError
    return InputLeaf(name=name, generation=parse_decimal(said["generation"]), sha256=sha256)


def _said_of(leaf: InputLeaf) -> dict[str, str | None]:
    return {"name": leaf.name, "generation": decimal(leaf.generation), "sha256": leaf.sha256}
