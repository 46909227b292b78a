"""`manage.py prune`: forget what is older than it has to be kept."""

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandError
from django.db.models import F
from django.utils import timezone
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from realtime.models import LogOwner
from realtime.retention import Retained, Rule, prune, retained_kinds, tail_by


class Planned(NamedTuple):
    owner_id: Any
    name: str
    tail: int
    entries: int


class Command(BaseCommand):
    help = (
        "Forget what is older than it has to be kept: of all rooms or inboxes, or of those named. "
        "With both --older-than and --keep only what both allow goes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=sorted(retained_kinds()))
        parser.add_argument("names", nargs="*", help="slugs of rooms, or names of users")
        parser.add_argument("--older-than", type=float, metavar="DAYS")
        parser.add_argument("--keep", type=int, metavar="N", help="the newest entries of each")
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *_: Any, **options: Any) -> None:
        rule = _rule(options["older_than"], options["keep"])
        retained = retained_kinds()[options["kind"]]
        with _progress() as progress:
            plans = _planned(progress, retained, rule, options["names"])
            if not options["dry_run"]:
                _carry_out(progress, retained, plans)
        done = "would go" if options["dry_run"] else "gone"
        for plan in plans:
            self.stdout.write(f"{plan.name}: {plan.entries:,} entries {done}, up to {plan.tail:,}")
        total = sum(plan.entries for plan in plans)
        self.stdout.write(f"{total:,} entries {done}, of {len(plans):,} {options['kind']}")


def _progress() -> Progress:
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    return Progress(*columns, console=Console(stderr=True))


def _rule(days: float | None, keep: int | None) -> Rule:
    if days is None and keep is None:
        raise CommandError("Say what may go: --older-than DAYS, --keep N, or both.")
    if (days is not None and not 0 <= days <= 36_500) or (keep is not None and keep < 0):
        raise CommandError("--older-than and --keep must be 0 or more.")
    before = None if days is None else timezone.now() - timedelta(days=days)
    return Rule(before=before, keep=keep)


def _planned(
    progress: Progress, retained: Retained, rule: Rule, names: Sequence[str]
) -> list[Planned]:
    """What is to go of each owner of which something is."""
    owners = _owners(retained, names)
    plans = []
    for owner, name in progress.track(owners, description="Looking"):
        tail = tail_by(rule, retained.log, owner)
        if tail > owner.tail:
            plans.append(Planned(owner.pk, name, tail, tail - owner.tail))
    return plans


def _owners(retained: Retained, names: Sequence[str]) -> list[tuple[LogOwner, str]]:
    found = retained.log.owners._default_manager.annotate(called=F(retained.name)).order_by("pk")
    if names:
        found = found.filter(called__in=names)
    owners: list[tuple[LogOwner, str]] = [
        (owner, str(getattr(owner, "called")))  # noqa: B009 - annotated
        for owner in found
    ]
    if missing := set(names) - {name for _, name in owners}:
        raise CommandError(f"There is no {', '.join(sorted(missing))}.")
    return owners


def _carry_out(progress: Progress, retained: Retained, plans: Sequence[Planned]) -> None:
    task = progress.add_task("Pruning", total=sum(plan.entries for plan in plans))
    for plan in plans:
        for count in prune(retained, plan.owner_id, tail=plan.tail):
            progress.advance(task, count)
