"""The page with photos beside labels: it needs nothing else, and obeys nothing that stands in a label."""

from __future__ import annotations

import re

from contract.results import PictureError, Prediction, Row
from symbolon.operator.contact_sheet import Sheet, render_contact_sheet
from symbolon.operator.photos import Photos

EVIL = '<script>alert("x")</script>'


def page(*rows: Row) -> str:
    sheet = Sheet(title=EVIL, in_short=EVIL, image_digest="sha256:0", rows=rows)
    return render_contact_sheet(sheet, Photos(None, folder=None))


def of(*predictions: Prediction, picture: str = "cat.jpg") -> Row:
    return Row(picture=picture, generation=1, predictions=predictions)


def test_nothing_of_a_name_or_a_label_is_mark_up() -> None:
    error = Row(picture=EVIL, generation=1, error=PictureError(code="gone", message=EVIL))
    text = page(of(Prediction(class_index=1, score=0.5, label=EVIL), picture=EVIL), error)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 5


def test_it_fetches_nothing_and_runs_nothing() -> None:
    text = page(of(Prediction(class_index=1, score=0.5, label="cat")))
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert not re.search(r"https?://|url\(|@import", text)


def test_a_card_has_every_class_with_its_score_and_its_bar() -> None:
    text = page(
        of(
            Prediction(class_index=285, score=0.75, label="Egyptian cat"),
            Prediction(class_index=281, score=0.125, label=None),
        )
    )
    assert re.findall(r'class="label">([^<]+)<', text) == ["Egyptian cat", "class 281"]
    assert re.findall(r'class="score">([^<]+)<', text) == ["0.750", "0.125"]
    assert re.findall(r'style="width: ([\d.]+)%"', text) == ["75.0", "12.5"]
    assert "no photo here" in text


def test_scores_that_are_no_shares_have_bars_beside_the_best() -> None:
    text = page(
        of(
            Prediction(class_index=1, score=8.0, label="a"),
            Prediction(class_index=2, score=4.0, label="b"),
            Prediction(class_index=3, score=-1.0, label="c"),
        )
    )
    assert re.findall(r'style="width: ([\d.]+)%"', text) == ["100.0", "50.0", "0.0"]


def test_a_picture_that_could_not_be_read_says_why() -> None:
    text = page(Row(picture="a.jpg", generation=1, error=PictureError(code="empty", message="it is empty")))
    assert "empty: it is empty" in text
    assert "<ol>" not in text
