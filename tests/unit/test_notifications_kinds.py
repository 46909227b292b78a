import pytest

from notifications.kinds import Kind, kind_named, register


def test_a_registered_kind_is_found_by_its_name() -> None:
    assert kind_named("generic").label == "Notice"


def test_an_app_registers_its_own_kinds_when_it_is_ready() -> None:
    assert kind_named("order-shipped").label == "Order shipped"


def test_a_kind_may_be_registered_again_but_not_with_another_meaning() -> None:
    register(Kind(name="generic", label="Notice"))
    with pytest.raises(ValueError, match="registered already"):
        register(Kind(name="generic", label="Something else"))


@pytest.mark.parametrize("name", ["", "with space", "-first", "a" * 51, "a\n", "ä"])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name for a kind"):
        register(Kind(name=name, label="x"))
    with pytest.raises(ValueError, match="no name for a kind"):
        kind_named(name)


def test_a_kind_that_nobody_registered_is_called_by_its_name() -> None:
    assert kind_named("disk-full").label == "disk-full"
