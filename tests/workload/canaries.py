"""Canaries: a model with marked bytes, names and labels, a marked key that seals it, an environment with
marked secrets, and where none of them may be seen.

`leaks` looks for each mark, for bearer tokens, for attestation tokens and for absolute paths, as they are and
as base64, hexadecimal digits, `\\u` escapes and percent escapes.

Labels are allowed in the rows of parts and in `result`: the owner's terms give them out. Attestation tokens
are allowed where a part, `job.json` or the receipt proves itself by one, made for that very audience.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from tests.workload.samples import archive

PADDING_BYTES = 200_000
"""So large is the model, in the archive and unpacked."""
MARK = "cAnArY"
BYTES = f"{MARK}-in-the-weights-0123456789abcdef.."  # a multiple of four bytes: they are numbers
LAYER = f"{MARK}_of_a_layer"
FILE = f"{MARK}.in-the-archive"
LABELS = tuple(f"{MARK} label {name}" for name in ("red", "green", "blue", "black"))
PICTURE = f"{MARK} in a picture's comment"
PASSWORD = f"{MARK}-of-the-proxy"
VARIABLE = f"{MARK}-in-a-variable"
KEY = f"{MARK}-in-the-key-of-the-model.."  # 32 bytes: it seals one
SECRETS = (BYTES, LAYER, FILE, KEY, PICTURE, PASSWORD, VARIABLE)

_BEARER = re.compile(r"ya29\.[\w.-]{20,}")
_JWT = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")
_PATH = re.compile(
    r"(?<![\w/:.%-])/(?:app|dev|etc|home|lib|opt|proc|root|run|sys|tmp|usr|var|work|workspace)/[\w.-]+"
)
_AUDIENCES = ("symbolon:part:v1", "symbolon:receipt:v1")


def marked_model(folder: Path) -> bytes:
    """The mean red, green and blue of `images`, and one half, as an OpenVINO IR, packed with its labels."""
    import openvino as ov
    from openvino import opset13 as ops

    pictures = ops.parameter([-1, 8, 8, 3], np.float32, name="images")
    pictures.output(0).set_names({"images"})
    means = ops.reduce_mean(pictures, np.array([1, 2]), keep_dims=False)
    marks = ops.constant(np.frombuffer(BYTES.encode(), np.float32).copy(), np.float32, name=LAYER)
    nothing = ops.multiply(ops.reduce_max(marks, np.array([0]), keep_dims=True), _number(0.0))
    half = ops.add(nothing, _number(0.5))
    first = ops.slice(means, np.array([0]), np.array([1]), np.array([1]), np.array([1]))
    halves = ops.add(ops.multiply(first, _number(0.0)), half)
    logits = ops.concat([means, halves], 1)
    logits.output(0).set_names({"logits"})
    ov.save_model(ov.Model([logits], [pictures], LAYER), folder / "model.xml", compress_to_fp16=False)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert BYTES.encode() in files["model.bin"]
    assert LAYER.encode() in files["model.xml"]
    padding = np.random.default_rng(0).bytes(PADDING_BYTES)
    return archive({**files, FILE: padding, "labels.txt": "\n".join(LABELS).encode()})


def marked_environment(proxy: str) -> dict[str, str]:
    """What whoever launches the program could have put there: a proxy that takes a password, names that the
    program, Python or one of Google's libraries might know, and one that nobody does.
    """
    address = urlsplit(proxy)
    with_password = f"{address.scheme}://secundus:{PASSWORD}@{address.netloc}"
    return {
        **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), with_password),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), f"{VARIABLE}.internal"),
        **dict.fromkeys(("SECRET", "GOOGLE_CLOUD_PROJECT", "GOOGLE_API_KEY", "CLOUDSDK_CONFIG"), VARIABLE),
        "GOOGLE_APPLICATION_CREDENTIALS": f"/secrets/{VARIABLE}.json",
        "STORAGE_EMULATOR_HOST": f"http://{VARIABLE}:1",
        "API_ENDPOINT_OVERRIDE": f"http://{VARIABLE}:1",
        "PYTHONPYCACHEPREFIX": f"/{VARIABLE}",
    }


MAY_KEEP = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
"""Of these the program has need; of no other."""


def _number(value: float) -> Any:
    return np.array([value], np.float32)


def leaks(found: Mapping[str, str], *, paths: Iterable[str] = ()) -> list[str]:
    """What of the marks, tokens and paths is in `found`, a text by its name; `paths` are this run's own."""
    said = []
    for name, text in found.items():
        shown = _without_what_is_allowed(name, text)
        for secret in (*SECRETS, *LABELS):
            said += [f"{name} has {secret!r}{how}" for how, form in _forms(secret) if form in shown]
        said += [f"{name} has a bearer token" for _ in _BEARER.findall(shown)]
        said += [f"{name} has an attestation token" for _ in _JWT.findall(shown)]
        if name not in PROCESS:
            said += [f"{name} has the path {path}" for path in _PATH.findall(shown)]
            said += [f"{name} has the path {path}" for path in paths if path in shown]
    return said


PROCESS = ("arguments", "environment", "environment at its end")
"""Of these the paths are the launcher's own."""


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    data = secret.encode()
    yield "", secret
    yield " as hexadecimal digits", data.hex()
    yield " as hexadecimal digits", data.hex().upper()
    yield " as percent escapes", quote(secret, safe="")
    yield " as escapes", "".join(f"\\u{ord(letter):04x}" for letter in secret)
    yield " as escapes", "".join(f"\\x{byte:02x}" for byte in data)
    for shift in range(3):
        # Whatever stands before it, all but the first and the last few letters are these.
        encoded = base64.b64encode(bytes(shift) + data).decode()[4 if shift else 0 : -4]
        yield " in base64", encoded
        yield " in base64", encoded.replace("+", "-").replace("/", "_")


def _without_what_is_allowed(name: str, text: str) -> str:
    """The text without the tokens by which it proves itself, and, of results, without labels."""
    for token in set(_JWT.findall(text)):
        if name in ("job.json", "receipt.json") or name.startswith("result-"):
            payload = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            if claims["aud"] in _AUDIENCES:
                text = text.replace(token, "")
    if name == "receipt.json":
        envelope = json.loads(text)
        signature = base64.b64decode(envelope["signatures"][0]["sig"]).decode()
        claims = json.loads(base64.urlsafe_b64decode(signature.split(".")[1] + "=="))
        assert claims["aud"] == "symbolon:receipt:v1"
        text = json.dumps(json.loads(base64.b64decode(envelope["payload"]))) + json.dumps(
            {**envelope, "signatures": []}
        )
    if name == "result" or name.startswith("result-"):
        for label in LABELS:
            text = text.replace(label, "")
    return text
