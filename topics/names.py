"""What topics are called: by people, in the store and in the hub."""

from hashlib import sha256

TOPIC_PATTERN = r"^[A-Za-z0-9._:-]{1,100}(?![\s\S])"  # not `$`: for Python it allows a newline
PERSONAL = "user:"
GROUPS = "topic"


def owner_of(topic: str) -> str | None:
    """The id of the person whose topic `user:<id>:…` is; None for everybody's."""
    if not topic.startswith(PERSONAL):
        return None
    return topic.removeprefix(PERSONAL).partition(":")[0]


def topic_id(topic: str) -> str:
    """A name that every store and channel layer takes, whatever people call the topic."""
    return sha256(topic.encode()).hexdigest()


def topic_group(topic: str) -> str:
    """Backed by the topic's log."""
    return f"{GROUPS}.{topic_id(topic)}"
