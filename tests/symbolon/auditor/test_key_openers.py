"""Who a member of a key's policy is, and whether it can open: `test_image_seal.py` has what that comes to."""

from __future__ import annotations

import pytest

from policy.policy_set import Binding
from symbolon.auditor.key_openers import changers_of, openers_of

POOL = "projects/1/locations/global/workloadIdentityPools/ours"
DIGEST = "sha256:" + "1" * 64
DECRYPTER = "roles/cloudkms.cryptoKeyDecrypter"
IMAGE = f"principalSet://iam.googleapis.com/{POOL}/attribute.image_digest/{DIGEST}"


def bound(member: str, role: str = DECRYPTER, condition: str = "") -> Binding:
    return Binding(role=role, member=member, condition=condition)


@pytest.mark.parametrize(
    ("role", "opens"),
    [
        (DECRYPTER, "yes"),
        ("roles/cloudkms.cryptoKeyEncrypterDecrypter", "yes"),
        ("roles/cloudkms.cryptoOperator", "yes"),
        ("roles/owner", "yes"),
        ("roles/cloudkms.cryptoKeyEncrypter", "no"),
        ("roles/cloudkms.admin", "no"),
        ("roles/cloudkms.viewer", "no"),
        ("roles/cloudkms.cryptoKeyDecrypterViaDelegation", "not known"),
        ("roles/editor", "not known"),
        ("organizations/1/roles/decrypter", "not known"),
        (f"{DECRYPTER} ", "not known"),
    ],
)
def test_a_role_opens_or_does_not_or_is_not_known(role: str, opens: str) -> None:
    found = openers_of([bound("user:a@b.example", role)], pool=POOL, digest=DIGEST)
    assert [each.document()["can_open"] for each in found] == ([] if opens == "no" else [opens])


@pytest.mark.parametrize(
    ("member", "is_image", "is_outside"),
    [
        (IMAGE, True, False),
        (IMAGE.replace("ours", "theirs"), False, True),
        (IMAGE.replace("1" * 64, "2" * 64), False, True),
        (IMAGE.replace("image_digest", "image_reference"), False, True),
        (IMAGE.replace("principalSet", "principal"), False, True),
        ("allUsers", False, True),
        ("user:a@b.example", False, False),
        (f"deleted:{IMAGE}", False, False),
    ],
)
def test_only_the_image_s_own_member_of_the_terms_pool_is_the_image(
    member: str, is_image: bool, is_outside: bool
) -> None:
    (opener,) = openers_of([bound(member)], pool=POOL, digest=DIGEST)
    assert (opener.is_image, opener.is_outside, opener.doubts) == (is_image, is_outside, ())


def test_members_come_once_in_order_with_the_roles_by_which_they_open() -> None:
    found = openers_of(
        [
            bound("user:b@b.example", condition="false"),
            bound(IMAGE),
            bound("user:b@b.example", "roles/owner"),
            bound(IMAGE),
            bound("user:b@b.example", "projects/p/roles/x"),
        ],
        pool=POOL,
        digest=DIGEST,
    )
    assert [(each.member, each.roles) for each in found] == [
        ("user:b@b.example", ("roles/owner",)),
        (IMAGE, (DECRYPTER,)),
    ]


def test_who_keeps_the_policy_is_named_once() -> None:
    admin = bound("user:a@b.example", "roles/cloudkms.admin")
    assert changers_of([admin, bound(IMAGE), admin]) == ("user:a@b.example",)
