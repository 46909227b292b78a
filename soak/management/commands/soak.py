"""`manage.py soak`: break a site in every way we know, and see whether it keeps its promises."""

import asyncio
import getpass
import json
import os
from argparse import ArgumentParser
from math import inf
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from soak.machine import raise_file_limit
from soak.plan import Plan, Running
from soak.services import Missing

INSTALL = "The soak needs the package websockets: pip install 'websockets>=14'."


class Command(BaseCommand):
    help = "Load a site, break it, and check that no message is lost, doubled or out of order."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        plan = Plan()
        add = parser.add_argument
        add("--workers", type=int, default=plan.workers, help="of the site that is started")
        add("--database", choices=("postgres", "sqlite"), default=plan.database)
        add("--url", help="a running site instead; sign in with --username and SOAK_PASSWORD")
        add("--username", default="")
        add("--clients", type=int, default=plan.clients)
        add("--rooms", type=int, default=plan.rooms)
        add("--rate", type=float, default=plan.rate, help="messages per second, over all rooms")
        add("--seconds", type=float, default=plan.seconds, help="of all faults together")
        add("--crowd", type=int, default=plan.crowd, help="sockets, where a fault needs many")
        add("--cool", type=float, default=plan.cool, help="seconds until memory must be back")
        add("--seed", type=int, default=plan.seed)
        add("--fault", action="append", default=[], metavar="NAME", help="may be repeated; or all")
        add("--list", action="store_true", help="the faults")
        add(
            "--figures",
            action="store_true",
            help="measure what the project promises, and nothing else",
        )
        add("--json", action="store_true", help="the verdict for machines")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            from soak.faults import FAULTS
        except ModuleNotFoundError as error:
            if error.name != "websockets":
                raise
            raise CommandError(INSTALL) from None
        console = Console(stderr=options["json"])
        if options["list"]:
            for fault in FAULTS.values():
                needs = f" [needs {', '.join(sorted(fault.needs))}]" if fault.needs else ""
                console.print(f"{fault.name}: {fault.summary}{needs}", markup=False, soft_wrap=True)
            return
        raise_file_limit()
        try:
            code = _measured(console) if options["figures"] else self._soaked(options, console)
        except Missing as error:
            raise CommandError(str(error)) from None
        if code:
            raise SystemExit(code)

    def _soaked(self, options: dict[str, Any], console: Console) -> int:
        from soak.session import hold

        plan, site = _plan(options), _site(options)
        verdict = asyncio.run(hold(plan, site, console))
        if options["json"]:
            self.stdout.write(json.dumps(verdict.as_json()))
        else:
            console.print(verdict.table())
        return verdict.code


def _measured(console: Console) -> int:
    from soak.figures import measure

    return 0 if asyncio.run(measure(console)) else 1


def _plan(options: dict[str, Any]) -> Plan:
    from soak.faults import FAULTS

    names = {field: options[field] for field in Plan.__dataclass_fields__ if field in options}
    for name in ("workers", "clients", "rooms", "rate", "seconds", "crowd"):
        if not 0 < options[name] < inf:
            raise CommandError(f"--{name} must be more than 0.")
    if not 0 <= options["cool"] < inf:
        raise CommandError("--cool must be 0 or more.")
    everything = "all" in options["fault"]
    faults = list(FAULTS) if everything else options["fault"]
    if unknown := set(faults) - set(FAULTS):
        raise CommandError(f"There is no fault {', '.join(sorted(unknown))}; see --list.")
    return Plan(**names, faults=tuple(faults), everything=everything)


def _site(options: dict[str, Any]) -> Running | None:
    if not options["url"]:
        return None
    for name in ("workers", "database"):
        if options[name] != getattr(Plan(), name):
            raise CommandError(
                f"--{name} is of a site that is started, and has no place beside --url."
            )
    if not options["username"]:
        raise CommandError("--url needs --username: an account that may make rooms.")
    password = os.environ.get("SOAK_PASSWORD") or getpass.getpass("Password: ")
    return Running(options["url"], options["username"], password)
