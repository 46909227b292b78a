"""Posts that wait together: what they share, and what they do not."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from accounts.queries import person
from chat import post_queue as module
from chat.actions import post_messages
from chat.errors import NotFound
from chat.models import Event, Room
from chat.post_queue import PostQueue
from chat.posting import Post, Receipt
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


class Batches:
    """`post_messages`, with a count; `away` is how the database fails."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.away: Exception | None = None

    def __call__(self, posts: list[Post]) -> None:
        self.sizes.append(len(posts))
        if self.away:
            raise self.away
        post_messages(posts)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Batches:
    batches = Batches()
    monkeypatch.setattr(module, "post_messages", batches)
    return batches


def new_post(author: Any, number: int, room_id: int, receipts: list[Receipt]) -> Post:
    return Post(
        room_id=room_id,
        author=author,
        person=person(author),
        text=str(number),
        client_id=str(number),
        on_stored=receipts.append,
    )


@sync_to_async
def some_posts(cast: Cast, count: int, *, bad: int | None = None) -> tuple[list[Post], list[Any]]:
    """Posts to one room; the one numbered `bad` is to a room that is gone."""
    receipts: list[Receipt] = []
    posts = [
        new_post(cast.member, n, 0 if n == bad else cast.open_room.pk, receipts)
        for n in range(count)
    ]
    return posts, receipts


@sync_to_async
def texts(room: Room) -> list[str]:
    return list(
        Event.objects.filter(room=room, kind="message")
        .order_by("seq")
        .values_list("client_id", flat=True)
    )


async def put(queue: PostQueue, posts: list[Post]) -> list[Any]:
    return await asyncio.gather(*(queue.put(post) for post in posts), return_exceptions=True)


async def test_with_nothing_waiting_a_post_goes_at_once_and_what_waits_goes_together(
    cast: Cast, batches: Batches
) -> None:
    queue = PostQueue()
    posts, receipts = await some_posts(cast, 10)
    first = asyncio.create_task(queue.put(posts[0]))
    while not batches.sizes:  # noqa: ASYNC110 - set by a database thread
        await asyncio.sleep(0)
    assert await put(queue, posts[1:]) == [None] * 9
    await first
    assert batches.sizes == [1, 9]
    assert len(receipts) == 10
    assert await texts(cast.open_room) == [str(n) for n in range(10)]


async def test_no_more_than_64_share_a_transaction(cast: Cast, batches: Batches) -> None:
    posts, _ = await some_posts(cast, 100)
    await put(PostQueue(), posts)
    assert batches.sizes == [64, 36]
    assert await texts(cast.open_room) == [str(n) for n in range(100)]


async def test_one_bad_post_fails_alone_and_the_others_keep_their_order(cast: Cast) -> None:
    posts, receipts = await some_posts(cast, 6, bad=2)
    results = await put(PostQueue(), posts)
    assert [type(result) for result in results] == [
        NotFound if n == 2 else type(None) for n in range(6)
    ]
    assert len(receipts) == 5
    assert await texts(cast.open_room) == ["0", "1", "3", "4", "5"]


async def test_a_database_that_is_away_is_asked_once_for_all_who_wait(
    cast: Cast, batches: Batches
) -> None:
    batches.away = OperationalError("away")
    posts, receipts = await some_posts(cast, 10)
    results = await put(PostQueue(), posts)
    assert [type(result) for result in results] == [OperationalError] * 10
    assert batches.sizes == [10]
    assert receipts == []


async def test_the_queue_goes_on_after_a_failure(cast: Cast, batches: Batches) -> None:
    queue = PostQueue()
    posts, receipts = await some_posts(cast, 2)
    batches.away = OperationalError("away")
    await put(queue, posts[:1])
    batches.away = None
    assert await put(queue, posts) == [None, None]
    assert len(receipts) == 2


async def test_whoever_stops_waiting_holds_up_nobody_and_is_stored_all_the_same(
    cast: Cast,
) -> None:
    queue = PostQueue()
    posts, receipts = await some_posts(cast, 2)
    gone = asyncio.create_task(queue.put(posts[0]))
    await asyncio.sleep(0)
    gone.cancel()
    await queue.put(posts[1])
    assert len(receipts) == 2
    assert await texts(cast.open_room) == ["0", "1"]
