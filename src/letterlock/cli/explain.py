"""`letterlock explain`: what a finding means, and what to set."""

from __future__ import annotations

import shutil
import textwrap
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.live_system import JsonFile, write_json
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError
from letterlock.model.service import Role

if TYPE_CHECKING:
    from letterlock.findings.rule import Rule

_EPILOG = """Examples:

\b
  letterlock explain
  letterlock explain cleartext-login
  letterlock explain certificate-expired chain-incomplete --json -

Exit codes: 0 fine, 2 no finding has that name.
"""
_WIDEST = 100
_MARGIN = 10

app = verb()


@app.command(epilog=_EPILOG)
def explain(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID...",
            help="A finding's name as check prints it; none lists them all.",
            show_default=False,
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Say what a finding means, and what to set.

    Why it matters and to whom, how bad it is on which port, who asks for better, and the setting
    in Postfix's and Dovecot's own words.
    """
    from letterlock.findings.assess import RULES

    rules = [_rule(id_) for id_ in ids or sorted(RULES)]
    if json_file is not None:
        write_json(json_file, [_document(rule) for rule in rules])
    if json_file == "-":
        return
    if ids:
        typer.echo("\n\n".join(_page(rule) for rule in rules))
        return
    width = max(len(rule.id) for rule in rules)
    for rule in rules:
        typer.echo(f"{rule.id.ljust(width)}  {rule.title}")


def _rule(id_: str) -> Rule:
    from letterlock.findings.assess import RULES

    rule = RULES.get(id_)
    if rule is None:
        near = get_close_matches(id_, RULES, n=3)
        raise InputError(
            f"no finding is called {id_!r}",
            remedy=f"did you mean {' or '.join(near)}?"
            if near
            else "letterlock explain lists them all",
        )
    return rule


def _document(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": {role.value: rule.severity_for(role).value for role in Role},
        "explanation": rule.explanation,
        "source": rule.source,
        "remedy": {"postfix": rule.postfix, "dovecot": rule.dovecot},
    }


def _page(rule: Rule) -> str:
    rows = [
        ("severity", _severities(rule)),
        ("why", rule.explanation),
        ("source", rule.source),
        *(("set", text) for text in dict.fromkeys((rule.postfix, rule.dovecot))),
    ]
    return "\n".join([f"{rule.id}: {rule.title}", *(_row(name, text) for name, text in rows)])


def _row(name: str, text: str) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    first = f"  {name}".ljust(_MARGIN + 2)
    lines = textwrap.wrap(
        text,
        max(width, _MARGIN * 3),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def _severities(rule: Rule) -> str:
    mx, others = rule.severity_for(Role.MX), rule.severity_for(Role.ACCESS)
    if mx is others:
        return mx.value
    return f"{others.value}; on port 25, between servers, {mx.value}"
