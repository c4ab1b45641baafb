"""The README's first screen shows what the product is; `test_demo` holds it against what the demo says."""

from __future__ import annotations

from tests.journeys.transcripts import README, block


def test_the_readme_shows_a_yes_and_a_no_whole_with_the_line_that_mends_it() -> None:
    demo, explained = block("demo"), block("explain")
    yes = next(index for index, line in enumerate(demo) if line.startswith("YES ✓"))
    assert all(line.startswith("         ") for line in demo[yes + 1 : yes + 6])
    assert any(line.startswith("NO  ✗") for line in demo)
    failing = [index for index, line in enumerate(explained) if line.startswith(("FAIL", "ERROR"))]
    assert len(failing) == 2
    assert all(explained[index + 2].startswith("         fix: operator: ") for index in failing)


def test_the_first_screen_ends_with_what_the_emulator_cannot_show() -> None:
    first = README.read_text(encoding="utf-8").split("## Try it")[0].splitlines()
    assert len(first) < 50
    assert "only Google's" in " ".join(first[-4:])
