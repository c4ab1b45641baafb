"""A checkout that can be changed, and a whole image of it that no engine has built.

The image's packages are one wheel made here, so that nothing is fetched; its interpreter is a few bytes.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from attestation.digests import Digest
from deploy.expected import expect
from deploy.wheels import SITE
from tests.images import File, folder, hex_of, tar_of, write_layout

INFO = "small-1.0.dist-info"
WHEEL_FILES = {
    "small/__init__.py": b"X = 1\n",
    "small/tests/test_small.py": b"assert X\n",
    f"{INFO}/METADATA": b"Metadata-Version: 2.4\nName: small\nVersion: 1.0\nLicense-Expression: MIT\n",
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
    f"{INFO}/RECORD": b"",
    f"{INFO}/entry_points.txt": b"[console_scripts]\nsmall = small.cli:main\n",
}
SCRIPT = (
    b"#!/usr/local/bin/python\nimport sys\nfrom small.cli import main\nif __name__ == '__main__':\n"
    b"    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit(main())\n"
)
INTERPRETER = File(path="usr/local/bin/python", content=b"an interpreter", mode=0o755)


def wheel_bytes(files: Mapping[str, bytes] = WHEEL_FILES) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def lay_out_checkout(folder: Path) -> Path:
    """The folder has the rooms of the image, the Dockerfile, and requirements of the one small wheel."""
    source = Path(__file__).parents[1]
    for room in ("attestation", "contract", "workload"):
        shutil.copytree(source / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "deploy").mkdir()
    shutil.copyfile(source / "deploy" / "Dockerfile", folder / "deploy" / "Dockerfile")
    requirements = (
        f"# pinned\nsmall==1.0 ; sys_platform == 'linux' \\\n    --hash=sha256:{hex_of(wheel_bytes())}\n"
    )
    (folder / "deploy" / "requirements-openvino.txt").write_text(requirements)
    return folder


def base_files() -> list[File]:
    """What lies below ours: the interpreter, a file of the system, and the wheel as pip installs it."""
    installed = {name: content for name, content in WHEEL_FILES.items() if "/tests/" not in name}
    installed |= {f"{INFO}/INSTALLER": b"pip\n", f"{INFO}/REQUESTED": b"", f"{INFO}/RECORD": b"small,,\n"}
    return [
        INTERPRETER,
        File(path="etc/os-release", content=b"ID=small\n"),
        File(path="usr/local/bin/small", content=SCRIPT, mode=0o755),
        *(File(path=f"{SITE}/{name}", content=content) for name, content in sorted(installed.items())),
    ]


def our_files(checkout: Path, *, terms: bytes, root: bytes) -> list[File]:
    """What the Dockerfile copies, with its folders."""
    found = expect(checkout, terms=terms, root=root, runtime="openvino").files
    names = {str(parent) for path in found for parent in Path(path).parents} - {"."}
    return [
        *(folder(name) for name in sorted(names)),
        *(File(path=path, content=content, mode=mode) for path, (content, mode) in sorted(found.items())),
    ]


def compiled(files: Iterable[File], scratch: Path) -> list[File]:
    """The bytecode of the files, as the Dockerfile's command makes it."""
    names = []
    for each in files:
        if each.path.endswith(".py"):
            (scratch / each.path).parent.mkdir(parents=True, exist_ok=True)
            (scratch / each.path).write_bytes(each.content)
            names.append(each.path)
    command = [sys.executable, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, "-s", str(scratch), "-p", "/", str(scratch)], check=True)
    paths = sorted(scratch.rglob("*.pyc"))
    return [File(path=str(path.relative_to(scratch)), content=path.read_bytes()) for path in paths]


def write_image(
    layout: Path, checkout: Path, *layers: Iterable[File], terms: bytes, root: bytes, appended: bool = True
) -> Digest:
    """The layout is a whole image: these layers, with the configuration of the checkout's Dockerfile."""
    configuration = expect(checkout, terms=terms, root=root, runtime="openvino").configuration
    by = "symbolon: COPY of deploy/Dockerfile" if appended else "an engine"
    return write_layout(
        layout, [tar_of(*files) for files in layers], config=configuration, history=[{"created_by": by}]
    )
