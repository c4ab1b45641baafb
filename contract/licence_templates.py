"""What one key of an owner may sell by itself: named bounds for licences. The body of a `template` order.

    {"format": 1, "templates": [{"name": "trial", "model": …, "first": 1, "last": null, "images": […], …}]}

A licence is within a template where it is for that model, for no version, image or policy beyond it, and
each of its bounds is as narrow or narrower. A bound that is None does not bind; a licence without a bound is
wider than any. What is within no template needs as many signatures as a policy does.

All templates are one document, sorted by name, in RFC 8785's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured

from . import members
from .canonical import (
    decimal,
    optional_decimal,
    parse_decimal,
    parse_optional_decimal,
    render_canonical,
)
from .formats import OF_ONE_VERSION, read_document
from .licence import LONGEST_LEASE_S, SHORTEST_LEASE_S, Licence

FORMAT = 1
MOST_BYTES = 64 << 10
_MOST = 100
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)
_BOUNDS = ("runs", "pictures", "at_once", "lasts_s")


class TemplatesMalformed(EvidenceRejected):
    """They are no templates as this program writes them."""

    code = "templates-malformed"


class TemplatesFormatUnknown(Misconfigured):
    """They are templates of another format."""

    code = "templates-format-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Bounds for licences of one model. No image, or no policy: any.

    `lasts_s`: a licence ends within so many seconds of being issued. `lease_s` is the longest lease.
    """

    name: str
    model_id: str
    versions: tuple[int, int | None] = (1, None)
    images: tuple[Digest, ...] = ()
    policy: Digest | None = None
    runs: int | None = None
    pictures: int | None = None
    at_once: int | None = None
    lasts_s: int | None = None
    lease_s: int = LONGEST_LEASE_S


def beyond(licence: Licence, template: Template, *, now: int) -> tuple[str, ...]:
    """In which ways the licence is wider than the template, in words; nothing where it is within."""
    return tuple(_beyond(licence, template, now))


def template_of(licence: Licence, templates: tuple[Template, ...], *, now: int) -> Template | None:
    """The first template that the licence is within."""
    return next((each for each in templates if not beyond(licence, each, now=now)), None)


def _beyond(licence: Licence, template: Template, now: int) -> Iterator[str]:
    if licence.model_id != template.model_id:
        yield "it is for another model"
    first, last = template.versions
    if licence.versions[0] < first or not _within(licence.versions[1], last):
        yield "it is for more versions"
    if template.images and not (licence.images and set(licence.images) <= set(template.images)):
        yield "it is for more images"
    if template.policy is not None and licence.policy != template.policy:
        yield "it is not under that policy"
    for name, most in (
        ("runs", template.runs),
        ("pictures", template.pictures),
        ("at_once", template.at_once),
    ):
        if not _within(getattr(licence, name), most):
            yield f"`{name}` is more than {most}"
    if template.lasts_s is not None and not _within(licence.ends_at, now + template.lasts_s):
        yield f"it lasts longer than {template.lasts_s} s"
    if licence.lease_s > template.lease_s:
        yield f"its lease is longer than {template.lease_s} s"


def _within(value: int | None, most: int | None) -> bool:
    return most is None or (value is not None and value <= most)


def render_templates(templates: tuple[Template, ...]) -> bytes:
    """The templates' one text."""
    listed = [_members(each) for each in sorted(templates, key=lambda each: each.name)]
    return render_canonical({"format": FORMAT, "templates": listed})


def parse_templates(body: bytes) -> tuple[Template, ...]:
    """What `render_templates` wrote.

    Raises:
        TemplatesFormatUnknown: it is of another format.
        TemplatesMalformed: it is anything else, or names one twice.
    """
    document = read_document(
        body,
        "list of templates",
        known=FORMAT,
        malformed=TemplatesMalformed,
        unknown=TemplatesFormatUnknown,
        hint=OF_ONE_VERSION,
        most_bytes=MOST_BYTES,
    )
    try:
        listed = document["templates"]
        if not isinstance(listed, list) or len(listed) > _MOST:
            raise TypeError
        templates = tuple(map(_template, listed))
        is_ours = len({each.name for each in templates}) == len(templates)
        is_ours = is_ours and render_templates(templates) == body
    except (LookupError, TypeError, ValueError, Misconfigured):
        is_ours = False
    if not is_ours:
        raise TemplatesMalformed(
            "the templates are not as this program writes them", hint="make them: `symbolon owner order`"
        )
    return templates


def _members(template: Template) -> dict[str, object]:
    first, last = template.versions
    return {
        "name": template.name,
        "model": {"id": template.model_id, "first": first, "last": last},
        "images": sorted(template.images),
        "policy": template.policy,
        "lease_s": decimal(template.lease_s),
        **{name: optional_decimal(getattr(template, name)) for name in _BOUNDS},
    }


def _template(document: dict[str, object]) -> Template:
    model, images, policy = document["model"], document["images"], document["policy"]
    if not isinstance(model, dict) or not isinstance(images, list):
        raise TypeError
    first, last = members.positive(model["first"]), model["last"]
    template = Template(
        name=members.text(document["name"]),
        model_id=members.text(model["id"]),
        versions=(first, None if last is None else members.positive(last)),
        images=tuple(members.digest(each) for each in images),
        policy=None if policy is None else members.digest(policy),
        lease_s=parse_decimal(document["lease_s"]),
        **{name: parse_optional_decimal(document[name]) for name in _BOUNDS},
    )
    return check_template(template)


def check_template(template: Template) -> Template:
    """The template, where it can be meant.

    Raises:
        ValueError: it cannot: its name, its versions or its lease are out of range, or an image stands twice.
    """
    first, last = template.versions
    if not _NAME.fullmatch(template.name):
        raise ValueError("a template's name is of lower-case letters, digits and hyphens")
    if not 0 < len(template.model_id) <= 300 or (last is not None and last < first):
        raise ValueError("a template is for a model, and for versions from the first to the last")
    if len(template.images) > _MOST or len(set(template.images)) < len(template.images):
        raise ValueError(f"a template names at most {_MOST} images, each once")
    if not SHORTEST_LEASE_S <= template.lease_s <= LONGEST_LEASE_S:
        raise ValueError(f"a lease is of {SHORTEST_LEASE_S} to {LONGEST_LEASE_S} seconds")
    return template
