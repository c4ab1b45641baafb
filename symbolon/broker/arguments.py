"""What can be typed after `symbolon broker`."""

from __future__ import annotations

import argparse
from pathlib import Path

from attestation.errors import ExitCode

from ..extras import require_extra
from ..parsers import Parser, add, add_group, add_output, add_passphrase


def add_broker(commands: argparse._SubParsersAction[Parser], says: str) -> None:
    broker = add_group(commands, "broker", says)
    _add_init(broker)
    serve = add(
        broker,
        "serve",
        "answer workloads and the owner, until Ctrl-C; one line says when it is ready",
        "  symbolon broker serve broker --passphrase-file /run/keys/broker\n"
        "  symbolon broker serve broker --address 0.0.0.0:8443\n\n"
        "The log is JSON, a line an event, on standard error.\n",
    )
    serve.add_argument(
        "--address", metavar="ADDRESS:PORT", help="where to listen, instead of what `broker.toml` says"
    )
    serve.set_defaults(run=_serve)
    status = add(
        broker,
        "status",
        "what the broker has, whether it answers, and whether it would release now",
        "  symbolon broker status broker\n\nexit codes: 0 it serves and is ready · 3 it does not\n",
    )
    status.set_defaults(run=_status)
    migrate = add(
        broker,
        "migrate",
        "bring the database to the tables of this version; what stands in it stays",
        "  symbolon broker migrate broker          after an update, the broker stopped\n",
    )
    migrate.set_defaults(run=_migrate)
    backup = add(
        broker,
        "backup",
        "copy the folder, and SQLite's database as it is at one moment, while the broker serves",
        "  symbolon broker backup broker /mnt/backups/2026-11-27\n\n"
        "The keys in it are wrapped: keep the passphrase elsewhere. Of PostgreSQL take a dump as well.\n",
    )
    _add_folder(backup)
    backup.add_argument("target", metavar="TARGET", type=Path, help="a folder that is not there")
    backup.set_defaults(run=_backup)
    restore = add(
        broker,
        "restore",
        "make a broker's folder of a backup; it releases nothing until its log is whole, or an epoch begins",
        "  symbolon broker restore /mnt/backups/2026-11-27 broker --checkpoint kept.txt\n"
        "  symbolon broker restore /mnt/backups/2026-11-27 broker         then: symbolon owner order epoch\n",
    )
    restore.add_argument("backup", metavar="BACKUP", type=Path, help="what `symbolon broker backup` made")
    restore.add_argument("folder", metavar="DIR", type=Path, help="a folder that is not there")
    restore.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="the last checkpoint that was kept elsewhere: where the backup's log goes as far, it is whole",
    )
    restore.set_defaults(run=_restore)
    rotate_master = add(
        broker,
        "rotate-master",
        "the next step to another master key, while the broker serves: run it until it says done",
        "  symbolon broker rotate-master broker      makes a key, and says what the owner signs for it\n"
        "  symbolon broker rotate-master broker      after that: wraps everything by it\n\n"
        "exit codes: 0 done · 3 it waits for the owner's order\n",
    )
    rotate_master.set_defaults(run=_rotate_master)
    rotate_tls = add(
        broker,
        "rotate-tls",
        "show the next TLS key from the next start on, and make one that follows it",
        "  symbolon broker rotate-tls broker         publish the new pins before it is done again\n",
    )
    rotate_tls.set_defaults(run=_rotate_tls)
    for parser in (serve, rotate_master, rotate_tls):
        _add_passphrase(parser)
    for parser in (serve, status, migrate, rotate_master, rotate_tls):
        _add_folder(parser)
    for parser in (serve, status, migrate, backup, restore, rotate_master, rotate_tls):
        add_output(parser)


def _add_init(broker: argparse._SubParsersAction[Parser]) -> None:
    init = add(
        broker,
        "init",
        "make a broker: its folder, its keys and its tables; what goes into `terms.toml` is shown",
        "  symbolon broker init broker --url https://broker.primus.example:8443 --owner-key owner.pem.pub\n"
        "  symbolon broker init broker --url https://broker.primus.example --owner-key a.pub \\\n"
        "      --owner-key b.pub --threshold 2 --database postgresql://broker@db/broker \\\n"
        "      --kms projects/…/cryptoKeys/…\n"
        "  symbolon broker init broker --url https://broker.primus.example --owner-key owner.pem.pub \\\n"
        "      --emulator root.pem                  one that believes that emulator, and not Google\n",
    )
    init.add_argument("folder", metavar="DIR", type=Path, help="a folder that is empty, or not there")
    init.add_argument(
        "--url", required=True, metavar="URL", help="where workloads reach it: `https://HOST[:PORT]`"
    )
    init.add_argument(
        "--owner-key",
        required=True,
        action="append",
        metavar="FILE.pub",
        help="a key whose owner may give orders (`symbolon owner keys new`); may be given several times",
    )
    init.add_argument(
        "--threshold",
        type=int,
        default=1,
        metavar="N",
        help="so many of them sign what needs approval (default: 1)",
    )
    init.add_argument(
        "--address",
        metavar="ADDRESS:PORT",
        help="where it listens (default: the URL's port, on every address of this machine)",
    )
    init.add_argument(
        "--database",
        metavar="URL",
        help="`postgresql://…` for two brokers and more (default: SQLite, in DIR)",
    )
    init.add_argument(
        "--kms", metavar="KEY", help="the master key, in Cloud KMS (default: in DIR, locked by a passphrase)"
    )
    init.add_argument(
        "--emulator",
        metavar="ROOT.pem",
        help="believe the tokens that lead to this emulator's root, and not Google's",
    )
    init.add_argument("--root", metavar="FILE", help="Google's root, instead of asking Google for it")
    init.add_argument("--witness", metavar="URL", help="who cosigns each checkpoint before a key leaves")
    init.add_argument("--witness-key", metavar="VKEY", help="the witness's key: `name+hash+base64`")
    _add_passphrase(init)
    add_output(init)
    init.set_defaults(run=_init)


def _add_folder(parser: Parser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="the broker's folder")


def _add_passphrase(parser: Parser) -> None:
    add_passphrase(
        parser,
        "the master key's passphrase is its first line (default: systemd's credential `passphrase`,"
        " else it is asked for)",
    )


def _init(arguments: argparse.Namespace) -> ExitCode:
    require_extra("broker")
    from .init import Wanted, init

    return init(
        Wanted(
            folder=arguments.folder,
            url=arguments.url,
            address=arguments.address,
            database=arguments.database,
            kms=arguments.kms,
            owner_keys=tuple(arguments.owner_key),
            threshold=arguments.threshold,
            emulator=arguments.emulator,
            root=arguments.root,
            witness=arguments.witness,
            witness_key=arguments.witness_key,
        ),
        passphrase_file=arguments.passphrase_file,
        output=arguments.output,
    )


def _serve(arguments: argparse.Namespace) -> ExitCode:
    require_extra("broker")
    from .serve import serve

    return serve(
        arguments.folder,
        address=arguments.address,
        passphrase_file=arguments.passphrase_file,
        output=arguments.output,
    )


def _status(arguments: argparse.Namespace) -> ExitCode:
    require_extra("broker")
    from .status import status

    return status(arguments.folder, output=arguments.output)


def _migrate(arguments: argparse.Namespace) -> ExitCode:
    require_extra("broker")
    from .migrate import migrate

    return migrate(arguments.folder, output=arguments.output)


def _backup(arguments: argparse.Namespace) -> ExitCode:
    require_extra("broker")
    from .backup import backup

    return backup(arguments.folder, arguments.target, output=arguments.output)


def _restore(arguments: argparse.Namespace) -> ExitCode:
    require_extra("broker")
    from .restore import restore

    return restore(
        arguments.backup, arguments.folder, checkpoint=arguments.checkpoint, output=arguments.output
    )


def _rotate_master(arguments: argparse.Namespace) -> ExitCode:
    require_extra("broker")
    from .rotate import rotate_master

    return rotate_master(arguments.folder, passphrase_file=arguments.passphrase_file, output=arguments.output)


def _rotate_tls(arguments: argparse.Namespace) -> ExitCode:
    require_extra("broker")
    from .rotate import rotate_tls

    return rotate_tls(arguments.folder, passphrase_file=arguments.passphrase_file, output=arguments.output)
