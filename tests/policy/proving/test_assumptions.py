"""Each assumption that an answer can list stands in the page that says what a proof means."""

from __future__ import annotations

import re
from pathlib import Path

from policy.policy_set import policy_set_of
from policy.proving.answers import OF_TYPES, Undecided
from policy.proving.prover import Prover
from policy.proving.smt.facts import FACTS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "what-a-proof-means.md"
CONTAINER = "assertion.submods.container"
READS_OF_ALL_KINDS = " && ".join(
    (
        'assertion.iss != "" && assertion.hwmodel == "GCP_AMD_SEV" && assertion.no_such_claim == "x"',
        f'{CONTAINER}.image_digest != ""',
        '"STABLE" in assertion.submods.confidential_space.support_attributes',
        f'{CONTAINER}.args[0] != "" && {CONTAINER}.env_override.all(name, name != "") && assertion.oemid > 0',
    )
)
SENTENCES = {fact.label for fact in FACTS}
PLACES = {"…": ".+", "A, B or C": ".+", "N": "[0-9]+"}


def documented_forms() -> list[str]:
    """What stands in code in the first column of the page's table of assumptions, as patterns."""
    table = PAGE.read_text(encoding="utf-8").partition("| assumption |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    forms = [re.escape(form) for cell in cells for form in re.findall("`([^`]+)`", cell)]
    for place, pattern in PLACES.items():
        forms = [re.sub(rf"(?<!\w){re.escape(re.escape(place))}(?!\w)", pattern, form) for form in forms]
    return forms


def test_the_page_lists_every_form_of_an_assumption() -> None:
    with Prover(documented=True) as prover:
        script = prover.to_smt2(policy_set_of(READS_OF_ALL_KINDS), "false")
    with Prover() as prover:
        of_types = prover.prove("true", "assertion.no_such_claim == 1 || true")
    assert isinstance(of_types, Undecided)
    labels = {*re.findall("^; assumed: (.+)$", script, re.MULTILINE), *of_types.assumptions, OF_TYPES}
    assert labels & SENTENCES
    found = {each.replace("`", "") for each in labels - SENTENCES}
    forms = documented_forms()
    assert [each for each in found if not any(re.fullmatch(form, each) for form in forms)] == []
    assert [form for form in forms if not any(re.fullmatch(form, each) for each in found)] == []


def test_the_sentence_that_the_page_gives_as_an_example_is_one_of_the_issuers_facts() -> None:
    (example,) = re.findall(r"a sentence such as \*(.+?)\*", PAGE.read_text(encoding="utf-8"))
    assert example in SENTENCES
