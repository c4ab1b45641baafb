"""The owner's half of a job, `terms.toml`: what the image was published to do, and no more.

The terms are a file in the image, so the image's digest measures them: nobody can change one without
becoming another image. Which model, for whom, and how much may leave is spelled out; above all the scale
and the mean that the model expects, which no default could know. `docs/reference/terms.md` is written from
what stands here.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from typing import Any

from attestation.digests import Digest
from attestation.errors import Misconfigured, quoted

from .formats import check_format
from .release_terms import ReleaseTerms, check_release
from .tables import (
    Choice,
    Document,
    Flag,
    Number,
    ObjectName,
    Sha256,
    Text,
    ThreeNumbers,
    Whole,
    key,
    read_table,
    refuse_unknown,
    render_table,
)
from .uris import ObjectUri

FORMAT = 1
DEFAULT_RUNTIME = "tensorflow"
DEFAULT_SIGNATURE = "serving_default"
"""The signature of a SavedModel that savers write where nobody names another."""
LARGEST_BATCH = 1024
"""Most pictures that a model sees at once, whoever asks for it."""

_GIB = 1 << 30
_AS_IT_IS: dict[str, Any] = {"mean": [0.0, 0.0, 0.0], "scale": 1.0}
"""With which a pixel is fed as it is."""
_DOCUMENT = Document(
    what="the terms",
    hint="the terms are part of the image: whoever publishes it corrects `terms.toml` and builds it again",
)
_AUDIENCE = Text(
    "`//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/ID`",
    re.compile(
        r"//iam\.googleapis\.com/projects/[0-9]+/locations/global"
        r"/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+"
    ),
)
_EMAIL = Text("a service account's e-mail address", re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+"))
_SIGNATURE = Text("the name of a signature", re.compile(r"[A-Za-z0-9_.:/-]{1,200}"))
_TENSOR = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
_RELATIVE_FILE = Text(
    "the path of a file within the archive",
    re.compile(r"(?!/)(?!.*(^|/)\.\.?(/|$))[^\x00-\x1f\\]{1,200}(?<!/)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTerms:
    """Which bytes are the model: a tar archive, gzipped or plain, with one model in it."""

    uri: ObjectUri = field(metadata=key(ObjectName(), "where the archive is"))
    sha256: Digest = field(
        metadata=key(
            Sha256(),
            "of the archive, as it is before it is sealed: other bytes are refused before one is parsed",
        )
    )
    generation: int | None = field(
        default=None,
        metadata=key(
            Whole(1, 2**63 - 1),
            "of the object; without it the newest is read, and `sha256` alone notices another model",
        ),
    )
    max_unpacked_bytes: int = field(
        default=2 * _GIB,
        metadata=key(Whole(1, 256 * _GIB), "an archive that unpacks to more is refused", unit="bytes"),
    )
    signature: str = field(
        default=DEFAULT_SIGNATURE,
        metadata=key(
            _SIGNATURE,
            "the function of a SavedModel that is asked; OpenVINO reads `serving_default` alone, and an IR"
            " has no other",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialTerms:
    """Whose question is answered (a workload identity provider), and as whom the model is read."""

    audience: str = field(metadata=key(_AUDIENCE, "the provider whose condition decides"))
    service_account: str = field(metadata=key(_EMAIL, "the owner's account, which may read the model"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTerms:
    """What runs the model, and how exactly."""

    name: str = field(
        default=DEFAULT_RUNTIME,
        metadata=key(
            Choice("tensorflow", "openvino"),
            "the image holds this one alone; both give the same order of classes in `fp32`",
        ),
    )
    precision: str = field(
        metadata=key(
            Choice("fp32", "bf16", "int8"),
            "in less than `fp32` results change; `int8` needs a calibrated OpenVINO IR (`scripts/calibrate`)",
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTerms:
    """How a picture becomes the model's input: `fed = (pixel - mean) * scale`, pixel in 0 to 255."""

    tensor: str = field(metadata=key(Text("the name of the signature's input", _TENSOR), "what is fed"))
    height: int = field(metadata=key(Whole(1, 4096), "of the input", unit="pixels"))
    width: int = field(metadata=key(Whole(1, 4096), "of the input", unit="pixels"))
    method: str = field(
        metadata=key(
            Choice("bilinear", "bicubic", "nearest", "area"),
            "how a picture is resized, as `tf.image.resize` does it: what the model was trained with",
        )
    )
    antialias: bool = field(
        metadata=key(Flag(), "whether resizing looks at all pixels of a picture that is made smaller")
    )
    fit: str = field(
        metadata=key(
            Choice("stretch", "crop"),
            "`stretch` ignores proportions; `crop` keeps the largest centred part that has the input's",
        )
    )
    exif_orientation: str = field(
        metadata=key(Choice("ignore", "apply"), "`apply` turns a JPEG the way its camera was held")
    )
    decode: str = field(
        default="exact",
        metadata=key(
            Choice("exact", "scaled"),
            "`exact` gives every pixel of the picture, as TensorFlow decodes it; `scaled` lets the decoder of"
            " JPEGs leave out what the resized picture hardly shows, which changes results",
        ),
    )
    mean: tuple[float, float, float] = field(
        metadata=key(
            ThreeNumbers(-1e6, 1e6),
            "what the model was trained with: fed otherwise, it answers as readily, and wrongly",
            unit="0 to 255",
        )
    )
    scale: float = field(metadata=key(Number(1e-9, 1e6), "as `mean`", unit="per step of 0 to 255"))
    channels: str = field(
        default="rgb",
        metadata=key(
            Choice("rgb", "bgr"),
            "the order in which the model takes a pixel's three numbers; Caffe's models take `bgr`. `mean` is"
            " red, green, blue either way",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTerms:
    """What the model's answer is: a score a class, and the file of the archive that names classes."""

    tensor: str = field(
        metadata=key(Text("the name of the signature's output", _TENSOR), "the scores, one a class")
    )
    scores: str = field(
        metadata=key(
            Choice("softmax", "as-is"),
            "`softmax` makes probabilities of logits; `as-is` hands on what the model gives",
        )
    )
    labels: str | None = field(
        default=None,
        metadata=key(_RELATIVE_FILE, "one name a class, one a line; without it, results have no `label`"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressTerms:
    """The most that leaves."""

    largest_top_k: int = field(
        metadata=key(Whole(1, 1000), "the operator may ask for fewer (`TOP_K`)", unit="classes a picture")
    )
    score_digits: int = field(
        metadata=key(Whole(0, 9), "scores are rounded to them", unit="digits after the decimal point")
    )
    most_images: int = field(
        metadata=key(Whole(1, 10_000_000), "a folder with more is refused", unit="pictures a job")
    )


def _at_most(most: int, meaning: str, unit: str) -> Any:
    return field(default=None, metadata=key(Whole(1, most), meaning, unit=unit))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTerms:
    """How much is done at once; the machine chooses what is left out (see `workload.settings`).

    `batch_size` are the pictures that the model sees at once, on all cores together: a model that is
    saved for so many has the last word, then the operator, then this, within what the memory holds.
    """

    connections: int | None = _at_most(256, "most reads at once", "reads")
    decoders: int | None = _at_most(1024, "most pictures decoded at once", "pictures")
    batch_size: int | None = _at_most(
        LARGEST_BATCH,
        "most pictures that the model sees at once; the operator's `BATCH_SIZE` goes first",
        "pictures",
    )
    batch_wait_ms: int | None = _at_most(
        60_000, "a decoded picture waits no longer for others to fill its batch", "milliseconds"
    )
    encoded_mib: int | None = _at_most(1 << 20, "most of encoded pictures in memory", "MiB")
    decoding_megapixels: int | None = _at_most(
        1 << 20, "most of the pictures that are decoded at once", "megapixels"
    )
    window: int | None = _at_most(
        10_000_000, "most pictures begun while an earlier one has no row yet", "pictures"
    )
    memory_mib: int | None = _at_most(
        1 << 20, "what the stream is meant to need; without it a quarter of the machine's memory", "MiB"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerTerms:
    """Everything that the owner fixed when publishing the image."""

    model: ModelTerms
    credential: CredentialTerms
    runtime: RuntimeTerms
    input: InputTerms
    output: OutputTerms
    egress: EgressTerms
    release: ReleaseTerms | None = None
    stream: StreamTerms = StreamTerms()


TABLES: dict[str, type] = {
    "model": ModelTerms,
    "credential": CredentialTerms,
    "runtime": RuntimeTerms,
    "input": InputTerms,
    "output": OutputTerms,
    "egress": EgressTerms,
    "release": ReleaseTerms,
    "stream": StreamTerms,
}
"""What `OwnerTerms` consists of, in the order of writing."""
OPTIONAL = ("release",)
"""The tables that terms may lack: what they would say is then not so."""


class ScaleMissing(Misconfigured):
    """The terms do not say how a pixel becomes what the model is fed, and are in order otherwise.

    `mean` and `scale` are as the terms have them, None where they do not; `unscaled` are the terms for
    pixels as they are, which no job may run with. What a guess suggests is in the message and so in
    the log, where the owner looks for it; `error.json` has `told_to_operator` alone.
    """

    code = "scale-missing"
    told_to_operator = "the owner's terms do not say what the model is fed"

    def __init__(
        self, *, mean: tuple[float, float, float] | None, scale: float | None, unscaled: OwnerTerms
    ) -> None:
        absent = [f"`input.{name}`" for name, value in (("mean", mean), ("scale", scale)) if value is None]
        super().__init__(f"the terms do not say {' and '.join(absent)}", hint=_DOCUMENT.hint)
        self.mean, self.scale, self.unscaled = mean, scale, unscaled

    def suggesting(self, found: str) -> ScaleMissing:
        """The same, with what a guess has found."""
        suggesting = ScaleMissing(mean=self.mean, scale=self.scale, unscaled=self.unscaled)
        suggesting.message = f"{self.message}; {found}"
        suggesting.hint = (
            "one photo proves nothing: whoever publishes the image looks up what the model was trained with,"
            " corrects `terms.toml` and builds it again"
        )
        return suggesting


def parse_terms(text: str) -> OwnerTerms:
    """The terms that `text`, the content of `terms.toml`, spells out.

    Raises:
        ScaleMissing: only `input.mean` or `input.scale` is missing, and all else is right.
        Misconfigured: it is not TOML, its format is not known, a key is missing or unknown, or a value is
            out of its range.
    """
    document = _loads(text)
    found = document.pop("format", None)
    check_format(found, known=FORMAT, what=_DOCUMENT.what, hint=_DOCUMENT.hint)
    refuse_unknown(_DOCUMENT, document, ["format", *TABLES])
    fed = document.get("input")
    absent: set[str] = set()
    if isinstance(fed, dict):
        absent = _AS_IT_IS.keys() - fed.keys()
        document["input"] = {**_AS_IT_IS, **fed}
    read: dict[str, Any] = {
        name: read_table(_DOCUMENT, name, document.get(name, {}), table)
        for name, table in TABLES.items()
        if name in document or name not in OPTIONAL
    }
    terms = OwnerTerms(**read)
    if terms.release is not None:
        check_release(terms.release, hint=_DOCUMENT.hint)
    if absent:
        raise ScaleMissing(
            mean=None if "mean" in absent else terms.input.mean,
            scale=None if "scale" in absent else terms.input.scale,
            unscaled=replace(
                terms, input=read_table(_DOCUMENT, "input", {**document["input"], **_AS_IT_IS}, InputTerms)
            ),
        )
    return terms


def render_terms(terms: OwnerTerms, *, commented: bool = False) -> str:
    """The content of `terms.toml`, from which `parse_terms` makes the same terms.

    `commented`: above each key stands what it means, for whoever edits the file.
    """
    tables = (
        render_table(each.name, table, commented=commented)
        for each in fields(OwnerTerms)
        if (table := getattr(terms, each.name)) is not None
    )
    return "\n".join([f"format = {FORMAT}\n", *filter(None, tables)])


def named_runtime(text: str) -> str | None:
    """The runtime that terms name, or leave to the default; None where they are no TOML at all.

    For whoever builds an image with one runtime in it. What else they say is for the workload to judge.
    """
    try:
        runtime = _loads(text).get("runtime", {})
    except Misconfigured:
        return None
    return str(runtime.get("name", DEFAULT_RUNTIME)) if isinstance(runtime, dict) else None


def _loads(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # the latter, and an endless number, are no TOMLDecodeError
        raise Misconfigured(f"the terms are not TOML: {quoted(str(error))}", hint=_DOCUMENT.hint) from None
