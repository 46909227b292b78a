"""Nobody's death leaves a ghost."""

from collections.abc import Callable

from tests.e2e.client import silent
from tests.e2e.conftest import Served
from tests.e2e.workers import Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

# A lease is for 13 s, those that ran out are looked for every 5 s, and told of within another.
WORKER_FORGOTTEN = 20.0
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
        ben.in_room(doomed.first, room),
        cem.in_room(doomed.first, room),
        silent(large.last, f"/ws/chat/{room}/", token=dan.access),
    ):
        await at_ann.until("presence", online=4)
        watch = Stopwatch()
        doomed.first.kill()
        # Cem comes back elsewhere at once, and stays.
        async with cem.in_room(large.last, room) as at_cem:
            assert at_cem.welcome["online"] == 4
            gone: dict[str, float] = {}
            while len(gone) < 2:
                told = await at_ann.until("presence", within=3 * PEER_FORGOTTEN)
                gone |= {person["id"]: watch.seconds for person in told["left"]}
            assert told["online"] == 2
            assert gone.keys() == {ben.id, dan.id}
            assert_below(gone[ben.id], WORKER_FORGOTTEN)
            assert_below(gone[dan.id], PEER_FORGOTTEN)
