"""Nobody's death leaves a ghost."""

import time
from collections.abc import Callable

from tests.e2e.client import silent
from tests.e2e.conftest import Served
from tests.e2e.workers import Worker

# A lease is for 15 s, and those that ran out are looked for every 5 s.
WORKER_FORGOTTEN = 21.0
# A ping every 10 s, an answer within 10 s.
PEER_FORGOTTEN = 25.0


async def test_the_people_of_a_dead_worker_and_behind_dead_connections_go_offline(
    large: Served, serve: Callable[..., Served]
) -> None:
    doomed = serve(Worker(large.site, "doomed"))
    assert large.last.runserver  # plain daphne takes up to 52 s to find a dead peer
    room = await large.room()
    ann, ben, cem, dan = await large.guests("Ann", "Ben", "Cem", "Dan")
    async with (
        ann.in_room(large.first, room) as at_ann,
        silent(large.last, f"/ws/chat/{room}/", token=dan.access),
        ben.in_room(doomed.first, room),
        cem.in_room(doomed.first, room),
    ):
        await at_ann.sees("joined", cem, online=4)
        begun = time.monotonic()
        doomed.first.kill()
        # Cem comes back elsewhere at once, and stays.
        async with cem.in_room(large.last, room) as at_cem:
            assert at_cem.welcome["online"] == 4
            gone: dict[str, float] = {}
            while len(gone) < 2:
                told = await at_ann.until("presence", within=PEER_FORGOTTEN)
                gone |= {person["id"]: time.monotonic() - begun for person in told["left"]}
            assert told["online"] == 2
            assert gone.keys() == {ben.id, dan.id}
            assert gone[ben.id] <= WORKER_FORGOTTEN
            assert gone[dan.id] <= PEER_FORGOTTEN
