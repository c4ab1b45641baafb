"""What Google says of its own APIs: the discovery documents that google-api-python-client carries.

Which methods there are, by which verb at which path, with which parameters, and of which types the answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

STANDARD_PARAMETERS = frozenset({"$alt", "$prettyPrint", "alt", "fields", "key", "prettyPrint", "quotaUser"})
"""Those that every method of every API takes."""
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "any": (object,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One call, e.g. `objects.get`."""

    name: str
    verb: str
    paths: tuple[str, ...]
    """Absolute, with `{…}` for parameters; a method that takes media has several."""
    flat: str
    """The first of them with one name a segment, where `paths` may have `{+name}` for many."""
    required: frozenset[str]
    optional: frozenset[str]
    answer: str
    """The name of its schema; `""` where there is none."""
    request: str = ""
    """The name of its body's schema; `""` where it takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One version of a service's API."""

    revision: str
    methods: Mapping[str, Method]
    schemas: Mapping[str, Any] = field(repr=False)

    def check_answer(self, method: str, answer: object) -> list[str]:
        """What of the answer has another type than the document says, or is not in it at all."""
        return list(self._faults({"$ref": self.methods[method].answer}, answer, "answer"))

    def method_of(self, verb: str, path: str) -> Method | None:
        """The method that a request with this verb at this path asks for."""
        for method in self.methods.values():
            patterns = [re.sub(r"\\\{[^}]*\}", "[^/:]+", re.escape(method.flat))]
            if method.verb == verb and any(re.fullmatch(each, path) for each in patterns):
                return method
        return None

    def check_request(self, method: Method, parameters: Mapping[str, object], body: object) -> list[str]:
        """What of the request the document does not have: a parameter, a field, a type; or what it lacks."""
        known = method.required | method.optional | STANDARD_PARAMETERS
        in_path = frozenset(re.findall(r"\{\+?(\w+)\}", method.paths[0]))
        faults = [f"parameter {name} is not in the document" for name in parameters if name not in known]
        faults += [
            f"parameter {name} is missing" for name in method.required - in_path if name not in parameters
        ]
        if body is not None and not method.request:
            faults.append("there is a body, and the method takes none")
        elif body is not None:
            faults += self._faults({"$ref": method.request}, body, "body")
        return faults

    def _faults(self, schema: Mapping[str, Any], value: object, where: str) -> Iterator[str]:
        schema = self.schemas[schema["$ref"]] if "$ref" in schema else schema
        kind = schema.get("type", "any")
        if not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
            yield f"{where} is no {kind}"
            return
        if isinstance(value, str) and schema.get("format") in ("int64", "uint64") and not value.isdigit():
            yield f"{where} is no whole number in a string"
        if isinstance(value, list):
            for position, each in enumerate(value):
                yield from self._faults(schema.get("items", {}), each, f"{where}[{position}]")
        if isinstance(value, dict) and kind == "object":
            for key, each in value.items():
                below = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
                if below is None:
                    yield f"{where}.{key} is not in the document"
                else:
                    yield from self._faults(below, each, f"{where}.{key}")


def read_api(service: str, version: str) -> Api:
    """The API's document, as the library brings it."""
    folder = files("googleapiclient") / "discovery_cache" / "documents"
    document = json.loads((folder / f"{service}.{version}.json").read_text(encoding="utf-8"))
    methods = {each.name: each for each in _methods(document, "/" + document["servicePath"], "")}
    return Api(revision=document["revision"], methods=methods, schemas=document["schemas"])


def _methods(resource: Mapping[str, Any], base: str, prefix: str) -> Iterator[Method]:
    for name, each in resource.get("methods", {}).items():
        parameters = each.get("parameters", {})
        required = frozenset(key for key, value in parameters.items() if value.get("required"))
        media = each.get("mediaUpload", {}).get("protocols", {})
        yield Method(
            name=prefix + name,
            verb=each["httpMethod"],
            paths=(base + each["path"], *(protocol["path"] for protocol in media.values())),
            required=required,
            optional=frozenset(parameters) - required,
            answer=each.get("response", {}).get("$ref", ""),
            request=each.get("request", {}).get("$ref", ""),
            flat=base + each.get("flatPath", each["path"]),
        )
    for name, each in resource.get("resources", {}).items():
        yield from _methods(each, base, f"{prefix}{name}.")


_VERSIONS = {
    "artifactregistry": "v1",
    "cloudkms": "v1",
    "cloudresourcemanager": "v3",
    "compute": "v1",
    "iam": "v1",
    "iamcredentials": "v1",
    "serviceusage": "v1",
    "storage": "v1",
}


@cache
def api_of(service: str) -> Api:
    """The document of the version that our commands call."""
    return read_api(service, _VERSIONS[service])


def faults_of(request: requests.PreparedRequest) -> list[str]:
    """What Google's document does not have of the request."""
    parts = urlsplit(str(request.url))
    api = api_of(parts.netloc.partition(".")[0])
    method = api.method_of(str(request.method), parts.path)
    if method is None:
        return [f"no method is {request.method} {parts.path}"]
    parameters = parse_qs(parts.query, keep_blank_values=True)
    return api.check_request(method, parameters, json.loads(request.body) if request.body else None)
