"""A server on this machine that speaks OpenAI's protocol, says what a test tells it to, and misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scripted_model import result_in

Seen = list[dict[str, Any]]
"""The messages of a request, the content of tools' messages read."""
Reply = dict[str, Any]
"""`content`, `calls` as (name, arguments), `text` of arguments that are no JSON, or a way to fail: `status`,
`hang` in seconds, `drop`, `garbage`."""
Line = Reply | Callable[[Seen], Reply]


def says(text: str) -> Reply:
    return {"content": text}


def calls(*pairs: tuple[str, Any]) -> Reply:
    return {"calls": pairs}


def result(seen: Seen) -> Any:
    """What the last tool returned."""
    return next(m["content"] for m in reversed(seen) if m["role"] == "tool")


class Server:
    """Answers with its lines in order, the last for ever."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = list(lines)
        self.requests: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        """What in the requests a real provider would have refused."""
        handler = type("Handler", (_Handler,), {"server_of": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def next_line(self, body: dict[str, Any]) -> Reply:
        self.requests.append(body)
        self.complaints += _breaches(body["messages"])
        line = self.lines[min(len(self.requests), len(self.lines)) - 1]
        return line(_read(body["messages"])) if callable(line) else line


class _Handler(BaseHTTPRequestHandler):
    server_of: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.server_of.next_line(body)
        time.sleep(reply.get("hang", 0))
        if reply.get("drop"):
            self.close_connection = True
            self.connection.close()
        elif "status" in reply:
            self._send(json.dumps({"error": {"message": "no"}}), "application/json", reply["status"])
        elif reply.get("garbage"):
            self._send("<html>", "application/json")
        elif body.get("stream"):
            self._stream(_message(reply), broken=reply.get("break", False))
        else:
            message = _message(reply)
            reason = "tool_calls" if "tool_calls" in message else "stop"
            choice = {"index": 0, "message": message, "finish_reason": reason}
            whole = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
            self._send(json.dumps(whole), "application/json")

    def _stream(self, message: dict[str, Any], *, broken: bool) -> None:
        """In pieces: the text by words, each call's arguments by halves."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": word + " "} for word in (message.get("content") or "").split()]
        for i, call in enumerate(message.get("tool_calls", ())):
            arguments = call["function"]["arguments"]
            half = len(arguments) // 2
            first = {**call, "index": i, "function": {**call["function"], "arguments": arguments[:half]}}
            deltas += [{"tool_calls": [first]}]
            deltas += [{"tool_calls": [{"index": i, "function": {"arguments": arguments[half:]}}]}]
        events = [_chunk(delta) for delta in deltas]
        events += [_chunk({}, finish="tool_calls" if "tool_calls" in message else "stop"), "[DONE]"]
        if broken:
            events = events[: len(events) // 2]
        text = "".join(f"data: {event}\n\n" for event in events)
        self.close_connection = True
        length = None if not broken else len(text.encode()) + 100  # less comes than was promised
        self._send(text, "text/event-stream", length=length)

    def _send(self, text: str, kind: str, status: int = 200, *, length: int | None = None) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def _message(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.get("content")}
    made = [
        {"id": f"call_{time.monotonic_ns()}_{i}", "type": "function", "function": _function(name, arguments)}
        for i, (name, arguments) in enumerate(reply.get("calls", ()))
    ]
    return message | ({"tool_calls": made} if made else {})


def _function(name: str, arguments: Any) -> dict[str, str]:
    return {"name": name, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    whole = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return json.dumps(whole)


def _read(messages: Seen) -> Seen:
    return [{**m, "content": _content(m["content"])} if m["role"] == "tool" else m for m in messages]


def _content(text: str) -> Any:
    return result_in(text) if text.startswith("<shop_data>{") else text


def _breaches(messages: Seen) -> list[str]:
    """Calls without their results right after them, and results without their calls: a provider refuses."""
    found, open_calls = [], set[str]()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                found.append(f"a result without its call: {message['tool_call_id']}")
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            found.append(f"calls without results before {message['role']}: {sorted(open_calls)}")
        open_calls = {call["id"] for call in message.get("tool_calls") or ()}
        if message["role"] == "assistant" and not message.get("content") and not open_calls:
            found.append("an empty message of the assistant")
    return found
