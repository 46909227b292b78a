"""Posts that wait together: what they share, and what they do not."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from accounts.queries import person
from chat import post_queue as module
from chat.actions import store_messages
from chat.errors import NotFound
from chat.models import Event, Room
from chat.post_queue import PostQueue
from chat.posting import Post, Receipt, Waiting
from chat.room_log import RoomBusy
from realtime.hub import hubs
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


class Batches:
    """`store_messages`, with a count; `away` is how the database fails, `kept` are locked rooms."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.impatient: list[bool] = []
        self.away: Exception | None = None
        self.kept: set[int] = set()
        self.kept_later: set[int] = set()  # from the second batch on
        self.away_later: Exception | None = None

    def __call__(self, posts: list[Post], *, impatient: bool) -> list[Receipt]:
        self.sizes.append(len(posts))
        self.impatient.append(impatient)
        away, self.away = self.away, self.away or self.away_later
        if away:
            raise away
        kept, self.kept = self.kept, self.kept | self.kept_later
        for room_id in sorted({post.room_id for post in posts} & kept):
            raise RoomBusy(room_id)
        return store_messages(posts)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Batches:
    batches = Batches()
    monkeypatch.setattr(module, "store_messages", batches)
    return batches


@sync_to_async
def some_posts(
    cast: Cast, count: int, *, room: Room | None = None, bad: int | None = None
) -> list[Post]:
    """Posts to one room; the one numbered `bad` is to a room that is gone."""
    return [
        Post(
            room_id=0 if number == bad else (room or cast.open_room).pk,
            author=cast.member,
            person=person(cast.member),
            text=str(number),
            client_id=str(number),
            entered_at=0,
        )
        for number in range(count)
    ]


@sync_to_async
def texts(room: Room) -> list[str]:
    return list(
        Event.objects.filter(room=room, kind="message")
        .order_by("seq")
        .values_list("client_id", flat=True)
    )


def put(queue: PostQueue, post: Post) -> "asyncio.Future[Any]":
    """The receipt, or the error, as the author is told of it."""
    hubs.get()  # where there is a queue there are sockets
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    queue.put(Waiting(post=post, on_stored=told.set_result, on_failed=told.set_result))
    return told


async def put_all(queue: PostQueue, posts: list[Post]) -> list[Any]:
    return await asyncio.gather(*[put(queue, post) for post in posts])


def kinds(outcomes: list[Any]) -> list[type]:
    return [type(outcome) for outcome in outcomes]


async def test_with_nothing_waiting_a_post_goes_at_once_and_what_waits_goes_together(
    cast: Cast, batches: Batches
) -> None:
    queue = PostQueue()
    posts = await some_posts(cast, 10)
    first = put(queue, posts[0])
    while not batches.sizes:  # noqa: ASYNC110 - set by a database thread
        await asyncio.sleep(0)
    assert kinds(await put_all(queue, posts[1:])) == [Receipt] * 9
    await first
    assert batches.sizes == [1, 9]
    assert await texts(cast.open_room) == [str(n) for n in range(10)]


async def test_a_burst_that_takes_several_turns_of_the_loop_to_read_goes_together(
    cast: Cast, batches: Batches
) -> None:
    queue = PostQueue()
    told = []
    for post in await some_posts(cast, 5):
        told.append(put(queue, post))
        await asyncio.sleep(0)
    await asyncio.gather(*told)
    assert batches.sizes == [5]


async def test_no_more_than_64_share_a_transaction(cast: Cast, batches: Batches) -> None:
    await put_all(PostQueue(), await some_posts(cast, 100))
    assert batches.sizes == [64, 36]
    assert await texts(cast.open_room) == [str(n) for n in range(100)]


async def test_one_bad_post_fails_alone_and_the_others_keep_their_order(cast: Cast) -> None:
    outcomes = await put_all(PostQueue(), await some_posts(cast, 6, bad=2))
    assert kinds(outcomes) == [NotFound if n == 2 else Receipt for n in range(6)]
    assert await texts(cast.open_room) == ["0", "1", "3", "4", "5"]


async def test_a_database_that_is_away_is_asked_once_for_all_who_wait(
    cast: Cast, batches: Batches
) -> None:
    batches.away = OperationalError("away")
    outcomes = await put_all(PostQueue(), await some_posts(cast, 100))
    assert kinds(outcomes) == [OperationalError] * 100
    assert batches.sizes == [64]


@pytest.fixture
async def go_on(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """The loop's clock stands still; it goes on by so many seconds."""
    now = asyncio.get_running_loop().time()

    def go_on(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    return go_on


async def test_a_room_that_another_keeps_fails_alone_and_is_not_waited_for_again(
    cast: Cast, batches: Batches, go_on: Callable[[float], None]
) -> None:
    queue = PostQueue()
    kept, others = await some_posts(cast, 3), await some_posts(cast, 4, room=cast.public_room)
    batches.kept = {cast.open_room.pk}
    outcomes = await put_all(queue, [kept[0], others[0], kept[1], others[1]])
    assert kinds(outcomes) == [RoomBusy, Receipt] * 2
    # For a while it is not asked for; then without patience, and once it is free as ever.
    assert kinds(await put_all(queue, [kept[0], others[2]])) == [RoomBusy, Receipt]
    go_on(module.BUSY)
    assert kinds(await put_all(queue, [kept[0], others[3]])) == [RoomBusy, Receipt]
    batches.kept = set()
    go_on(module.BUSY)
    for post in kept:
        assert kinds(await put_all(queue, [post])) == [Receipt]
    assert batches.sizes == [4, 2, 1, 2, 1, 1, 1, 1]
    assert batches.impatient == [False, True, False, True, True, True, False, False]
    assert await texts(cast.open_room) == ["0", "1", "2"]


async def test_of_many_rooms_that_are_kept_few_are_waited_for(
    cast: Cast, batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 2)
    rooms = [cast.open_room, cast.public_room, cast.private_room]
    posts = [post for room in rooms for post in await some_posts(cast, 1, room=room)]
    batches.kept = {room.pk for room in rooms}
    assert kinds(await put_all(PostQueue(), posts)) == [RoomBusy] * 3
    assert batches.sizes == [3, 2]
    assert batches.impatient == [False, True]


async def test_a_room_that_is_kept_while_posts_go_one_by_one_is_asked_for_once(
    cast: Cast, batches: Batches
) -> None:
    bad, *kept = await some_posts(cast, 4, bad=0)
    (other,) = await some_posts(cast, 1, room=cast.public_room)
    batches.kept_later = {cast.open_room.pk}
    outcomes = await put_all(PostQueue(), [bad, *kept, other])
    assert kinds(outcomes) == [NotFound, RoomBusy, RoomBusy, RoomBusy, Receipt]
    assert batches.sizes == [5, 1, 1, 1]


async def test_a_database_that_is_lost_while_posts_go_one_by_one_is_asked_once_more(
    cast: Cast, batches: Batches
) -> None:
    posts = await some_posts(cast, 5, bad=0)
    batches.away_later = OperationalError("away")
    outcomes = await put_all(PostQueue(), posts)
    assert kinds(outcomes) == [OperationalError] * 5
    assert batches.sizes == [5, 1]


async def test_the_queue_goes_on_after_a_failure(cast: Cast, batches: Batches) -> None:
    queue = PostQueue()
    posts = await some_posts(cast, 2)
    batches.away = OperationalError("away")
    await put_all(queue, posts[:1])
    batches.away = None
    assert kinds(await put_all(queue, posts)) == [Receipt] * 2


@pytest.mark.parametrize("bad", [None, 0])
async def test_an_author_who_cannot_be_told_holds_up_nobody(cast: Cast, bad: int | None) -> None:
    def broken(_: object) -> None:
        raise RuntimeError

    queue = PostQueue()
    posts = await some_posts(cast, 3, bad=bad)
    queue.put(Waiting(post=posts[0], on_stored=broken, on_failed=broken))
    assert kinds(await put_all(queue, posts[1:])) == [Receipt] * 2


async def test_the_author_is_told_before_the_room(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr("realtime.publish._send", lambda group, _: published.append(group))
    (post,) = await some_posts(cast, 1)
    PostQueue().put(
        Waiting(
            post=post,
            on_stored=lambda _: told.set_result(len(published)),
            on_failed=told.set_exception,
        )
    )
    assert await told == 0
    assert published == [f"room.{cast.open_room.pk}"]
