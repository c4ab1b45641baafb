"""A ticket opens the page once, and the folder does not have the word."""

from __future__ import annotations

from pathlib import Path

from emulator.ui.tickets import issue_ticket, redeem_ticket


def test_it_opens_once_and_only_where_it_was_issued(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    ticket = issue_ticket(tmp_path)
    assert not redeem_ticket(tmp_path / "other", ticket)
    assert redeem_ticket(tmp_path, ticket)
    assert not redeem_ticket(tmp_path, ticket)


def test_what_was_never_issued_opens_nothing(tmp_path: Path) -> None:
    issue_ticket(tmp_path)
    for word in ("", ".", "..", "../audit.jsonl", "x" * 100_000, "\ud800"):
        assert not redeem_ticket(tmp_path, word)


def test_the_folder_is_its_owners_alone_and_has_no_word(tmp_path: Path) -> None:
    ticket = issue_ticket(tmp_path)
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    (file,) = folder.iterdir()
    assert ticket not in file.name + file.read_text()


def test_old_tickets_do_not_pile_up(tmp_path: Path) -> None:
    tickets = [issue_ticket(tmp_path) for _ in range(70)]
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.iterdir())) == 64
    assert redeem_ticket(tmp_path, tickets[-1])
