"""What each error's code means, in words that say who acts next, and each rule: `symbolon --explain CODE`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from attestation.errors import (
    Denied,
    EvidenceRejected,
    ExitCode,
    Misconfigured,
    NotKnown,
    SymbolonError,
    Unavailable,
    quoted,
)
from contract.release_refusals import REFUSALS
from policy.rule_slugs import SLUGS

from .rendering import columns, console, print_json, printable_lines
from .rule_pages import read_page

_FAMILIES: dict[type[SymbolonError], str] = {
    SymbolonError: "whoever develops symbolon acts next",
    Misconfigured: "whoever wrote the configuration acts next",
    EvidenceRejected: "nobody should act on this evidence",
    Denied: "whoever could grant it acts next",
    NotKnown: "neither yes nor no: it is not known here what the platform would answer",
    Unavailable: "nobody has to act: the same call may succeed later",
}

_MEANINGS: dict[type[SymbolonError], dict[str, str]] = {
    SymbolonError: {
        "bug": "The program did something that nobody meant it to do. Run it again with "
        "SYMBOLON_TRACEBACK=1 to see where, and report that.",
    },
    Misconfigured: {
        "misconfigured": "A file, an option or a setting cannot be used as it is. The message names it, "
        "the hint says what would do.",
        "wrong-usage": "What was typed cannot be meant: a time that is none, a condition that is not CEL, "
        "standard input for two files. Nothing was read or asked; type it again.",
        "invalid-expression": "A condition or a mapping is not CEL that Google would accept. The message "
        "has the place in the text.",
        "model-misfit": "The SavedModel's signature is not what the owner's terms say: names, shapes or "
        "types of its input and output differ. The owner corrects the terms, or exports the model again.",
        "scale-missing": "The owner's terms do not say the mean or the scale that the model was trained "
        "with. The log has what a trial on one photo suggests, once a folder of results; the owner looks "
        "it up, and publishes the image again. Until then its policy admits an image that tells its operator "
        "scores: little, and as often as there are folders.",
        "model-unmendable": "No terms make this model one that the workload can feed: it wants another "
        "layout, encoded pictures, a second input, or does not say its classes. Its owner saves it again; "
        "the hint says how.",
        "already-there": "A file that would be written is there, and says something else. Look at the "
        "difference, and say --force.",
        "receipt-format-unknown": "The receipt is of another format, or of none that is known here. A newer "
        "version of this program may read it.",
        "manifest-format-unknown": "The sealed model's manifest is of a format that is not known here. "
        "Publish the image from the version of this program that sealed the model, or seal it again.",
        "keys-format-unknown": "The sealed model's wrapped keys are of a format that is not known here. "
        "Publish the image from the version of this program that wrote them, or rotate with this one.",
        "release-version-unknown": "Workload and broker speak other versions of the protocol by which a key "
        "is released. The owner runs a broker and publishes images of one version of this program.",
        "licence-format-unknown": "The licence is of a format that is not known here. A newer version of "
        "this program may read it.",
        "order-format-unknown": "The order, or its body, is of a format that is not known here. The owner's "
        "command and the broker have to be of one version of this program.",
        "approvals-format-unknown": "The list of keys that approve is of a format that is not known here. "
        "The owner's command and the broker have to be of one version of this program.",
        "templates-format-unknown": "The licence templates are of a format that is not known here. The "
        "owner's command and the broker have to be of one version of this program.",
        "model-key-format-unknown": "The model's key is handed over in a format that is not known here. The "
        "owner's command and the broker have to be of one version of this program.",
        "broker-answer-format-unknown": "What owner and broker say to one another is of a format that is "
        "not known here. The owner's command and the broker have to be of one version of this program.",
        "log-entry-format-unknown": "An entry of a broker's log is of a format that is not known here. Read "
        "the log with the version of this program that the broker runs.",
        "kms-key-unusable": "The version of the owner's key that wrapped the model's key is disabled, or is "
        "destroyed or about to be. Enable or restore it; what a destroyed one wrapped stays closed.",
        "not-found": "What was asked for is not there, or may not be seen. Check the name, the project, "
        "and that it was created.",
        "already-exists": "Something of that name is there already. Choose another name, or look at who "
        "made it.",
        "name-taken": "The name is another project's: names of buckets are global. Choose another name; "
        "nothing was written to that bucket.",
        "not-ours": "What is there would have to be changed or deleted, and does not say that this "
        "program made it. Change it yourself, or choose another name. Whoever wants it to be symbolon's "
        "puts its mark there: the label `managed-by=symbolon` on a bucket, a repository or a key, the "
        "sentence `Made by symbolon (managed-by=symbolon).` in the description of an account, a pool or a "
        "provider.",
        "stale-plan": "What would be done now is not what the saved plan shows: something has changed "
        "since, or something else is wanted. Nothing was changed; plan again, and look at it.",
        "api-disabled": "The project has not enabled the API that was called. The hint has the line that "
        "enables it; whoever owns the project runs it, and it takes a minute or two.",
        "billing-off": "The project has no billing account, or a closed one, and Google creates nothing "
        "in it. Link one, and run the command again: it goes on from where it is.",
        "database-url-unknown": "The broker's database is SQLite, by a file, or PostgreSQL. Write its URL as "
        "the hint has it.",
        "database-not-durable": "The database may forget what it has committed, and with it runs that are "
        "spent. Set what the message names, or put the file on a local disk.",
        "database-in-use": "Another broker has opened this SQLite file, and one alone may. Stop it, or have "
        "both on PostgreSQL.",
        "migration-missing": "The database's tables are those of another version of this program. Older "
        "ones: stop the broker, take a backup, and run `symbolon broker migrate`. Newer: use that version.",
        "passphrase-wrong": "The passphrase does not open the broker's master key, or the file was altered: "
        "the two look alike. Give the one of `symbolon broker init`; where it is right, restore "
        "`master.key`.",
        "master-key-format-unknown": "The broker's master key is sealed in a format that is not known here. "
        "Use the version of this program that sealed it.",
        "master-key-unknown": "A key of the broker's is wrapped by a master key that is not at hand: another "
        "broker's, an older one, or another key of Cloud KMS. Restore folder and database from one backup.",
        "not-a-broker": "The folder has no `broker.toml`, so no broker was made in it, or not to the end.",
        "broker-already-there": "A broker is made in an empty folder alone: no key is ever overwritten.",
        "broker-folder-in-use": "A broker serves from the folder already, or another command replaces or "
        "copies its keys. A second broker, on PostgreSQL, has a copy of the folder.",
        "address-taken": "The broker cannot listen at the address: another process does, or the machine has "
        "no such address. Stop that one, or name another address.",
        "quota-exceeded": "The project has as many of these as Google gives it. Remove what is not "
        "needed, or ask for more in the console, below quotas.",
    },
    EvidenceRejected: {
        "evidence-rejected": "Something is not what it claims to be: a model whose bytes are not the "
        "published ones, an image that differs from its digest. Do not use it; find out who changed it.",
        "token-too-large": "The token is longer than any that the platform makes.",
        "token-malformed": "The token is not three base64url parts with a JSON object in each of the "
        "first two. Look for a line end, quotes or a cut inside it.",
        "duplicate-claim": "One JSON object names the same member twice, so two readers could see two "
        "values.",
        "algorithm-not-allowed": "The token's header asks for another algorithm than RS256. With `none` "
        "or HS256 anybody could have made it.",
        "critical-header": "The token's header demands an extension (`crit`) that is not understood "
        "here, and a demand that is not understood must be refused.",
        "key-id-missing": "The token's header does not name the key that signed it.",
        "key-set-malformed": "The key set is not a JSON Web Key Set, or its named key cannot be read. "
        "Fetch it again from the issuer's `jwks_uri`.",
        "duplicate-key-id": "Two keys of the key set have the same `kid`, so it is not certain which one "
        "is meant.",
        "unknown-key": "No key of the key set has the token's `kid`. Google's keys rotate: an old token "
        "needs the key set of its day. A token of the emulator needs the emulator's.",
        "key-not-allowed": "The key is not an RSA key of an acceptable size, or is not meant for RS256 "
        "signatures.",
        "signature-invalid": "The key did not sign these bytes: the token was changed, or belongs to "
        "another key.",
        "chain-missing": "The token carries no certificates (`x5c`), so no root can vouch for it. It may "
        "be an OIDC token: verify it with --jwks.",
        "chain-malformed": "The token's certificates cannot be read.",
        "untrusted-root": "The token's certificates do not end in the root given. A token of the "
        "emulator never ends in Google's.",
        "chain-broken": "One of the token's certificates was not issued by the next one.",
        "certificate-twice": "One certificate stands twice in the token's chain.",
        "certificate-expired": "A certificate was no longer valid at the given time. Use --at for a "
        "token of the past.",
        "certificate-not-yet-valid": "A certificate was not valid yet at the given time. Check --at, or "
        "the clock.",
        "not-a-certificate-authority": "A certificate that issued another one is not allowed to issue any.",
        "path-too-long": "There are more certificates below an authority than it may have.",
        "key-usage-forbidden": "The leaf certificate does not allow its key to sign tokens.",
        "critical-extension": "A certificate has a critical extension that is not understood here.",
        "names-constrained": "A certificate limits the names that may stand below it. The platform's do not, "
        "and names are not compared here, so such a chain is refused.",
        "claim-missing": "A claim that every Confidential Space token has is absent: it may be another "
        "issuer's.",
        "claim-malformed": "A claim has another type than its documentation gives it.",
        "wrong-issuer": "Somebody else than the expected issuer made the token.",
        "wrong-audience": "The token was made for somebody else. Where it was meant for this provider, "
        "compare the provider's allowed audiences with the token's `aud`.",
        "token-expired": "The token's lifetime, one hour, is over at the given time. Use --at for a "
        "token of the past.",
        "token-not-yet-valid": "The token's lifetime has not begun at the given time. Check --at, or the "
        "clock.",
        "token-issued-in-future": "The token says that it is issued later than the given time. Check "
        "--at, or the clock.",
        "token-never-valid": "The token expires before it begins: no clock makes it valid.",
        "proof-rejected": "The proof does not lead from this row, in its place, to the root: the row, its "
        "place, the proof or the root is of another run.",
        "licence-malformed": "It is no licence as this project writes one, or it binds to nobody, or to "
        "neither an image nor a policy. The owner issues it again.",
        "licence-signed-by-another": "None of the owner's keys that were given signs the licence: it is "
        "somebody else's, or was altered.",
        "cosignature-rejected": "One of several signatures is of a key that may not sign, or does not hold. "
        "None of them is counted then, so that nobody can add to what others signed.",
        "order-malformed": "It is no order as this project writes one: an envelope, and the body whose "
        "digest is signed. Make it anew.",
        "approvals-malformed": "It is no list of an owner's keys as this project writes one.",
        "templates-malformed": "They are no licence templates as this project writes them.",
        "model-key-malformed": "The model's data key was sealed for another broker, another model or another "
        "version, or was altered on its way. Hand it over anew.",
        "query-malformed": "It is no query of one of the owner's keys.",
        "broker-answer-rejected": "The answer is not signed by the broker's key, or is one to something "
        "else. Look at what stands between here and the broker.",
        "receipt-malformed": "It is not a receipt as this project writes it: an envelope with one "
        "signature, and in it a statement with the members of its format and no others.",
        "nonce-mismatch": "The token was made for something else: the receipt's statement was changed, "
        "or the token was taken from another receipt.",
        "statement-contradicted": "The token's claims say otherwise than the statement: another image, "
        "another reference, or an emulator's token under a production statement.",
        "unprotected-machine": "The machine was open to its operator: a debug image, no secure boot, no "
        "Confidential Space, or memory that is not encrypted. Whoever has such a machine can have anything "
        "attested.",
        "overrides-beyond-label": "The operator set a variable or a command that the image's label does not "
        "allow, or asked for something else than the statement says.",
        "network-not-direct": "The image reached Google through a proxy, or trusted a private certificate "
        "authority, so somebody could have stood between them.",
        "emulator-evidence": "An emulator made the token, on somebody's own machine. With --emulator the "
        "receipt is read as what it is; it proves nothing of any machine.",
        "results-differ": "The results are not those that the receipt was made for: an object is missing or "
        "changed, a file that a reader would take for one was added, or the roots are others.",
        "counts-contradict": "The numbers in the receipt do not fit one another, or the results.",
        "envelope-malformed": "It is not a signed envelope as this project writes it: a payload, its type "
        "and one signature, in one text.",
        "manifest-malformed": "The sealed model's manifest has the digest that the terms pin, and is not as "
        "this project writes it. Whoever sealed it used another program; seal it again.",
        "manifest-not-pinned": "The manifest in the bucket is another model's, or another version's of "
        "this model, than the image was published for. Restore the one that the message names, or publish an "
        "image for this one.",
        "manifest-unsigned": "The terms name the owner's key, and nobody signed the manifest. Seal the model "
        "again with that key.",
        "manifest-signed-by-another": "The manifest is signed by another key than the terms name. Find out "
        "who wrote to the bucket; then seal the model again with the owner's key.",
        "keys-malformed": "The sealed model's wrapped keys are not as this project writes them, so nothing "
        "was unwrapped. Restore `keys.json`, or seal the model again.",
        "keys-of-another": "The wrapped keys in the bucket belong to another manifest than the one beside "
        "them. Restore them, or seal the model again.",
        "sealed-truncated": "Bytes are missing from the sealed model. Upload it again.",
        "sealed-too-long": "The sealed model has more bytes than its manifest says: something was added, or "
        "stands there twice. Upload it again, and find out who wrote to the bucket.",
        "sealed-header-differs": "The sealed model is another stream than its manifest says.",
        "sealed-segment-misplaced": "A part of the sealed model stands in the place of another part of it. "
        "Somebody rearranged it; upload it again.",
        "sealed-segment-foreign": "A part of the sealed model was altered, or is another model's. Upload it "
        "again, and find out who wrote to the bucket.",
        "wrapped-key-refused": "The owner's key in Cloud KMS does not open what the bucket has for it: it "
        "was wrapped for another manifest, or altered. Restore `keys.json`, or seal the model again.",
        "sealed-key-does-not-open": "The key that was unwrapped does not open the sealed model's first part: "
        "it is another model's, or that part was altered.",
        "audit-log-broken": "The emulator's audit log is not as it was written: a line was dropped, moved, "
        "edited or cut off, or its head is another one. The message says where it begins.",
        "layer-rejected": "A layer of the image is not what an honest builder writes: a path that leads out "
        "of the image or through a link, a sparse member, a decompression bomb, bytes behind its end, or "
        "another layer than the image's configuration names. Nothing more of it is read. Do not run it.",
        "image-moved": "The tag names another image than the one that was looked at. Find out who moved "
        "it, and look again before anything is launched.",
        "release-message-malformed": "What a workload and a broker sent one another is not as this program "
        "writes it. Both have to be of one version of it; else look at what stands between them.",
        "release-not-for-us": "The key that the broker released does not open: it was sealed for another "
        "request, or altered on its way. Nothing was used of it.",
        "release-contradicted": "What a broker answered, or what a receipt says of its release, is not what "
        "the broker's log has. A workload uses no such key; the owner looks at the broker, and at what "
        "stands before it.",
        "broker-not-pinned": "Whoever answered at the broker's address has another key than the owner's "
        "terms pin, and was told nothing. Look at the network; where the broker's key was changed, the owner "
        "publishes the image with the new pin.",
        "note-malformed": "It is no signed note: a text, an empty line, and a line for each signature. Fetch "
        "it again; a file that a browser saved may have been altered.",
        "note-signed-by-another": "What a broker's log says is not signed by the key that was named, or a "
        "witness's signature does not hold. Compare the key with the one in the terms; then find out who "
        "wrote it.",
        "checkpoint-malformed": "It is signed, and does not say how many entries a log has and the root over "
        "them.",
        "log-entry-malformed": "An entry of a broker's log is none as this program writes it.",
        "log-bundle-malformed": "The entries or digests that a log shows are cut, or are more or fewer than "
        "its checkpoint says. Fetch it again; if it stays so, the log hides something.",
        "log-incomplete": "A broker's log does not show an entry, or digests, that its checkpoint says it "
        "has. Fetch it again; if it stays so, something is hidden.",
        "log-differs": "The entries that a broker's log shows are not those whose root it signed: one was "
        "altered, dropped, added or moved.",
        "log-forked": "A broker's log had other entries before than it shows now: it was rewritten, or two "
        "readers are shown two logs. The two signed checkpoints prove it; keep them.",
        "log-cut": "A broker's log was longer before than it is now: its end was cut, its database was "
        "restored from an old backup, or an old copy is shown. Ask the owner.",
        "log-of-another": "The checkpoint that was kept belongs to another log. Name the right file.",
        "log-epoch-began": "Entries of a broker's log were lost, and its owner has begun another epoch, "
        "whose log is held against nothing of the earlier one. Ask the owner what was lost; then keep it in "
        "a new file.",
        "opening-of-another": "What an entry of the log is said to be about is not what it commits to. "
        "Whoever handed it out altered it, or took it from another entry.",
        "certificate-malformed": "What a server showed for a certificate is none, so there is no key to "
        "compare with the pin. Look at what stands before the broker.",
        "master-key-malformed": "The broker's `master.key` is not as this program seals one: it was cut, or "
        "edited. Restore it from a backup.",
        "wrapped-refused": "A key that the broker keeps wrapped does not open: it was altered, or lies in "
        "another's place. Restore folder and database from one backup.",
        "checkpoint-rejected": "A model checkpoint is not a plain dictionary of tensors. Reading it "
        "further could run what it names, so it is not read.",
    },
    Denied: {
        "denied": "The owner's condition or a permission said no. `symbolon auditor explain` says which "
        "clause; for a permission, the message names it.",
        "permission-denied": "Google does not let this caller do it. Where the permission is known, the "
        "hint has the line by which whoever owns the project grants a role that holds it.",
        "another-image": "The receipt is of another image than the one that was demanded.",
        "refused-by-policy": "The policy that was given does not admit the claims of the receipt's "
        "token. Its clauses say why.",
        "mapping-rejected": "A provider's attribute mapping cannot be computed from the token, or the "
        "result breaks one of Google's limits, so STS refuses before it asks the condition.",
    },
    NotKnown: {
        "not-known": "Neither yes nor no, and the message says what is open: what Google's STS would answer "
        "to a part of the owner's policy that is not evaluated here (`symbolon auditor review` shows where "
        "it stands), or whose image may be believed where a receipt is verified.",
    },
    Unavailable: {
        "unavailable": "A service did not answer, or not as it should. It was tried again already; try "
        "later.",
        "broker-unreachable": "Nobody answers at the broker's address, or not by TLS 1.3. It was tried again "
        "already; the owner looks whether it is up and reachable from that network.",
        "concurrent-change": "Somebody else changed the same resource meanwhile. Run the command again.",
    },
}

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeExplained:
    """One code: its family, and what a person should know."""

    code: str
    family: type[SymbolonError]
    meaning: str


EXPLAINED = {
    **{
        code: CodeExplained(code=code, family=family, meaning=meaning)
        for family, meanings in _MEANINGS.items()
        for code, meaning in meanings.items()
    },
    **{
        each.code: CodeExplained(code=each.code, family=each.family, meaning=f"A broker's no. {each.meaning}")
        for each in REFUSALS.values()
    },
}


def explain_code(code: str, *, output: str) -> ExitCode:
    """What the code means, or the rule's page, stands on standard output; `all` lists every code.

    Raises:
        Misconfigured: there is no such code.
    """
    if code != ALL and code not in EXPLAINED and code not in SLUGS:
        near = difflib.get_close_matches(code, [*EXPLAINED, *SLUGS], n=3)
        raise Misconfigured(
            f"there is no error code and no rule {quoted(code)}",
            hint=f"did you mean {', '.join(near)}?" if near else "symbolon --explain all lists them",
        )
    errors = [each for each in EXPLAINED.values() if code in (ALL, each.code)]
    rules = [slug for slug in SLUGS if code in (ALL, slug)]
    if output == "json":
        documents = [_render(explained) for explained in errors]
        documents += [{"rule": slug, "page": read_page(slug)} for slug in rules]
        print_json(
            documents if code == ALL else {key: value for each in documents for key, value in each.items()}
        )
    elif code == ALL:
        rows = [(each.code, _consequence(each)) for each in errors]
        console().print(columns([*rows, *((slug, "a rule for policies") for slug in rules)]))
    else:
        texts = [f"{each.code}: {_consequence(each)}\n\n{each.meaning}" for each in errors]
        texts += [printable_lines(read_page(slug)) for slug in rules]
        console().print("\n\n".join(texts))
    return ExitCode.YES


def _consequence(explained: CodeExplained) -> str:
    family = explained.family
    return f"{family.family} (exit code {family.exit_code:d}), {_FAMILIES[family]}"


def _render(explained: CodeExplained) -> dict[str, object]:
    family = explained.family
    return {
        "code": explained.code,
        "family": family.family,
        "exit_code": int(family.exit_code),
        "meaning": explained.meaning,
    }
