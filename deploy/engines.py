"""The container engines that can build the image: buildah, podman, or docker's buildx.

Each gets the same context and the same arguments, and leaves an OCI layout. The digest is that layout's,
whose layers are compressed as a registry has them: what an engine says of its own store is of other bytes.
Two engines do not write the same bytes, nor do two versions of one: `Built.tool` is to be published beside
the digest.

Source: containers/buildah, docs/buildah-build.1.md and buildah-push.1.md; docs.docker.com, "OCI and Docker
exporters".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from attestation.digests import Digest, parse_digest
from attestation.errors import Misconfigured, Unavailable, quoted

from .image import DOCKERFILE, SOURCE_DATE_EPOCH
from .layout import Layout, read_layout

ENGINES = ("buildah", "podman", "docker")
"""In the order in which they are looked for: the first two need no daemon."""

_BASE = re.compile(
    r"(?P<name>oci:[^@]{1,4000}|[a-z0-9][a-zA-Z0-9./:_-]{0,254})@(?P<digest>sha256:[0-9a-f]{64})"
)
_DOCKERS_DAEMON = ("docker", "version", "--format", "{{.Server.Version}}")
_BUILDKIT = re.compile(r"buildkit(?: version)?: *v?((?!0\.0\.0)[0-9]\S*)", re.IGNORECASE)
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_LAST_WORDS = 3
_KEPT_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The image that ours is built on: a name that is decoration, and the digest that decides."""

    name: str
    digest: Digest

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"


def parse_base(text: str) -> Base:
    """`text` names an image by its digest.

    >>> parse_base("docker.io/library/python:3.11-slim@sha256:" + "0" * 64).name
    'docker.io/library/python:3.11-slim'

    Raises:
        Misconfigured: it does not, as a tag alone does not.
    """
    found = _BASE.fullmatch(text)
    if found is None:
        raise Misconfigured(
            f"the base {quoted(text)} is not named by its digest",
            hint="a tag alone can move: write NAME@sha256:…; `skopeo inspect --format '{{.Digest}}' "
            "docker://NAME` says today's",
        )
    return Base(name=found["name"], digest=parse_digest(found["digest"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A container engine of this machine; `tool` is its name and version, `buildah 1.28.2`."""

    name: str
    tool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An image in an OCI layout, and what wrote it."""

    layout: Layout
    tool: str


def find_engine(name: str | None = None) -> Engine:
    """The engine of that name, or the first that is installed.

    Raises:
        Misconfigured: it is not installed, or none is.
    """
    why = "is not installed"
    for each in ENGINES if name is None else (name,):
        if shutil.which(each) is None:
            continue
        if each != "docker":
            return Engine(name=each, tool=_named(each, [each, "--version"]))
        if not _answers(["docker", "buildx", "version"]):
            why = "is installed without its buildx"
        elif not _answers(_DOCKERS_DAEMON):
            why = "is installed, and its daemon does not answer"
        else:
            return Engine(name=each, tool=_dockers_parts())
    raise Misconfigured(
        f"`{name}` {why}" if name else "none of buildah, podman and docker's buildx is installed",
        hint="install buildah, which needs no daemon; or --append, on a base that carries the requirements",
    )


def build(
    engine: Engine,
    context: Path,
    *,
    base: Base,
    runtime: str,
    layout: Path,
    without: Collection[str] = (),
    on_line: Callable[[str], None] = lambda line: None,
) -> Built:
    """The folder `layout` holds the image that the engine makes of the Dockerfile in `context`.

    `without`: variables that the engine does not get, which would hand them on to what runs in the build.
    `on_line` hears each line that the engine says. Nothing of ours stays in the engine's store.

    Raises:
        Misconfigured: the engine did not build it, with its last words.
        Unavailable: the base or a wheel could not be fetched.
    """
    arguments = ["--file", str(context / DOCKERFILE), "--platform", "linux/amd64", "--no-cache"]
    for argument in (f"BASE={base.name}", f"BASE_DIGEST={base.digest}", f"RUNTIME={runtime}"):
        arguments += ["--build-arg", argument]
    environment = {name: value for name, value in os.environ.items() if name not in without}
    environment |= {"NO_COLOR": "1", "BUILDKIT_PROGRESS": "plain"}

    def run(*command: str) -> None:
        _run(command, environment, on_line)

    if engine.name == "docker":
        run(
            *("docker", "buildx", "build", *arguments, "--provenance=false", "--sbom=false"),
            *("--build-arg", f"SOURCE_DATE_EPOCH={SOURCE_DATE_EPOCH}"),
            *("--output", f"type=oci,dest={layout},tar=false,rewrite-timestamp=true", str(context)),
        )
        return Built(layout=read_layout(layout), tool=engine.tool)
    image = f"localhost/symbolon-{uuid.uuid4().hex}"
    try:
        run(
            *(engine.name, "build", *arguments, "--timestamp", str(SOURCE_DATE_EPOCH), "--format", "oci"),
            *("--layers=false", "--pull=missing", "--tag", image, str(context)),
        )
        run(engine.name, "push", "--format", "oci", image, f"oci:{layout}")
    finally:
        subprocess.run([engine.name, "rmi", "--force", image], capture_output=True, check=False)
    return Built(layout=read_layout(layout), tool=engine.tool)


def _run(command: Sequence[str], environment: Mapping[str, str], on_line: Callable[[str], None]) -> None:
    """The command ended well; what it says goes to `on_line`, and its last words into the error."""
    kept: list[str] = []
    with (
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        ) as process,
        ExitStack() as interrupted,
    ):
        interrupted.callback(process.terminate)
        for line in process.stdout or ():
            if said := line.strip():
                kept = [*kept[1 - _KEPT_LINES :], said]
                on_line(said)
        interrupted.pop_all()
    if process.returncode != 0:
        raise _failed(command[0], kept)


_UNREACHABLE = re.compile(
    r"timed? ?out|no such host|connection (?:refused|reset)|temporary failure|TLS handshake"
    r"|CERTIFICATE_VERIFY_FAILED|Could not fetch URL|toomanyrequests",
    re.IGNORECASE,
)


def _failed(engine: str, said: Sequence[str]) -> Misconfigured | Unavailable:
    """What the engine said of its failure, as one of our errors."""
    words = [line for line in said if re.search(r"error|fail|refused|denied|not found", line, re.IGNORECASE)]
    last = quoted("; ".join((words or list(said))[-_LAST_WORDS:]) or "nothing")
    if any(re.search("certificate.verify.failed|unknown authority", line, re.IGNORECASE) for line in said):
        return Unavailable(
            f"`{engine}` could not fetch the requirements: the network presents certificates of its own",
            hint="name them with --pip-config and --ca, as `symbolon owner publish --help` shows",
        )
    if any("OCI exporter is not supported" in line for line in said):
        return Misconfigured(
            "docker's builder cannot write an OCI layout while images lie in docker's own store",
            hint="`docker buildx create --use` makes a builder that can; or turn on docker's containerd image"
            " store; or build with --engine buildah",
        )
    if any(_UNREACHABLE.search(line) for line in said):
        return Unavailable(
            f"`{engine}` could not fetch what the image needs: {last}", hint="look at the network"
        )
    return Misconfigured(
        f"`{engine}` did not build the image: {last}",
        hint="run it by hand to see all of it: deploy/README.md has the lines",
    )


def _dockers_parts() -> str:
    """What has a share in the bytes: the daemon, the plugin that asks, and the BuildKit that writes.

    Docker's own builder is the daemon's, which need not say a version of it.
    """
    daemon, plugin = _named("docker", _DOCKERS_DAEMON), _named("buildx", ("docker", "buildx", "version"))
    kit = _BUILDKIT.search(_said(("docker", "buildx", "inspect")))
    return f"{daemon} with {plugin}{f' and BuildKit {kit[1]}' if kit else ''}"


def _named(name: str, command: Sequence[str]) -> str:
    """The program with the version that the command says."""
    version = _VERSION.search(_said(command))
    return f"{name} {version[0] if version else 'of an unknown version'}"


def _answers(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _said(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout
