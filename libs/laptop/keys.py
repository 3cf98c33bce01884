"""`usual keys`: make, list and revoke the API keys of the system on this machine, or of a deployment's file."""

import re
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from libs.common.clock import SystemClock
from libs.common.errors import InvalidInput
from libs.common.http.credentials import Credential, Terms, new_key
from libs.common.http.key_file import SCOPES, change_keys, is_live, keys_in, with_key, without_key
from libs.laptop.launch import Keys
from libs.laptop.supervise import choose_state

keys = typer.Typer(no_args_is_help=True, help="API keys: who may call, and what for.")
_console = Console(soft_wrap=True)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_NEVER = "never"

File = Annotated[
    Path | None, typer.Option("--file", help="A deployment's file of keys; else that of the system on this machine.")
]


@keys.command()
def create(  # noqa: PLR0913 - each is an option of the command line
    *,
    holder: Annotated[str, typer.Option(help="The terminal or site that will carry it; two live keys at most.")],
    scope: Annotated[list[str], typer.Option(help=f"What it may do: {', '.join(SCOPES)}. Give one or more.")],
    store: Annotated[str, typer.Option(help="The only store that it may speak for; * is any.")] = "*",
    country: Annotated[str | None, typer.Option(help="ISO code: whose rules on personal data hold.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="A web site whose pages may carry it; https://...")] = None,
    expires_in: Annotated[str, typer.Option(help="365d, 12h, 30m, or never.")] = "365d",
    rate: Annotated[float | None, typer.Option(help="Events a second, if not the deployment's; 0: no limit.")] = None,
    file: File = None,
) -> None:
    """Make a key and show it, this once: only its SHA-256 is stored. Running services know it within two seconds."""
    now = SystemClock().now()
    terms: Terms = {
        "holder": holder,
        "store_id": store,
        "country": country,
        "origins": tuple(origin or ()),
        "not_after": _end(expires_in, now),
        "events_per_second": rate,
    }
    try:
        key, credential = new_key(_new_id(holder), frozenset(scope), **terms)
    except ValidationError as error:
        wrong = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())
        raise InvalidInput(f"no key can have these terms: {wrong}", slug="invalid-key-terms") from error
    change_keys(_chosen(file, new=True), lambda known: with_key(known, credential, now))
    typer.echo(key)
    typer.echo(f"Shown once. Its id is {credential.key_id}; it {_until(credential, now)}.", err=True)


@keys.command("list")
def list_keys(file: File = None) -> None:
    """Every key with what it may do; never what opens a door."""
    now = SystemClock().now()
    table = Table("id", "holder", "scopes", "store", "expiry", "state", box=None)
    for one in sorted(keys_in(_chosen(file)), key=lambda one: (one.holder, one.key_id)):
        expiry = f"{one.not_after:%Y-%m-%d %H:%M}Z" if one.not_after else _NEVER
        state = "live" if is_live(one, now) else "expired"
        table.add_row(one.key_id, one.holder, " ".join(sorted(one.scopes)), one.store_id, expiry, state)
    _console.print(table)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(help="As `usual keys list` shows it.")], file: File = None) -> None:
    """Take a key out of force: running services refuse it within two seconds, without a restart."""
    change_keys(_chosen(file), lambda known: without_key(known, key_id))
    typer.echo(f"{key_id} is revoked")


def _chosen(file: Path | None, *, new: bool = False) -> Path:
    """The file to work on; only one that was named may be made anew. Raises InvalidInput."""
    path = file or Keys(choose_state(None).path).credentials
    if path.exists() or (new and file is not None and path.parent.is_dir()):
        return path
    raise InvalidInput(f"no file of keys at {path}; begin with `usual up`, or name one with --file", slug="no-keys")


def _new_id(holder: str) -> str:
    """Says whose it is, and is never used twice: what was sent with it stays told apart."""
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '-', holder)[:48].strip('-') or 'key'}-{secrets.token_hex(4)}"


def _end(expires_in: str, now: datetime) -> datetime | None:
    if expires_in == _NEVER:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})([dhm])", expires_in)
    if found is None:
        raise InvalidInput(f"--expires-in {expires_in}: write 365d, 12h, 30m or never", slug="invalid-key-terms")
    return now + int(found[1]) * _UNITS[found[2]]


def _until(credential: Credential, now: datetime) -> str:
    return f"expires in {(credential.not_after - now).days} days" if credential.not_after else "never expires"
