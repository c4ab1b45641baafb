"""How a container engine is found, asked and heard; `tests/journeys/test_real_image.py` has a real one build.

The programs here are scripts that note how they were called: they show what is asked of an engine.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attestation.digests import digest_of
from attestation.errors import Misconfigured, SymbolonError, Unavailable
from deploy.engines import Base, Engine, build, find_engine, parse_base

BASE = parse_base("docker.io/library/python:3.11-slim@sha256:" + "0" * 64)
CONFIG = b"{}"
MANIFEST = json.dumps({"config": {"digest": digest_of(CONFIG)}, "layers": []}).encode()
# Writes the layout where `podman push` and `docker buildx build` do, and notes each call.
PROGRAM = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$0.calls"
env >> "$0.env"
case "$*" in
    "version "*) echo 26.1.5+dfsg1; exit DAEMON ;;
    *version*) echo "NAME version 1.28.2 (image-spec 1.0.2)"; exit 0 ;;
    *"rmi"*) exit 0 ;;
    "buildx inspect") echo "BuildKit version: KIT"; exit 0 ;;
    push*) place=${5#oci:} ;;
    *type=oci*) place=${*#*dest=}; place=${place%%,*} ;;
    *) echo "STEP 1/2: FROM base"; SAY; exit STATUS ;;
esac
mkdir -p "$place/blobs/sha256"
echo 'INDEX' > "$place/index.json"
printf '%s' 'MANIFEST' > "$place/blobs/sha256/DIGEST"
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(folder / name) if (folder / name).exists() else None)
    return folder


def install(
    folder: Path, name: str, *, says: str = ":", status: int = 0, daemon: int = 0, kit: str = ""
) -> Path:
    digest = digest_of(MANIFEST)
    index = json.dumps({"manifests": [{"digest": digest}]})
    text = PROGRAM.replace("NAME", name).replace("SAY", says).replace("STATUS", str(status))
    text = text.replace("DAEMON", str(daemon)).replace("KIT", kit)
    text = text.replace("INDEX", index).replace("MANIFEST", MANIFEST.decode()).replace("DIGEST", digest[7:])
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def calls(program: Path) -> list[str]:
    return program.with_name(f"{program.name}.calls").read_text().splitlines()


@pytest.mark.parametrize("name", ["buildah", "podman"])
def test_an_engine_builds_pushes_and_keeps_nothing(programs: Path, tmp_path: Path, name: str) -> None:
    program = install(programs, name)
    heard: list[str] = []
    built = build(
        find_engine(), tmp_path, base=BASE, runtime="openvino", layout=tmp_path / "out", on_line=heard.append
    )
    assert built.tool == f"{name} 1.28.2"
    assert built.layout.digest == digest_of(MANIFEST)
    assert heard == ["STEP 1/2: FROM base"]
    _, asked, pushed, removed = calls(program)
    for part in (
        f"--build-arg BASE={BASE.name}",
        f"--build-arg BASE_DIGEST={BASE.digest}",
        "--build-arg RUNTIME=openvino",
        "--timestamp 0",
        "--no-cache",
        "--platform linux/amd64",
    ):
        assert part in asked
    image = pushed.split()[3]
    assert asked.split()[asked.split().index("--tag") + 1] == image
    assert removed == f"rmi --force {image}"


def test_docker_without_its_buildx_is_said_to_be_so(programs: Path) -> None:
    program = programs / "docker"
    program.write_text("#!/bin/sh\necho 'docker: unknown command: docker buildx' >&2; exit 1\n")
    program.chmod(0o755)
    with pytest.raises(Misconfigured, match="`docker` is installed without its buildx"):
        find_engine("docker")
    with pytest.raises(Misconfigured, match="none of buildah, podman and docker's buildx is installed"):
        find_engine()


def test_docker_whose_daemon_is_not_there_is_said_to_be_so_and_another_engine_is_taken(
    programs: Path,
) -> None:
    install(programs, "docker", daemon=1)
    with pytest.raises(Misconfigured, match="`docker` is installed, and its daemon does not answer"):
        find_engine("docker")
    install(programs, "podman")
    assert find_engine().name == "podman"


def test_docker_writes_the_layout_itself(programs: Path, tmp_path: Path) -> None:
    program = install(programs, "docker")
    built = build(find_engine(), tmp_path, base=BASE, runtime="tensorflow", layout=tmp_path / "out")
    assert (built.tool, built.layout.digest) == ("docker 26.1.5 with buildx 1.28.2", digest_of(MANIFEST))
    asked = calls(program)[-1]
    assert asked.startswith("buildx build")
    install(programs, "docker", kit="v0.12.5")
    assert find_engine().tool == "docker 26.1.5 with buildx 1.28.2 and BuildKit 0.12.5"
    install(programs, "docker", kit="v0.0.0+unknown")  # as Debian's says of the daemon's own
    assert find_engine().tool == "docker 26.1.5 with buildx 1.28.2"
    assert "--build-arg SOURCE_DATE_EPOCH=0" in asked
    assert "rewrite-timestamp=true" in asked


def test_the_first_that_is_installed_is_taken_unless_one_is_named(programs: Path) -> None:
    install(programs, "podman")
    install(programs, "buildah")
    assert find_engine().name == "buildah"
    assert find_engine("podman").name == "podman"


@pytest.mark.parametrize(
    ("name", "words"), [(None, "none of buildah, podman and docker"), ("docker", "`docker`")]
)
def test_an_engine_that_is_not_there_is_said(programs: Path, name: str | None, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        find_engine(name)


def test_the_build_does_not_get_what_it_must_not(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = install(programs, "buildah")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("KEPT", "yes")
    engine = Engine(name="buildah", tool="buildah")
    build(engine, tmp_path, base=BASE, runtime="openvino", layout=tmp_path / "out", without={"HTTPS_PROXY"})
    env = program.with_name("buildah.env").read_text().splitlines()[1:]
    first = [line for line in env if line.startswith(("KEPT=", "HTTPS_PROXY="))]
    assert first[0] == "KEPT=yes"
    assert first.count("HTTPS_PROXY=http://127.0.0.1:1") == 1  # of `rmi`, which runs nobody's program


@pytest.mark.parametrize(
    ("says", "error", "words"),
    [
        ("echo 'Error: no space left on device'", Misconfigured, "no space left on device"),
        ("echo 'SSL: CERTIFICATE_VERIFY_FAILED] x'", Unavailable, "certificates of its own"),
        ("echo 'dial tcp: lookup x: no such host'", Unavailable, "no such host"),
        (
            "echo 'ERROR: OCI exporter is not supported for the docker driver.'",
            Misconfigured,
            "cannot write an OCI layout while images lie in docker's own store",
        ),
    ],
)
def test_a_build_that_fails_says_why(
    programs: Path, tmp_path: Path, says: str, error: type[SymbolonError], words: str
) -> None:
    program = install(programs, "buildah", says=says, status=1)
    with pytest.raises(error, match=words):
        build(find_engine(), tmp_path, base=BASE, runtime="openvino", layout=tmp_path / "out")
    assert calls(program)[-1].startswith("rmi --force")


@pytest.mark.parametrize("text", ["", "python:3.11-slim", "python@sha256:00", "-x@sha256:" + "0" * 64])
def test_a_base_is_named_by_its_digest(text: str) -> None:
    with pytest.raises(Misconfigured, match="not named by its digest"):
        parse_base(text)


def test_a_base_may_have_a_registry_with_a_port() -> None:
    text = "localhost:5000/base@sha256:" + "a" * 64
    assert parse_base(text) == Base(name="localhost:5000/base", digest=parse_base(text).digest)
    assert str(parse_base(text)) == text
