"""The pages of a list of objects, which the JSON API and the XML API show in their own shapes."""

from __future__ import annotations

from dataclasses import dataclass, field

from .objects import ObjectStore, StoredObject

_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which names are asked for; empty texts ask for nothing in particular."""

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    """The first name that may come."""
    end: str = ""
    """The first name that may come no more."""
    after: str = ""
    """The name or prefix that the last page ended with."""
    folders_are_objects_too: bool = False
    """An object whose name is one of the prefixes is shown beside it."""
    versions: bool = False
    """Generations that are kept are shown too; those of one name stand on one page."""
    most: int


@dataclass(slots=True, kw_only=True)
class Page:
    """Objects and prefixes in order, and what the page ended with if there are more: else `""`."""

    objects: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""


def page_of(objects: ObjectStore, bucket: str, question: Question) -> Page:
    """The next page. With a delimiter, names that share the text up to it after `prefix` are one prefix.

    What costs time is the page, not the bucket: the names below a prefix are leapt over.
    """
    page, last, delimiter = Page(), "", question.delimiter
    start = max(question.prefix, question.start, question.after, key=str.encode)
    if delimiter and start == question.after and start.find(delimiter, len(question.prefix)) >= 0:
        start += _LAST_CHARACTER  # it ended with a prefix
    listed = objects.versions_from if question.versions else objects.starting_at
    names = listed(bucket, start)
    while stored := next(names, None):
        name = stored.name
        if not name.startswith(question.prefix) or (question.end and name.encode() >= question.end.encode()):
            break
        cut = name.find(delimiter, len(question.prefix)) if delimiter else -1
        entry = name if cut < 0 else name[: cut + len(delimiter)]
        if entry.encode() <= question.after.encode() or entry == last:
            if entry == last == name and cut < 0:
                page.objects.append(stored)
            continue
        if len(page.objects) + len(page.prefixes) >= question.most:
            page.last = last
            break
        last = entry
        if cut < 0:
            page.objects.append(stored)
            continue
        page.prefixes.append(entry)
        if name == entry and question.folders_are_objects_too:
            page.objects.append(stored)
        names = listed(bucket, entry + _LAST_CHARACTER)
    return page
