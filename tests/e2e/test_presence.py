"""A worker's death leaves no ghosts."""

from collections.abc import Callable

from tests.e2e.conftest import Served
from tests.e2e.workers import Worker

# A lease is for 15 s, and those that ran out are looked for every 5 s.
GHOSTS_GONE = 21.0


async def test_the_people_of_a_killed_worker_are_offline_within_20_seconds(
    large: Served, serve: Callable[..., Served]
) -> None:
    doomed = serve(Worker(large.site, "doomed"))
    room = await large.room()
    ann, ben, cem = await large.guests("Ann", "Ben", "Cem")
    async with (
        ann.in_room(large.first, room) as at_ann,
        ben.in_room(doomed.first, room),
        cem.in_room(doomed.first, room),
    ):
        await at_ann.sees("joined", cem, online=3)
        # Cem comes back elsewhere at once, and stays.
        doomed.first.kill()
        async with cem.in_room(large.last, room) as at_cem:
            assert at_cem.welcome["online"] == 3
            await at_ann.sees("left", ben, within=GHOSTS_GONE, online=2)
            await at_cem.sees("left", ben, online=2)
            assert not [frame for frame in at_ann.frames if cem.person in frame.get("left", ())]
