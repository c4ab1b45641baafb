"""Two types from two parties, and the one function where they meet.

The owner's terms are part of the image; the operator's request is five environment variables,
exactly those that the image's label `allow_env_override` lists (`contract.operator_names`).
Whatever the operator could ask for is in `OperatorRequest`; whatever bounds it is in `OwnerTerms`;
`agree` compares the two before anything is fetched. An environment has no format version: the names
that it may have are part of the image, whose digest fixes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from attestation.errors import Misconfigured, quoted

from .terms import LARGEST_BATCH, OwnerTerms
from .uris import FolderUri, parse_folder_uri

_LARGEST_NUMBER = 999_999_999
_LICENCE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRequest:
    """What the operator asks for: pictures in, results out, how many classes a picture, how many at once.

    `top_k` None asks for as many classes as the owner allows, `batch_size` None for what
    the terms say, or is fast. `licence` names what the owner sold, where a broker asks for it.
    """

    input: FolderUri
    result: FolderUri
    top_k: int | None
    batch_size: int | None
    licence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Terms and request that fit together.

    `batch_size` is the operator's, who knows the machine; or the owner's; None for what is fast.
    `licence` is there where the terms name a broker, and only there. It is not part of what makes a job the
    same job: whoever renews theirs goes on.
    """

    terms: OwnerTerms
    input: FolderUri
    result: FolderUri
    top_k: int
    batch_size: int | None
    licence: str | None = None


class ResultRefused(Misconfigured):
    """Nothing may be written to RESULT_URI, not even why."""


def parse_request(environment: Mapping[str, str]) -> OperatorRequest:
    """The operator's request, from `INPUT_URI`, `RESULT_URI`, `TOP_K`, `BATCH_SIZE` and `LICENCE`.

    Raises:
        Misconfigured: a URI is missing or malformed, a number is not one from 1 up, or the licence's name
            is none.
    """
    return OperatorRequest(
        input=_folder(environment, "INPUT_URI"),
        result=_folder(environment, "RESULT_URI"),
        top_k=_positive(environment, "TOP_K", _LARGEST_NUMBER),
        batch_size=_positive(environment, "BATCH_SIZE", LARGEST_BATCH),
        licence=_licence(environment),
    )


def agree(terms: OwnerTerms, request: OperatorRequest) -> Job:
    """The job that the owner's terms allow and the operator's request asks for.

    Raises:
        ResultRefused: RESULT_URI is in the owner's bucket, or in INPUT_URI or around it.
        Misconfigured: INPUT_URI is in the owner's bucket, or the request asks for more than the terms allow,
            or names no licence where the terms name a broker, or one where they do not.
    """
    _check_folders(terms, request)
    _check_licence(terms, request)
    largest = terms.egress.largest_top_k
    if request.top_k is not None and request.top_k > largest:
        raise Misconfigured(
            f"TOP_K `{request.top_k}` is more than the owner's terms allow",
            hint=f"ask for at most {largest}: set `tee-env-TOP_K={largest}`",
        )
    return Job(
        terms=terms,
        input=request.input,
        result=request.result,
        top_k=request.top_k or largest,
        batch_size=request.batch_size or terms.stream.batch_size,
        licence=request.licence,
    )


def _check_licence(terms: OwnerTerms, request: OperatorRequest) -> None:
    broker = None if terms.release is None else terms.release.broker
    if broker is not None and request.licence is None:
        raise Misconfigured(
            f"LICENCE is not set, and the owner's broker `{broker}` releases the model under one alone",
            hint="set `tee-env-LICENCE` to the name of the licence that the owner issued: 32 hex digits",
        )
    if broker is None and request.licence is not None:
        raise Misconfigured(
            "LICENCE is set, and the owner's terms name no broker that would ask for one",
            hint="leave `tee-env-LICENCE` out, or launch the image that the licence was issued for",
        )


def _check_folders(terms: OwnerTerms, request: OperatorRequest) -> None:
    """What is read, what is written and what is the owner's are apart."""
    input, result, owners = request.input, request.result, terms.model.uri.bucket
    if result.bucket == owners:
        raise ResultRefused(
            f"RESULT_URI `{result}` is in the owner's bucket",
            hint="set `tee-env-RESULT_URI` to a folder of a bucket of your own",
        )
    if input.bucket == owners:
        raise Misconfigured(
            f"INPUT_URI `{input}` is in the owner's bucket",
            hint="set `tee-env-INPUT_URI` to a folder of a bucket of your own",
        )
    if input.bucket == result.bucket and (
        input.prefix.startswith(result.prefix) or result.prefix.startswith(input.prefix)
    ):
        raise ResultRefused(
            f"RESULT_URI `{result}` and INPUT_URI `{input}` are one folder, or one is in the other",
            hint="give results a folder beside that of the pictures, or a bucket of their own",
        )


def _folder(environment: Mapping[str, str], name: str) -> FolderUri:
    text = environment.get(name, "")
    if not text:
        raise Misconfigured(f"{name} is not set", hint=f"set `tee-env-{name}=gs://bucket/folder`")
    return parse_folder_uri(text, where=name)


def _licence(environment: Mapping[str, str]) -> str | None:
    text = environment.get("LICENCE")
    if text is None:
        return None
    if not _LICENCE.fullmatch(text):
        raise Misconfigured(
            f"LICENCE {quoted(text)} is not the name of a licence: 32 lower-case hex digits",
            hint="set `tee-env-LICENCE`; `symbolon owner licence show` prints it",
        )
    return text


def _positive(environment: Mapping[str, str], name: str, largest: int) -> int | None:
    text = environment.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text) or int(text) > largest:
        raise Misconfigured(
            f"{name} {quoted(text)} is not a whole number from 1 to {largest}", hint=f"set `tee-env-{name}`"
        )
    return int(text)
