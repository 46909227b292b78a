"""A site is started or taken as it is, soaked, and told of as it goes."""

import asyncio
import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from soak.faults import FAULTS, Fault
from soak.plan import Plan, Running
from soak.runner import soak
from soak.stage import Stage, own_site, running_site
from soak.verdict import Verdict

DRAWN_EVERY = 0.5


async def hold(plan: Plan, site: Running | None, console: Console) -> Verdict:
    chosen = [FAULTS[name] for name in plan.faults]
    why = {fault.name: fault.impossible(plan, own=site is None) for fault in chosen}
    possible = [fault for fault in chosen if not why[fault.name]]
    needs = {need for fault in possible for need in fault.needs}
    progress = Progress(console)
    progress.told("starting the site" if site is None else f"asking {site.url}")
    with running_site(site, plan) if site else own_site(plan, needs) as stage:
        verdict = await _shown(stage, possible, progress)
    verdict.skipped = {name: reason for name, reason in why.items() if reason}
    verdict.wanted = [] if plan.everything else list(plan.faults)
    return verdict


async def _shown(stage: Stage, faults: Sequence[Fault], progress: "Progress") -> Verdict:
    with progress.live:
        drawing = asyncio.create_task(progress.draw(stage))
        try:
            return await soak(stage, faults, progress.told)
        finally:
            drawing.cancel()


class Progress:
    """Steps as lines, and below them what has come so far."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self.live = Live(console=console, auto_refresh=False, transient=True)

    def told(self, step: str) -> None:
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {step}")

    async def draw(self, stage: Stage) -> None:
        while True:
            ledger = stage.ledger
            table = Table.grid(padding=(0, 2))
            table.add_row(
                f"{len(ledger.posts):,} sent",
                f"{ledger.acknowledged:,} acknowledged",
                f"{ledger.deliveries:,} delivered",
                f"{ledger.reconnects:,} reconnects",
                f"{ledger.broken.total():,} breaches",
            )
            self.live.update(table, refresh=True)
            await asyncio.sleep(DRAWN_EVERY)
