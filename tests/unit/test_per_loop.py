import asyncio
from contextvars import ContextVar

import pytest

from realtime.per_loop import PerLoop


class Service:
    pass


def in_a_loop_of_its_own(services: PerLoop[Service]) -> Service:
    async def get() -> Service:
        assert services.get() is services.get()
        return services.get()

    return asyncio.run(get())


def test_each_loop_has_one_and_those_of_closed_loops_are_forgotten() -> None:
    services = PerLoop(Service)
    first, second = in_a_loop_of_its_own(services), in_a_loop_of_its_own(services)
    assert first is not second
    assert services.all() == []
    assert len(services._services) == 1  # at the next use of any loop it goes too


async def test_a_forgotten_one_is_made_anew() -> None:
    services = PerLoop(Service)
    first = services.get()
    assert services.all() == [first]
    services.forget(first)
    assert services.all() == []
    assert services.get() is not first


async def test_forgetting_one_leaves_the_others() -> None:
    services = PerLoop(Service)
    mine = services.get()
    services.forget(Service())
    assert services.get() is mine


def test_without_a_loop_there_is_none_to_get() -> None:
    services = PerLoop(Service)
    with pytest.raises(RuntimeError):
        services.get()
    assert services.all() == []


async def test_a_service_has_no_context_of_who_was_first_to_use_it() -> None:
    whose = ContextVar("whose", default="nobody's")
    whose.set("the first socket's")
    assert PerLoop(whose.get).get() == "nobody's"
