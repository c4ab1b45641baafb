"""The owner's half of a job: what the image was published to do, and no more.

The terms are a file in the image (`terms.toml`), so the image's digest measures them: nobody
can change one without becoming another image. Which model, for whom, and how much may leave is
spelled out; above all the scale and the mean that the model expects, which no default could know.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from attestation.digests import Digest
from attestation.errors import Misconfigured, quoted

from .uris import ObjectUri, parse_object_uri

_SHA256 = re.compile(r"[0-9a-f]{64}")
_AUDIENCE = re.compile(
    r"//iam\.googleapis\.com/projects/[0-9]+/locations/global"
    r"/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+"
)
_EMAIL = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+")
_TENSOR = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
_RELATIVE_FILE = re.compile(r"(?!/)(?!.*(^|/)\.\.?(/|$))[^\x00-\x1f\\]{1,200}(?<!/)")
_GIB = 1 << 30

LARGEST_BATCH = 1024
"""Most pictures that a model sees at once, whoever asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTerms:
    """Which bytes are the model: a tar archive, gzipped or plain, with one SavedModel in it."""

    uri: ObjectUri
    sha256: Digest
    generation: int | None
    max_unpacked_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialTerms:
    """Whose question is answered (a workload identity provider), and as whom the model is read."""

    audience: str
    service_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTerms:
    """What runs the model (`tensorflow`, if nothing is said), and how exactly: in less than `fp32`, results
    change."""

    name: str
    precision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTerms:
    """How a picture becomes the model's input: `fed = (pixel - mean) * scale`, pixel in 0 to 255.

    `fit` `stretch` ignores proportions; `crop` keeps the largest centred part that has the
    input's proportions. `exif_orientation` `apply` turns a JPEG the way its camera was held.
    `decode` `exact` gives every pixel of the picture, as TensorFlow decodes it; `scaled` lets the
    JPEG decoder leave out what the resized picture hardly shows, which changes results.
    """

    tensor: str
    height: int
    width: int
    method: str
    antialias: bool
    fit: str
    exif_orientation: str
    decode: str
    mean: tuple[float, float, float]
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTerms:
    """What the model's answer is: a score a class, and the file of the archive that names classes."""

    tensor: str
    scores: str
    labels: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressTerms:
    """The most that leaves: classes an image, digits after the decimal point of a score, images a job."""

    largest_top_k: int
    score_digits: int
    most_images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTerms:
    """How much is done at once; what is None is chosen by the machine (see `workload.settings`).

    `batch_size` are the pictures that the model sees at once, on all cores together: a model that is
    saved for so many has the last word, then the operator, then this, within what the memory holds.
    """

    connections: int | None
    decoders: int | None
    batch_size: int | None
    batch_wait_ms: int | None
    encoded_mib: int | None
    decoding_megapixels: int | None
    window: int | None
    memory_mib: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerTerms:
    """Everything that the owner fixed when publishing the image."""

    model: ModelTerms
    credential: CredentialTerms
    runtime: RuntimeTerms
    input: InputTerms
    output: OutputTerms
    egress: EgressTerms
    stream: StreamTerms


class ScaleMissing(Misconfigured):
    """The terms do not say how a pixel becomes what the model is fed, and are in order otherwise.

    `mean` and `scale` are as the terms have them, None where they do not; `unscaled` are the terms for
    pixels as they are, which no job may run with. What a trial suggests is in the message and so in
    the log, where the owner looks for it; `error.json` has `told_to_operator` alone.
    """

    code = "scale-missing"
    told_to_operator = "the owner's terms do not say what the model is fed"

    def __init__(
        self, *, mean: tuple[float, float, float] | None, scale: float | None, unscaled: OwnerTerms
    ) -> None:
        absent = [f"`input.{key}`" for key, value in (("mean", mean), ("scale", scale)) if value is None]
        super().__init__(f"the terms do not say {' and '.join(absent)}", hint=_HINT)
        self.mean, self.scale, self.unscaled = mean, scale, unscaled

    def suggesting(self, found: str) -> ScaleMissing:
        """The same, with what a trial has found."""
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
        ScaleMissing: nothing is wrong but that `input.mean` or `input.scale` is missing.
        Misconfigured: it is not TOML, a key is missing or unknown, or a value is out of its range.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # the latter, and an endless number, are no TOMLDecodeError
        raise Misconfigured(f"the terms are not TOML: {quoted(str(error))}", hint=_HINT) from None
    _refuse_unknown(document, OwnerTerms, "")
    table = _Table(document, "input", InputTerms)
    mean = table.three_numbers("mean", -1e6, 1e6) if "mean" in table else None
    scale = table.number("scale", 1e-9, 1e6) if "scale" in table else None
    terms = OwnerTerms(
        model=_parse_model(_Table(document, "model", ModelTerms)),
        credential=_parse_credential(_Table(document, "credential", CredentialTerms)),
        runtime=_parse_runtime(_Table(document, "runtime", RuntimeTerms)),
        input=_parse_input(table, mean=mean or (0.0, 0.0, 0.0), scale=scale or 1.0),
        output=_parse_output(_Table(document, "output", OutputTerms)),
        egress=_parse_egress(_Table(document, "egress", EgressTerms)),
        stream=_parse_stream(_Table(document, "stream", StreamTerms)),
    )
    if mean is None or scale is None:
        raise ScaleMissing(mean=mean, scale=scale, unscaled=replace(terms, input=_unscaled(terms.input)))
    return terms


def _parse_model(table: _Table) -> ModelTerms:
    return ModelTerms(
        uri=parse_object_uri(table.text("uri"), where="model.uri"),
        sha256=Digest("sha256:" + table.text("sha256", _SHA256, "64 lower-case hex digits")),
        generation=table.whole("generation", 1, 2**63 - 1) if "generation" in table else None,
        max_unpacked_bytes=(
            table.whole("max_unpacked_bytes", 1, 256 * _GIB) if "max_unpacked_bytes" in table else 2 * _GIB
        ),
    )


def _parse_credential(table: _Table) -> CredentialTerms:
    provider = "//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/ID"
    return CredentialTerms(
        audience=table.text("audience", _AUDIENCE, f"`{provider}`"),
        service_account=table.text("service_account", _EMAIL, "a service account's e-mail address"),
    )


def _parse_runtime(table: _Table) -> RuntimeTerms:
    return RuntimeTerms(
        name=table.choice("name", "tensorflow", "openvino") if "name" in table else "tensorflow",
        precision=table.choice("precision", "fp32", "bf16", "int8"),
    )


def _unscaled(terms: InputTerms) -> InputTerms:
    return replace(terms, mean=(0.0, 0.0, 0.0), scale=1.0)


def _parse_input(table: _Table, *, mean: tuple[float, float, float], scale: float) -> InputTerms:
    return InputTerms(
        tensor=table.text("tensor", _TENSOR, "the name of the signature's input"),
        height=table.whole("height", 1, 4096),
        width=table.whole("width", 1, 4096),
        method=table.choice("method", "bilinear", "bicubic", "nearest", "area"),
        antialias=table.flag("antialias"),
        fit=table.choice("fit", "stretch", "crop"),
        exif_orientation=table.choice("exif_orientation", "ignore", "apply"),
        decode=table.choice("decode", "exact", "scaled") if "decode" in table else "exact",
        mean=mean,
        scale=scale,
    )


def _parse_output(table: _Table) -> OutputTerms:
    file = "the path of a file within the archive"
    return OutputTerms(
        tensor=table.text("tensor", _TENSOR, "the name of the signature's output"),
        scores=table.choice("scores", "softmax", "as-is"),
        labels=table.text("labels", _RELATIVE_FILE, file) if "labels" in table else None,
    )


def _parse_egress(table: _Table) -> EgressTerms:
    return EgressTerms(
        largest_top_k=table.whole("largest_top_k", 1, 1000),
        score_digits=table.whole("score_digits", 0, 9),
        most_images=table.whole("most_images", 1, 10_000_000),
    )


def _parse_stream(table: _Table) -> StreamTerms:
    def at_most(key: str, most: int) -> int | None:
        return table.whole(key, 1, most) if key in table else None

    return StreamTerms(
        connections=at_most("connections", 256),
        decoders=at_most("decoders", 1024),
        batch_size=at_most("batch_size", LARGEST_BATCH),
        batch_wait_ms=at_most("batch_wait_ms", 60_000),
        encoded_mib=at_most("encoded_mib", 1 << 20),
        decoding_megapixels=at_most("decoding_megapixels", 1 << 20),
        window=at_most("window", 10_000_000),
        memory_mib=at_most("memory_mib", 1 << 20),
    )


_HINT = "the terms are part of the image: whoever publishes it corrects `terms.toml` and builds it again"


def _refuse_unknown(values: Mapping[str, Any], kind: type, where: str) -> None:
    known = [field.name for field in fields(kind)]
    for key in values:
        if key not in known:
            raise Misconfigured(
                f"the terms have an unknown key {quoted(where + key)}", hint=f"known are: {', '.join(known)}"
            )


class _Table:
    """One table of the terms; its keys are the fields of `kind`."""

    def __init__(self, document: Mapping[str, Any], name: str, kind: type) -> None:
        values = document.get(name, {})
        if not isinstance(values, dict):
            raise Misconfigured(f"`{name}` in the terms is no table", hint=f"write `[{name}]`")
        _refuse_unknown(values, kind, f"{name}.")
        self._name = name
        self._values: dict[str, Any] = values

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str, pattern: re.Pattern[str] | None = None, expected: str = "text") -> str:
        value = self._take(key)
        if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
            raise self._wrong(key, expected)
        return value

    def choice(self, key: str, *choices: str) -> str:
        value = self._take(key)
        if value not in choices:
            raise self._wrong(key, " or ".join(f"`{choice}`" for choice in choices))
        return str(value)

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "`true` or `false`")
        return value

    def whole(self, key: str, low: int, high: int) -> int:
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong(key, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        value = self._take(key)
        if not _is_number(value, low, high):
            raise self._wrong(key, f"a number from {low:g} to {high:g}")
        return float(value)

    def three_numbers(self, key: str, low: float, high: float) -> tuple[float, float, float]:
        value = self._take(key)
        if not isinstance(value, list) or len(value) != 3 or not all(_is_number(x, low, high) for x in value):
            raise self._wrong(key, f"three numbers from {low:g} to {high:g}: red, green, blue")
        red, green, blue = map(float, value)
        return red, green, blue

    def _take(self, key: str) -> Any:  # what TOML holds; each reader above checks it
        if key not in self._values:
            raise Misconfigured(f"the terms do not say `{self._name}.{key}`", hint=_HINT)
        return self._values[key]

    def _wrong(self, key: str, expected: str) -> Misconfigured:
        value = quoted(str(self._values[key]))
        return Misconfigured(f"`{self._name}.{key}` in the terms is {value}, not {expected}", hint=_HINT)


def _is_number(value: object, low: float, high: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and low <= value <= high
