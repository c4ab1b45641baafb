"""A licence is within a template where nothing of it is wider; templates have one text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from attestation.digests import Digest, digest_of
from contract.canonical import render_canonical
from contract.licence_templates import (
    MOST_BYTES,
    Template,
    TemplatesFormatUnknown,
    TemplatesMalformed,
    beyond,
    check_template,
    parse_templates,
    render_templates,
    template_of,
)
from tests.orders import IMAGE, LICENCE, NOW, licence

POLICY = digest_of(b"a policy")
OPEN = Template(name="open", model_id=LICENCE.model_id)
TIGHT = Template(
    name="tight",
    model_id=LICENCE.model_id,
    versions=(1, 9),
    images=(IMAGE, digest_of(b"another image")),
    policy=POLICY,
    runs=3,
    pictures=1_000,
    at_once=1,
    lasts_s=30 * 86_400,
    lease_s=3_600,
)
WITHIN = licence(versions=(1, 9), policy=POLICY)


def test_a_licence_may_be_exactly_as_wide_as_its_template() -> None:
    assert beyond(WITHIN, TIGHT, now=NOW) == ()
    assert beyond(WITHIN, OPEN, now=NOW) == ()
    assert template_of(WITHIN, (replace(TIGHT, runs=2), OPEN, TIGHT), now=NOW) == OPEN
    assert template_of(WITHIN, (replace(TIGHT, runs=2),), now=NOW) is None
    assert template_of(WITHIN, (), now=NOW) is None


WIDER: dict[str, tuple[dict[str, Any], str]] = {
    "it is for another model": ({"model_id": "other.tar"}, "another model"),
    "it reaches one version further": ({"versions": (1, 10)}, "more versions"),
    "it is for every version to come": ({"versions": (1, None)}, "more versions"),
    "it is for one image more": ({"images": (IMAGE, digest_of(b"a third"))}, "more images"),
    "it is for any image": ({"images": ()}, "more images"),
    "it is under another policy": ({"policy": digest_of(b"p")}, "not under that policy"),
    "it is under no policy": ({"policy": None}, "not under that policy"),
    "it has a run more": ({"runs": 4}, "`runs` is more than 3"),
    "its runs are not bounded": ({"runs": None}, "`runs` is more than 3"),
    "it has a picture more": ({"pictures": 1_001}, "`pictures` is more than 1000"),
    "its pictures are not bounded": ({"pictures": None}, "`pictures` is more"),
    "it is for a machine more": ({"at_once": 2}, "`at_once` is more"),
    "its machines are not bounded": ({"at_once": None}, "`at_once` is more"),
    "it lasts a second longer": ({"ends_at": LICENCE.ends_at + 1}, "it lasts longer"),  # type: ignore[operator]
    "it lasts for ever": ({"ends_at": None}, "it lasts longer"),
    "its lease is longer": ({"lease_s": 3_601}, "its lease is longer"),
}


@pytest.mark.parametrize(("change", "says"), WIDER.values(), ids=WIDER)
def test_a_licence_that_is_wider_in_one_way_is_without(change: dict[str, Any], says: str) -> None:
    (found,) = beyond(replace(WITHIN, **change), TIGHT, now=NOW)
    assert says in found


def test_a_version_before_the_first_is_without() -> None:
    assert beyond(WITHIN, replace(TIGHT, versions=(2, 9)), now=NOW) == ("it is for more versions",)


DOCUMENT = json.loads(render_templates((TIGHT, OPEN)))
ENTRY = DOCUMENT["templates"][1]


def test_templates_are_read_as_they_were_written_in_whichever_order() -> None:
    read = parse_templates(render_templates((TIGHT, OPEN)))
    assert [each.name for each in read] == ["open", "tight"]
    assert render_templates(read) == render_templates((OPEN, TIGHT))
    assert parse_templates(render_templates(())) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Tight"},
        {"name": ""},
        {"model": None},
        {"model": {"id": "", "first": 1, "last": None}},
        {"model": {"id": "m", "first": 0, "last": None}},
        {"model": {"id": "m", "first": 2, "last": 1}},
        {"images": None},
        {"images": [IMAGE, IMAGE]},
        {"images": ["none"]},
        {"policy": "none"},
        {"runs": 3},
        {"lasts_s": -1},
        {"lease_s": "59"},
        {"lease_s": "86401"},
        {"lease_s": None},
        {"more": 1},
    ],
)
def test_a_template_that_cannot_be_meant_is_malformed(change: dict[str, object]) -> None:
    with pytest.raises(TemplatesMalformed):
        parse_templates(render_canonical({**DOCUMENT, "templates": [{**ENTRY, **change}]}))


def images(count: int) -> tuple[Digest, ...]:
    return tuple(sorted(digest_of(bytes([number])) for number in range(count)))


@pytest.mark.parametrize(
    "widest",
    [
        replace(OPEN, name="a" * 63),
        replace(OPEN, name="a"),
        replace(OPEN, model_id="m" * 300),
        replace(OPEN, model_id="m"),
        replace(OPEN, versions=(3, 3)),
        replace(OPEN, images=images(100)),
        replace(OPEN, lease_s=60),
        replace(OPEN, lease_s=86_400),
        replace(OPEN, runs=0, pictures=0, at_once=0, lasts_s=0),
        replace(OPEN, runs=2**64 - 1),
    ],
)
def test_a_template_may_be_as_wide_as_one_can_be(widest: Template) -> None:
    assert check_template(widest) is widest
    assert parse_templates(render_templates((widest,))) == (widest,)


@pytest.mark.parametrize(
    ("wider", "says"),
    [
        (replace(OPEN, name="a" * 64), "name is of lower-case"),
        (replace(OPEN, name="-a"), "name is of lower-case"),
        (replace(OPEN, model_id="m" * 301), "for a model"),
        (replace(OPEN, model_id=""), "for a model"),
        (replace(OPEN, versions=(3, 2)), "from the first to the last"),
        (replace(OPEN, images=images(101)), "at most 100 images"),
        (replace(OPEN, images=(IMAGE, IMAGE)), "each once"),
        (replace(OPEN, lease_s=59), "a lease is of 60 to 86400 seconds"),
        (replace(OPEN, lease_s=86_401), "a lease is of 60 to 86400 seconds"),
    ],
)
def test_a_template_that_is_wider_than_one_can_be_is_refused(wider: Template, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_template(wider)


def test_there_are_a_hundred_templates_at_most() -> None:
    many = tuple(replace(OPEN, name=f"t{number:03}") for number in range(101))
    assert len(parse_templates(render_templates(many[:100]))) == 100
    with pytest.raises(TemplatesMalformed):
        parse_templates(render_templates(many))


@pytest.mark.parametrize("name", ["name", "model", "images", "policy", "lease_s", "runs", "lasts_s"])
def test_a_template_says_everything(name: str) -> None:
    entry = {key: value for key, value in ENTRY.items() if key != name}
    with pytest.raises(TemplatesMalformed) as refused:
        parse_templates(render_canonical({**DOCUMENT, "templates": [entry]}))
    assert refused.value.hint == "make them: `symbolon owner order`"


@pytest.mark.parametrize("found", [None, "1", True, 1.5])
def test_a_format_is_a_number_of_its_own(found: object) -> None:
    with pytest.raises(TemplatesFormatUnknown, match="reads 1 alone"):
        parse_templates(render_canonical({**DOCUMENT, "format": found}))


def test_templates_may_be_as_large_as_is_read() -> None:
    body = render_templates((TIGHT,))
    with pytest.raises(TemplatesMalformed, match="not as this program"):
        parse_templates(body + b" " * (MOST_BYTES - len(body)))
    with pytest.raises(TemplatesMalformed, match=f"larger than {MOST_BYTES} bytes"):
        parse_templates(body + b" " * (MOST_BYTES + 1 - len(body)))
    assert MOST_BYTES == 64 << 10


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        render_canonical({**DOCUMENT, "more": 1}),
        render_canonical({**DOCUMENT, "templates": None}),
        render_canonical({**DOCUMENT, "templates": DOCUMENT["templates"][::-1]}),
        render_canonical({**DOCUMENT, "templates": [ENTRY, ENTRY]}),
        render_templates((TIGHT,)) + b"\n",
        b" " * (MOST_BYTES + 1),
    ],
)
def test_what_this_program_does_not_write_is_malformed(body: bytes) -> None:
    with pytest.raises(TemplatesMalformed):
        parse_templates(body)


def test_templates_of_a_format_to_come_are_refused_with_a_sentence() -> None:
    with pytest.raises(TemplatesFormatUnknown, match="`format` in the list of templates is `2`"):
        parse_templates(render_canonical({**DOCUMENT, "format": 2}))
