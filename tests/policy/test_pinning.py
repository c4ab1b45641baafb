"""A policy file that is made to name an image: that one alone, and nothing else of the file is touched."""

from __future__ import annotations

import pytest

from attestation.digests import Digest
from attestation.errors import Misconfigured
from policy.pinning import pin_image
from policy.policy_file import parse_policy

OLD, NEW = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)
POLICY = f"""\
# Ours, and whose else
[provider]
project_number = "123456789012"
pool = "primus-wip"
name = "primus-wip-provider"

[what]
image_digests = ["{OLD}"]  # built by hand

[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]  # image_digests = []
"""


def test_the_image_is_pinned_and_every_other_line_stays() -> None:
    pinned = pin_image(POLICY, NEW, built_by="buildah 1.28.2")
    assert parse_policy(pinned).conditions.what.image_digests == (NEW,)
    before, after = POLICY.splitlines(), pinned.splitlines()
    assert [line for line in after if line not in before] == [
        f'image_digests = ["{NEW}"]  # built by buildah 1.28.2'
    ]
    assert len(after) == len(before)


def test_a_policy_that_pins_it_already_is_left_alone() -> None:
    assert pin_image(POLICY, OLD, built_by="another tool") == POLICY


def test_several_digests_over_several_lines_become_the_one() -> None:
    several = POLICY.replace(f'["{OLD}"]', f'[\n    "{OLD}",\n    "sha256:{"3" * 64}",\n]')
    pinned = pin_image(several, NEW, built_by="x")
    assert parse_policy(pinned).conditions.what.image_digests == (NEW,)


@pytest.mark.parametrize(
    "what",
    [
        '[what]\nimage_references = ["us-docker.pkg.dev/primus/r/w@sha256:' + "1" * 64 + '"]',
        '[what]\n"image_digests" = ["' + OLD + '"]',
    ],
)
def test_what_cannot_be_replaced_is_said_with_the_line_to_write(what: str) -> None:
    text = POLICY.replace(f'[what]\nimage_digests = ["{OLD}"]  # built by hand', what)
    with pytest.raises(Misconfigured) as refused:
        pin_image(text, NEW, built_by="x")
    assert f'image_digests = ["{NEW}"]' in (refused.value.hint or "")


def test_what_is_no_policy_is_refused() -> None:
    with pytest.raises(Misconfigured):
        pin_image("[what]\n", NEW, built_by="x")
