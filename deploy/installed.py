"""What is installed in an image beside our own files, by what its packages say of themselves.

A licence is known where the package names it without doubt: by an expression of SPDX, or by one classifier or
one phrase that means one licence. Everything else is not known, and is said to be.

Source: packaging.python.org, "Core metadata specifications" (License-Expression, Classifier);
Debian Policy, "Control files", and dpkg's `status`.
"""

from __future__ import annotations

import email.parser
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .image_contents import ImageContents
from .layers import Member, Store

METADATA: Final = re.compile(r".*\.(?:dist|egg)-info/(?:METADATA|PKG-INFO)")
DPKG_STATUS: Final = re.compile(r"var/lib/dpkg/status(?:\.d/[^/]+)?")
_LARGEST: Final = 32 << 20
_EXPRESSION: Final = re.compile(r"[A-Za-z0-9.+() -]{1,200}")
_CLASSIFIERS: Final = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Those of PyPI's classifiers that mean one licence; `BSD License`, for one, means several."""
_PHRASES: Final = {
    "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "mit": "MIT",
    "mit license": "MIT",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "isc": "ISC",
    "mpl-2.0": "MPL-2.0",
    "psf-2.0": "PSF-2.0",
    "hpnd": "HPND",
    "mit-cmu": "MIT-CMU",
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Package:
    """A package, its version, and its licence as an expression of SPDX; "" where that is not known.

    `kind` is `pypi` or `deb`.
    """

    kind: str
    name: str
    version: str
    licence: str = ""


def tells_of_packages(path: str) -> bool:
    """Whether the file at this path says which packages there are."""
    return bool(METADATA.fullmatch(path) or DPKG_STATUS.fullmatch(path))


def installed(image: ImageContents, store: Store) -> tuple[Package, ...]:
    """The packages of the image, in order; the `store` has the files that tell of them."""
    found: set[Package] = set()
    for path, member in image.files.items():
        if METADATA.fullmatch(path):
            found |= set(_of_python(_text(member, store)))
        elif DPKG_STATUS.fullmatch(path):
            found |= set(_of_debian(_text(member, store)))
    return tuple(sorted(found))


def _text(member: Member, store: Store) -> str:
    content = store.read(member.sha256) if member.kind == "file" and member.size <= _LARGEST else None
    return (content or b"").decode(errors="replace")


def _of_python(text: str) -> Iterator[Package]:
    message = email.parser.HeaderParser(policy=email.policy.compat32).parsestr(text)
    name, version = message.get("Name"), message.get("Version")
    if name and version:
        licence = _licence(
            str(message.get("License-Expression") or ""),
            [str(each) for each in message.get_all("Classifier") or []],
            str(message.get("License") or ""),
        )
        yield Package(kind="pypi", name=_line(name), version=_line(version), licence=licence)


def _of_debian(text: str) -> Iterator[Package]:
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", paragraph, re.MULTILINE))
        status = fields.get("Status", "install ok installed")
        if "Package" in fields and "Version" in fields and status.endswith(" installed"):
            yield Package(kind="deb", name=_line(fields["Package"]), version=_line(fields["Version"]))


def _line(text: object) -> str:
    return " ".join(str(text).split())[:200]


def _licence(expression: str, classifiers: list[str], phrase: str) -> str:
    if _EXPRESSION.fullmatch(expression.strip()):
        return expression.strip()
    named = {
        each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: OSI Approved ::")
    }
    if len(named) == 1 and (known := _CLASSIFIERS.get(next(iter(named)))):
        return known
    return _PHRASES.get(" ".join(phrase.lower().split()), "") if len(named) <= 1 else ""
