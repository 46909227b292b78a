"""The sockets as an AsyncAPI 3 document, made of the types that decode and encode their frames."""

from collections.abc import Iterable, Mapping
from inspect import cleandoc, getdoc
from typing import Any

import msgspec
from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern

from realtime.close_codes import MEANINGS, CloseCode
from realtime.consumer import SocketConsumer
from realtime.frames import NOT_BUILT, ClientFrame, ServerFrame, tag_of

COMPONENTS = "#/components/schemas/{name}"

Consumer = type[SocketConsumer]
Json = dict[str, Any]


def document(
    routes: Iterable[URLPattern],
    *,
    info: Json,
    servers: Json,
    security_schemes: Json,
) -> Json:
    """`routes` are those of the sockets, each with a SocketConsumer behind it.

    `servers` and `security_schemes` are AsyncAPI's objects of that name. A client's frame is
    received, a server's sent: the document speaks of the server.
    """
    consumers = {address_of(route): consumer_of(route) for route in routes}
    frames = {frame: None for consumer in consumers.values() for frame in frames_of(consumer)}
    references, schemas = _schemas(list(frames))
    return {
        "asyncapi": "3.0.0",
        "info": info,
        "defaultContentType": "application/json",
        "servers": servers,
        "channels": {
            name_of(address): _channel(address, consumer, references)
            for address, consumer in consumers.items()
        },
        "operations": dict(
            operation
            for address, consumer in consumers.items()
            for operation in _operations(name_of(address), consumer)
        ),
        "components": {"schemas": schemas, "securitySchemes": security_schemes},
        "x-close-codes": [
            {"code": int(code), "means": MEANINGS[code], "reconnect": code.reconnect}
            for code in CloseCode
        ],
    }


def consumer_of(route: URLPattern) -> Consumer:
    consumer: Consumer = route.callback.consumer_class  # type: ignore[attr-defined]  # Channels'
    return consumer


def address_of(route: URLPattern) -> str:
    """As `/ws/chat/{slug}/`."""
    return simplify_regex(str(route.pattern)).replace("<", "{").replace(">", "}")


def name_of(address: str) -> str:
    """As `chat`: the part behind `/ws/`."""
    return address.strip("/").split("/")[1]


def client_frames(consumer: Consumer) -> list[type[ClientFrame]]:
    """What is raw is not parsed."""
    return [] if consumer.raw_messages else list(consumer.decoder.frames.values())


def frames_of(consumer: Consumer) -> list[type[ClientFrame] | type[ServerFrame]]:
    return [*client_frames(consumer), *consumer.server_frames]


def _schemas(frames: list[Any]) -> tuple[dict[Any, Json], Json]:
    """A reference for each frame, and what is referred to."""
    references, schemas = msgspec.json.schema_components(frames, ref_template=COMPONENTS)
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = cleandoc(schema["description"])
        properties = schema.get("properties", {})
        for name in [
            name for name, field in properties.items() if NOT_BUILT.items() <= field.items()
        ]:
            del properties[name]
    return dict(zip(frames, references, strict=True)), schemas


def _channel(address: str, consumer: Consumer, references: Mapping[Any, Json]) -> Json:
    messages = {
        key: {
            "name": tag_of(frame),
            "contentType": "application/json",
            "payload": references[frame],
        }
        for frame in frames_of(consumer)
        for key in [_key(frame)]
    }
    channel: Json = {
        "address": address,
        "description": cleandoc(getdoc(consumer) or ""),
        "messages": messages | consumer.raw_messages,
        "bindings": {"ws": {"method": "GET", "query": _query(consumer), "bindingVersion": "0.1.0"}},
    }
    parameters: Json = {part[1:-1]: {} for part in address.split("/") if part.startswith("{")}
    if parameters:
        channel["parameters"] = parameters
    return channel


def _query(consumer: Consumer) -> Json:
    return {"type": "object", "properties": consumer.query}


def _operations(name: str, consumer: Consumer) -> Iterable[tuple[str, Json]]:
    raw = list(consumer.raw_messages)
    received = [*map(_key, client_frames(consumer)), *raw]
    sent = [*map(_key, consumer.server_frames), *raw]
    for action, keys in (("receive", received), ("send", sent)):
        yield (
            f"{name}.{action}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{key}"} for key in keys],
            },
        )


def _key(frame: type[ClientFrame] | type[ServerFrame]) -> str:
    """Some types go both ways, as different frames."""
    side = "client" if issubclass(frame, ClientFrame) else "server"
    return f"{side}.{tag_of(frame)}"
