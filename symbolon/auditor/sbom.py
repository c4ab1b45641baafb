"""What an image holds, as an SPDX document: packages, versions, and the licences that are known.

Source: spdx.github.io/spdx-spec/v2.3; github.com/package-url/purl-spec.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from attestation.errors import Misconfigured
from deploy.installed import Package

if TYPE_CHECKING:
    from spdx_tools.spdx.model.package import Package as SpdxPackage

_IMAGE: Final = "SPDXRef-image"
_NOT_IN_AN_ID: Final = re.compile(r"[^A-Za-z0-9.-]+")


def check_sbom_can_be_written() -> None:
    """The library for it is installed.

    Raises:
        Misconfigured: it is not.
    """
    try:
        import spdx_tools.spdx.model  # noqa: F401
    except ImportError:
        raise Misconfigured(
            "an SBOM needs the library spdx-tools, which is not installed",
            hint="scripts/environment sbom installs it; or leave out --sbom",
        ) from None


def render_sbom(digest: str, packages: Sequence[Package], *, made_at: datetime) -> str:
    """The SPDX document of the image with this digest: the same input and time give the same bytes.

    A licence that is not known, or is no expression of SPDX, is `NOASSERTION`.
    """
    from spdx_tools.spdx.model.actor import Actor, ActorType
    from spdx_tools.spdx.model.document import CreationInfo, Document
    from spdx_tools.spdx.model.package import Package as SpdxPackage
    from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
    from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
    from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

    name = f"image-{digest.replace(':', '-')}"
    image = SpdxPackage(
        spdx_id=_IMAGE,
        name="image",
        version=digest,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
    )
    held = [_package(number, each) for number, each in enumerate(packages, start=1)]
    document = Document(
        creation_info=CreationInfo(
            spdx_version="SPDX-2.3",
            spdx_id="SPDXRef-DOCUMENT",
            name=name,
            document_namespace=f"https://spdx.org/spdxdocs/{name}",
            creators=[Actor(ActorType.TOOL, "symbolon")],
            created=made_at.astimezone(UTC).replace(microsecond=0, tzinfo=None),
        ),
        packages=[image, *held],
        relationships=[
            Relationship("SPDXRef-DOCUMENT", RelationshipType.DESCRIBES, _IMAGE),
            *(Relationship(_IMAGE, RelationshipType.CONTAINS, each.spdx_id) for each in held),
        ],
    )
    stream = io.StringIO()
    write_document_to_stream(document, stream, validate=True)
    return stream.getvalue() + "\n"


def _package(number: int, package: Package) -> SpdxPackage:
    from license_expression import ExpressionError, get_spdx_licensing
    from spdx_tools.spdx.model.package import ExternalPackageRef, ExternalPackageRefCategory
    from spdx_tools.spdx.model.package import Package as SpdxPackage
    from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion

    licence = None
    if package.licence:
        try:
            licence = get_spdx_licensing().parse(package.licence, validate=True)
        except ExpressionError:
            licence = None
    namespace = "debian/" if package.kind == "deb" else ""
    name = package.name.lower().replace("_", "-") if package.kind == "pypi" else package.name
    locator = f"pkg:{package.kind}/{namespace}{quote(name, safe='')}@{quote(package.version, safe='')}"
    return SpdxPackage(
        spdx_id=f"SPDXRef-{number}-{_NOT_IN_AN_ID.sub('-', package.name)}",
        name=package.name,
        version=package.version,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        license_declared=SpdxNoAssertion() if licence is None else licence,
        license_concluded=SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
        external_references=[ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", locator)],
    )
