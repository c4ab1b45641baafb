"""A licence is within a template where nothing of it is wider; templates have one text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from attestation.digests import digest_of
from contract.canonical import render_canonical
from contract.licence_templates import (
    MOST_BYTES,
    Template,
    TemplatesFormatUnknown,
    TemplatesMalformed,
    beyond,
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
    with pytest.raises(TemplatesFormatUnknown, match="are of `format` `2`"):
        parse_templates(render_canonical({**DOCUMENT, "format": 2}))
