"""Going away and coming back: nothing typed is lost, and nothing is there twice."""

import asyncio

import pytest
from playwright.async_api import WebSocketRoute, expect

from tests.browser.people import People
from tests.browser.server import Server
from tests.browser.site import Site
from tests.browser.window import Window


async def waiting_ids(window: Window, *, count: int) -> list[str]:
    await expect(window.pending).to_have_count(count)
    return await window.pending.evaluate_all("rows => rows.map(row => row.dataset.clientId)")


async def stored_ids(site: Site, room: str) -> list[str]:
    return [message["client_id"] for message in await site.messages(room)]


async def test_what_was_typed_offline_goes_out_once_on_return(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=room)
    await ada.context.set_offline(True)
    await ada.shows_state("offline")
    await ada.write("From the tunnel", "Still in it")
    ids = await waiting_ids(ada, count=2)
    await mira.write("While you were away")
    await mira.has_sent_everything()
    assert len(await site.messages(room)) == 1
    await ada.context.set_offline(False)
    await mira.sees("From the tunnel", "Still in it")
    await ada.sees("While you were away")
    await ada.has_sent_everything()
    expected = ["While you were away", "From the tunnel", "Still in it"]
    assert await ada.texts() == await mira.texts() == expected
    assert (await stored_ids(site, room))[1:] == ids


async def test_a_killed_server_loses_nothing_that_was_said_or_typed(
    people: People, site: Site, server: Server, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=room)
    await ada.write("Before")
    await mira.sees("Before")
    await ada.has_sent_everything()
    await asyncio.to_thread(server.kill)
    await ada.shows_state("reconnecting")
    await mira.shows_state("reconnecting")
    await ada.write("Ada during")
    await mira.write("Mira during")
    ids = [*await waiting_ids(ada, count=1), *await waiting_ids(mira, count=1)]
    await asyncio.to_thread(server.start)
    for window in (ada, mira):
        await window.is_connected()
        await window.sees("Before", "Ada during", "Mira during")
        await window.has_sent_everything()
    assert await ada.texts() == await mira.texts()
    assert await ada.texts() == [message["text"] for message in await site.messages(room)]
    assert sorted((await stored_ids(site, room))[1:]) == sorted(ids)


async def test_what_waits_survives_closing_the_tab(people: People, site: Site, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=room)
    await ada.context.set_offline(True)
    await ada.shows_state("offline")
    await ada.write("Written in a tunnel")
    ids = await waiting_ids(ada, count=1)
    await ada.keeps("waiting")
    tab = await ada.another_tab()
    await ada.page.close()
    await ada.context.set_offline(False)
    assert await site.messages(room) == []
    await tab.enter(room)
    await mira.sees("Written in a tunnel")
    await tab.has_sent_everything()
    await tab.sees("Written in a tunnel")
    await tab.reload()
    await tab.sees("Written in a tunnel")
    assert await stored_ids(site, room) == ids


async def test_what_waits_in_one_room_goes_out_from_another(
    people: People, site: Site, room: str
) -> None:
    other = await site.room()
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=room)
    await ada.context.set_offline(True)
    await ada.shows_state("offline")
    await ada.write("Left behind")
    await ada.keeps("waiting")
    tab = await ada.another_tab()
    await ada.page.close()
    await ada.context.set_offline(False)
    await tab.enter(other)
    await mira.sees("Left behind")
    assert await tab.texts() == []


async def test_two_tabs_of_one_person_send_what_waits_once(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    tab = await ada.another_tab()
    await tab.enter(room)
    await ada.context.set_offline(True)
    await ada.shows_state("offline")
    await ada.write("Once")
    await ada.pending.wait_for()
    await ada.context.set_offline(False)
    for window in (ada, tab):
        await window.sees("Once")
        await window.has_sent_everything()
    assert len(await site.messages(room)) == 1


async def test_what_was_missed_during_a_long_absence_is_all_there(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.context.set_offline(True)
    await ada.shows_state("offline")
    texts = [f"Line {number}" for number in range(1, 121)]
    await site.say(room, texts)
    await ada.context.set_offline(False)
    await ada.sees("Line 120")
    assert await ada.texts() == texts


async def test_past_the_servers_limit_the_newest_page_is_loaded_anew(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write("Long ago")
    await ada.has_sent_everything()
    await ada.context.set_offline(True)
    await ada.shows_state("offline")
    await ada.write("Typed meanwhile")
    await site.say(room, [f"Line {number}" for number in range(1, 1_101)])
    await ada.context.set_offline(False)
    await ada.sees("Line 1100", "Typed meanwhile")
    await ada.has_sent_everything()
    texts = await ada.texts()
    assert texts[-2:] == ["Line 1100", "Typed meanwhile"]
    first = int(texts[0].split()[1])
    assert texts[:-1] == [f"Line {number}" for number in range(first, 1_101)]


async def test_the_state_of_the_connection_is_said_quietly(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    state = ada.page.locator(".connection").get_by_role("status")
    await expect(state).to_have_text("Connected")
    await ada.context.set_offline(True)
    await expect(state).to_have_text("Offline")
    await ada.context.set_offline(False)
    await expect(state).to_have_text("Connected")


async def test_being_signed_out_ends_this_page_and_keeps_what_is_typed(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada")
    sockets: list[WebSocketRoute] = []

    def handle(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    await ada.page.route_web_socket("**/ws/chat/**", handle)
    await ada.enter(room)
    await ada.type("Half a sent")
    await sockets[0].close(code=4401)
    notice = ada.page.get_by_role("alert").filter(has_text="You are signed out")
    await expect(notice.get_by_role("link", name="Sign in")).to_be_visible()
    await ada.shows_state("offline")
    await expect(ada.composer).to_have_value("Half a sent")
    assert len(sockets) == 1


@pytest.mark.parametrize("code", [4403, 4404])
async def test_a_room_that_is_closed_to_one_says_so_and_takes_no_more(
    people: People, room: str, code: int
) -> None:
    ada = await people.guest("Ada")
    await ada.page.route_web_socket("**/ws/chat/**", lambda socket: socket.close(code=code))
    await ada.go(f"/chat/{room}/")
    await expect(ada.page.locator(".notice")).to_be_visible()
    await expect(ada.page.get_by_role("button", name="Send")).to_be_disabled()
    await expect(ada.page.get_by_role("button", name="Try again")).to_be_hidden()
