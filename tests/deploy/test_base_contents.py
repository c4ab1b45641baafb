"""What a base holds after its last layer, and whether ours runs on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attestation.errors import EvidenceRejected, Misconfigured
from deploy.base_contents import check_base, pinned_in, read_contents
from deploy.image import RUNTIMES, read_dockerfile
from deploy.layout import Layout
from tests.deploy.bases import PLAIN, SITE, base, carried, layer, requirements


def checked(found: Layout, runtime: str = "openvino") -> None:
    check_base(read_contents(found), read_dockerfile(runtime=runtime), requirements(runtime), runtime=runtime)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_base_that_carries_every_requirement_is_taken(tmp_path: Path, runtime: str) -> None:
    checked(base(tmp_path, layer(["etc/passwd"]), layer(carried(runtime))), runtime)


def test_the_requirements_are_those_of_the_file() -> None:
    assert {"openvino", "numpy", "google-cloud-storage"} <= set(pinned_in(requirements()))
    assert len(pinned_in(requirements())) == requirements().count(" ; ")


NUMPY = f"numpy-{pinned_in(requirements())['numpy']}.dist-info"
ENOUGH = layer(carried())
REFUSED: dict[str, tuple[list[bytes], dict[str, Any], str]] = {
    "a requirement is not there": (
        [layer({path: b"" for path in carried() if NUMPY not in path})],
        {},
        r"lacks 1 of \d+ requirements for openvino: numpy$",
    ),
    "a later layer takes one away": (
        [ENOUGH, layer([f"{SITE}/.wh.{NUMPY}"])],
        {},
        "lacks 1 of",
    ),
    "a later layer empties the folder": (
        [ENOUGH, layer([f"{SITE}/.wh..wh..opq"])],
        {},
        r"lacks \d+ of \d+ requirements for openvino: .* and \d+ more",
    ),
    "nothing is there but Python": ([layer(["usr/local/bin/python"])], {}, r"lacks (\d+) of \1"),
    "one has another version": (
        [layer({path.replace(NUMPY, "numpy-1.0.dist-info"): b"" for path in carried()})],
        {},
        "other versions than deploy/requirements-openvino.txt: numpy 1.0$",
    ),
    "they are for another Python": (
        [layer(carried(site=SITE.replace("3.11", "3.12")))],
        {},
        "packages for Python 3.12, and the image runs Python 3.11",
    ),
    "they are where nobody imports them": (
        [layer(carried(site="opt/lib/python3.11/site-packages"))],
        {},
        "lacks",
    ),
    "there is no interpreter": (
        [ENOUGH, layer(["usr/local/bin/.wh.python"])],
        {},
        "no `/usr/local/bin/python`",
    ),
    "it is for another machine": ([ENOUGH], {"architecture": "arm64"}, "the base is for `linux/arm64`"),
    "it is for another system": ([ENOUGH], {"os": "windows"}, "the base is for `windows/amd64`"),
    "it lets an operator do more": (
        [ENOUGH],
        {"config": {"Labels": {"tee.launch_policy.allow_cmd_override": "true"}}},
        "a launch policy of its own: `tee.launch_policy.allow_cmd_override`",
    ),
    "it wants something run": ([ENOUGH], {"config": {"OnBuild": ["RUN x"]}}, "ONBUILD"),
    "a file of its own is among ours": (
        [ENOUGH, layer(["app/numpy.py"])],
        {},
        "the base has `/app/numpy.py`",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_base_that_ours_does_not_run_on_is_refused(tmp_path: Path, name: str) -> None:
    layers, more, said = REFUSED[name]
    with pytest.raises(Misconfigured, match=said) as caught:
        checked(base(tmp_path, *layers, **more))
    assert caught.value.hint


def test_what_a_later_layer_took_from_our_folder_does_not_hinder(tmp_path: Path) -> None:
    checked(base(tmp_path, layer({**carried(), "app/x.py": b""}), layer([".wh.app"])))


def test_a_layer_that_is_not_compressed_is_read_too(tmp_path: Path) -> None:
    checked(base(tmp_path, ENOUGH, kinds=[PLAIN]))


def test_a_layer_with_other_contents_than_the_configuration_says_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(EvidenceRejected, match="other contents"):
        read_contents(base(tmp_path, ENOUGH, diff_ids=["sha256:" + "0" * 64]))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kinds": ["application/vnd.oci.image.layer.v1.tar+zstd"]}, "which is not read here"),
        ({"rootfs": {"diff_ids": []}}, "no image that can be read"),
        ({"rootfs": None}, "no image that can be read"),
        ({"kinds": [PLAIN.replace("oci", "x")]}, "which is not read here"),
    ],
    ids=[
        "compressed otherwise",
        "no layer's contents are named",
        "no contents are named",
        "of no known kind",
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        read_contents(base(tmp_path, ENOUGH, **more))


def test_a_layer_that_is_no_archive_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no image that can be read"):
        read_contents(base(tmp_path, b"no archive" * 100))
