"""Promises of seconds, which a machine may keep from being kept."""


class Exceeded(AssertionError):
    """More than was promised.

    What else a machine does only ever adds to a time. So a test that fails by this is tried three
    times (`addopts` in pyproject.toml): a promise that is broken is so each time. Not for sizes,
    of which a second try finds the first one's, nor where what is late was lost and healed.
    """


def assert_below(measured: float, limit: float, what: object = "") -> None:
    if measured >= limit:
        raise Exceeded(f"{measured:,.3f}, and {limit:,.3f} is promised {what}".rstrip())
