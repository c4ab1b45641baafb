"""The owner's terms: everything spelled out, nothing unknown, every value in its range."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from attestation.errors import ExitCode, Misconfigured
from contract.tables import keys_of
from contract.terms import (
    TABLES,
    OwnerTerms,
    RuntimeTerms,
    ScaleMissing,
    StreamTerms,
    named_runtime,
    parse_terms,
    render_terms,
)
from contract.uris import ObjectUri
from tests.workload.samples import TERMS, terms_text

GIB = 1 << 30


def test_terms_in_order_are_read_whole() -> None:
    terms = parse_terms(terms_text(sha256="ab" * 32))
    assert terms.model.sha256 == "sha256:" + "ab" * 32
    assert (terms.model.uri.bucket, terms.model.uri.name) == ("primus-models", "model.tar.gz")
    assert (terms.model.generation, terms.model.max_unpacked_bytes) == (None, 2 * GIB)
    assert terms.input.mean == (0.0, 0.0, 0.0)
    assert terms.input.scale == pytest.approx(1 / 255)
    assert terms.output.labels == "labels.txt"
    assert terms.egress.largest_top_k == 3


HAVE_A_DEFAULT = ("format", "max_unpacked_bytes", "name", "decode", "labels", "signature", "channels")


@pytest.mark.parametrize(
    "line",
    [line for line in terms_text().splitlines() if " = " in line and not line.startswith(HAVE_A_DEFAULT)],
)
def test_nothing_but_what_has_a_safe_default_may_be_left_out(line: str) -> None:
    with pytest.raises(Misconfigured, match="do not say") as refused:
        parse_terms(terms_text().replace(line + "\n", ""))
    assert line.split(" = ")[0] in refused.value.message


def test_what_is_written_for_people_says_of_each_key_what_it_means() -> None:
    text = render_terms(TERMS, commented=True)
    assert parse_terms(text) == TERMS
    lines = text.splitlines()
    assert (
        "# the operator may ask for fewer (`TOP_K`); a whole number from 1 to 1000 (classes a picture)"
        in lines
    )
    keys = [number for number, line in enumerate(lines) if " = " in line and line[0] != "#"]
    bare = [lines[number] for number in keys if not lines[number - 1].startswith("#")]
    assert bare == ["format = 1"]
    assert max(map(len, lines)) <= 110


def test_what_is_written_is_read_as_it_was() -> None:
    whole = replace(
        TERMS,
        model=replace(TERMS.model, generation=7, max_unpacked_bytes=5),
        runtime=RuntimeTerms(name="openvino", precision="int8"),
        input=replace(TERMS.input, decode="scaled", antialias=True, mean=(1.5, -2.0, 1e-7)),
        stream=StreamTerms(**{each.name: 3 for each in fields(StreamTerms)}),
    )
    for terms in (TERMS, whole):
        assert parse_terms(render_terms(terms)) == terms


@given(name=st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\x7f"), min_size=1))
def test_any_name_of_an_object_is_written_as_it_is(name: str) -> None:
    assume(not name.endswith("/") and len(name) <= 200)
    terms = replace(TERMS, model=replace(TERMS.model, uri=ObjectUri(bucket="models", name=name)))
    assert parse_terms(render_terms(terms)) == terms


def test_every_default_is_the_one_that_the_program_takes() -> None:
    lines = [line for line in terms_text().splitlines() if not line.startswith(HAVE_A_DEFAULT[1:])]
    assert parse_terms("\n".join(lines)) == replace(TERMS, output=replace(TERMS.output, labels=None))


def test_the_tables_are_those_that_terms_consist_of() -> None:
    assert {each.name: str(each.type).removesuffix(" | None") for each in fields(OwnerTerms)} == {
        name: table.__name__ for name, table in TABLES.items()
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[runtime]\nname = "openvino"', "openvino"),
        ("[runtime]", "tensorflow"),
        ("", "tensorflow"),
        ("runtime = 1", None),
        ("[runtime", None),
        ("x = " + "[" * 5_000, None),
    ],
)
def test_whoever_builds_an_image_learns_the_runtime_and_nothing_else(text: str, named: str | None) -> None:
    assert named_runtime(text) == named


def test_tensorflow_runs_what_names_no_runtime() -> None:
    assert parse_terms(terms_text().replace('name = "tensorflow"\n', "")).runtime.name == "tensorflow"


SCALE, MEAN = "scale = 0.00392156862745098", "mean = [0.0, 0.0, 0.0]"


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ([SCALE], r"do not say `input\.scale`$"),
        ([MEAN], r"do not say `input\.mean`$"),
        ([MEAN, SCALE], r"do not say `input\.mean` and `input\.scale`$"),
    ],
)
def test_a_missing_scale_has_no_default(left_out: list[str], said: str) -> None:
    text = terms_text()
    for line in left_out:
        text = text.replace(line, "")
    with pytest.raises(ScaleMissing, match=said) as refused:
        parse_terms(text)
    assert (refused.value.mean is None, refused.value.scale is None) == (MEAN in left_out, SCALE in left_out)
    assert (refused.value.unscaled.input.mean, refused.value.unscaled.input.scale) == ((0.0, 0.0, 0.0), 1.0)


def test_terms_that_are_wrong_otherwise_are_not_tried() -> None:
    with pytest.raises(Misconfigured, match=r"`input\.height`") as refused:
        parse_terms(terms_text().replace(SCALE, "").replace("height = 8", "height = 0"))
    assert not isinstance(refused.value, ScaleMissing)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[egress]", "[egress]\nlargest_topk = 5", "unknown key `egress.largest_topk`"),
        ("[egress]", "[extra]\na = 1\n[egress]", "unknown key `extra`"),
        ('sha256 = "' + "0" * 64 + '"', 'sha256 = "' + "0" * 63 + '"', "model.sha256"),
        ('sha256 = "' + "0" * 64 + '"', 'sha256 = "' + "A" * 64 + '"', "model.sha256"),
        ("gs://primus-models/model.tar.gz", "https://primus-models/model.tar.gz", "model.uri"),
        ("gs://primus-models/model.tar.gz", "gs://primus-models", "model.uri"),
        ("gs://primus-models/model.tar.gz", "gs://primus-models/folder/", "model.uri"),
        ("[model]", "[model]\ngeneration = 0", "model.generation"),
        ("max_unpacked_bytes = 2147483648", "max_unpacked_bytes = true", "model.max_unpacked_bytes"),
        ("//iam.googleapis.com", "//iam.example.com", "credential.audience"),
        ("reader@primus", "reader/primus", "credential.service_account"),
        ('name = "tensorflow"', 'name = "torch"', "runtime.name"),
        ('precision = "fp32"', 'precision = "fp8"', "runtime.precision"),
        ("height = 8", "height = 0", "input.height"),
        ("height = 8", "height = 8.0", "input.height"),
        ("width = 8", "width = 100000", "input.width"),
        ('method = "bilinear"', 'method = "sinc"', "input.method"),
        ("antialias = false", 'antialias = "no"', "input.antialias"),
        ('fit = "stretch"', 'fit = "pad"', "input.fit"),
        ('exif_orientation = "ignore"', "exif_orientation = 6", "input.exif_orientation"),
        ("mean = [0.0, 0.0, 0.0]", "mean = [0.0, 0.0]", "input.mean"),
        ("mean = [0.0, 0.0, 0.0]", "mean = [0.0, 0.0, nan]", "input.mean"),
        ("mean = [0.0, 0.0, 0.0]", "mean = [0.0, 0.0, true]", "input.mean"),
        ("scale = 0.00392156862745098", "scale = 0", "input.scale"),
        ("scale = 0.00392156862745098", "scale = inf", "input.scale"),
        ('scores = "softmax"', 'scores = "sigmoid"', "output.scores"),
        ('labels = "labels.txt"', 'labels = "../labels.txt"', "output.labels"),
        ('labels = "labels.txt"', 'labels = "/etc/passwd"', "output.labels"),
        ("largest_top_k = 3", "largest_top_k = 0", "egress.largest_top_k"),
        ("score_digits = 4", "score_digits = 10", "egress.score_digits"),
        ("most_images = 50", "most_images = -1", "egress.most_images"),
        ("format = 1", "", "`format` is missing in the terms; this program reads 1 alone"),
        ("format = 1", "format = 2", "`format` in the terms is `2`; this program reads 1 alone"),
        ("format = 1", "format = true", "`format` in the terms is `True`"),
        ("format = 1", "format = 1.0", "`format` in the terms is `1.0`"),
        ("scale = 0.00392156862745098", "scale = 1" + "0" * 400, "input.scale"),
        ("[runtime]", "[[runtime]]", "`runtime` in the terms is no table"),
        ("[model]", "[model", "not TOML"),
        ("height = 8", "height = " + "8" * 5_000, "not TOML"),
        ("mean = [0.0, 0.0, 0.0]", "mean = " + "[" * 5_000, "not TOML"),
    ],
)
def test_one_wrong_value_is_refused_by_name(old: str, new: str, said: str) -> None:
    text = terms_text().replace(old, new, 1)
    assert text != terms_text()
    with pytest.raises(Misconfigured) as refused:
        parse_terms(text)
    assert said in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_code == ExitCode.MISCONFIGURED


def test_a_file_below_the_archives_root_may_hold_the_labels() -> None:
    terms = parse_terms(terms_text().replace('"labels.txt"', '"model/labels.v1..txt"'))
    assert terms.output.labels == "model/labels.v1..txt"


WHOLE_NUMBERS = {
    "model.generation": (1, 2**63 - 1),
    "model.max_unpacked_bytes": (1, 256 * GIB),
    "input.height": (1, 4096),
    "input.width": (1, 4096),
    "egress.largest_top_k": (1, 1000),
    "egress.score_digits": (0, 9),
    "egress.most_images": (1, 10_000_000),
    "stream.connections": (1, 256),
    "stream.decoders": (1, 1024),
    "stream.batch_size": (1, 1024),
    "stream.batch_wait_ms": (1, 60_000),
    "stream.encoded_mib": (1, 1 << 20),
    "stream.decoding_megapixels": (1, 1 << 20),
    "stream.window": (1, 10_000_000),
    "stream.memory_mib": (1, 1 << 20),
}
NUMBERS = {"input.scale": (1e-9, 1e6), "input.mean": (-1e6, 1e6)}


def with_value(key: str, value: object) -> str:
    """The terms with that value, as TOML has it, for one key."""
    table, name = key.split(".")
    before, heading, rest = terms_text().partition(f"[{table}]\n")
    inside, gap, after = rest.partition("\n\n")
    kept = [line for line in inside.splitlines() if not line.startswith(f"{name} =")]
    return "\n".join([before, heading or f"[{table}]", f"{name} = {value}", *kept, gap + after])


def test_every_number_has_its_bounds() -> None:
    bounded = {
        f"{name}.{each.name}"
        for name, table in TABLES.items()
        for each in keys_of(table)
        if "number" in each.kind.expected
    }
    assert bounded == {*WHOLE_NUMBERS, *NUMBERS}


@pytest.mark.parametrize(("key", "bounds"), WHOLE_NUMBERS.items())
def test_a_whole_number_is_taken_up_to_its_bounds_and_no_further(key: str, bounds: tuple[int, int]) -> None:
    low, high = bounds
    for value in bounds:
        parse_terms(with_value(key, value))
    for value in (low - 1, high + 1):
        with pytest.raises(Misconfigured, match=f"`{key}` in the terms is `{value}`, not a whole number"):
            parse_terms(with_value(key, value))


@pytest.mark.parametrize(("key", "bounds"), NUMBERS.items())
def test_a_number_is_taken_up_to_its_bounds_and_no_further(key: str, bounds: tuple[float, float]) -> None:
    def written(value: float) -> object:
        return value if key == "input.scale" else [0.0, 0.0, value]

    low, high = bounds
    for value in bounds:
        parse_terms(with_value(key, written(value)))
    for value in (low - abs(low) * 1e-6, high + high * 1e-6):
        with pytest.raises(Misconfigured, match=f"`{key}` in the terms is"):
            parse_terms(with_value(key, written(value)))


@pytest.mark.parametrize(
    ("key", "longest", "taken"),
    [("output.labels", 200, "a"), ("input.tensor", 200, "t"), ("output.tensor", 200, "t")],
)
def test_a_text_is_taken_up_to_its_length_and_no_longer(key: str, longest: int, taken: str) -> None:
    parse_terms(with_value(key, f'"{taken * longest}"'))
    for wrong in ("", taken * (longest + 1)):
        with pytest.raises(Misconfigured, match=f"`{key}` in the terms is"):
            parse_terms(with_value(key, f'"{wrong}"'))
