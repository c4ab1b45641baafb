"""Each key of the terms by its words and its unit, which owners read in docs/reference/terms.md and write."""

from __future__ import annotations

import pytest

from attestation.errors import Misconfigured
from contract.tables import Choice, keys_of
from contract.terms import TABLES, CredentialTerms, ScaleMissing, parse_terms
from tests.workload.samples import terms_text

CHOICES = {
    ("runtime", "name"): ("tensorflow", "openvino"),
    ("runtime", "precision"): ("fp32", "bf16", "int8"),
    ("input", "method"): ("bilinear", "bicubic", "nearest", "area"),
    ("input", "fit"): ("stretch", "crop"),
    ("input", "exif_orientation"): ("ignore", "apply"),
    ("input", "decode"): ("exact", "scaled"),
    ("input", "channels"): ("rgb", "bgr"),
    ("output", "scores"): ("softmax", "as-is"),
}
UNITS = {
    "model.max_unpacked_bytes": "bytes",
    "input.height": "pixels",
    "input.width": "pixels",
    "input.mean": "0 to 255",
    "input.scale": "per step of 0 to 255",
    "egress.largest_top_k": "classes a picture",
    "egress.score_digits": "digits after the decimal point",
    "egress.most_images": "pictures a job",
    "stream.connections": "reads",
    "stream.decoders": "pictures",
    "stream.batch_size": "pictures",
    "stream.batch_wait_ms": "milliseconds",
    "stream.encoded_mib": "MiB",
    "stream.decoding_megapixels": "megapixels",
    "stream.window": "pictures",
    "stream.memory_mib": "MiB",
}


def with_word(table: str, name: str, word: str) -> str:
    """The terms with that word for one key, which they have already."""
    before, heading, rest = terms_text().partition(f"[{table}]\n")
    lines = [f'{name} = "{word}"' if line.startswith(f"{name} = ") else line for line in rest.splitlines()]
    assert rest.splitlines() == lines or f'{name} = "{word}"' in lines
    return before + heading + "\n".join(lines)


@pytest.mark.parametrize(("key", "words"), CHOICES.items())
def test_a_choice_takes_its_words_and_no_other(key: tuple[str, str], words: tuple[str, ...]) -> None:
    table, name = key
    for word in words:
        assert getattr(getattr(parse_terms(with_word(table, name, word)), table), name) == word
    with pytest.raises(Misconfigured) as refused:
        parse_terms(with_word(table, name, "another"))
    assert refused.value.message.endswith(f"not {' or '.join(f'`{word}`' for word in words)}")


def test_every_choice_is_tried() -> None:
    chosen = {
        (name, each.name)
        for name, table in TABLES.items()
        for each in keys_of(table)
        if isinstance(each.kind, Choice)
    }
    assert chosen == CHOICES.keys()


def test_what_is_counted_has_its_unit() -> None:
    units = {
        f"{name}.{each.name}": each.unit
        for name, table in TABLES.items()
        for each in keys_of(table)
        if each.unit
    }
    assert units == UNITS


def test_the_audience_that_a_message_shows_is_one_once_its_words_are_replaced() -> None:
    (audience,) = (each.kind for each in keys_of(CredentialTerms) if each.name == "audience")
    shown = audience.expected.replace("NUMBER", "12").replace("POOL", "a-pool").replace("ID", "b-2")
    assert audience.read(shown.removeprefix("`").removesuffix("`"), "") == shown[1:-1]


def test_an_unknown_table_is_met_with_those_that_there_are() -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_terms(terms_text().replace("[egress]", "[extra]\na = 1\n[egress]"))
    assert refused.value.hint == (
        "known are: format, model, credential, runtime, input, output, egress, release, stream"
    )


def test_terms_without_a_scale_have_a_failure_of_their_own_that_a_guess_is_added_to() -> None:
    with pytest.raises(ScaleMissing) as refused:
        parse_terms(terms_text().replace("scale = 0.00392156862745098", ""))
    suggesting = refused.value.suggesting("perhaps 1/127.5")
    assert suggesting.code == refused.value.code == "scale-missing"
    assert suggesting.message == "the terms do not say `input.scale`; perhaps 1/127.5"
    assert "one photo proves nothing" in suggesting.hint
    assert (suggesting.mean, suggesting.scale) == ((0.0, 0.0, 0.0), None)
    assert suggesting.unscaled == refused.value.unscaled
