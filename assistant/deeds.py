"""What an answer says was done: only the tools that write know, whatever a language model makes of it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence

from langchain_core.messages import AnyMessage, ToolMessage

from assistant.grounding import Unsupported
from assistant.tools import WRITES

_WRITING = frozenset(write.tool.name for write in WRITES)


def told_by(turn: Sequence[AnyMessage]) -> list[str]:
    """What the tools that write said in a turn: what is done, or why it is not."""
    said = (str(it.get("done") or it.get("message") or "") for it in _results(turn))
    return list(filter(None, dict.fromkeys(said)))


def with_told(text: str, turn: Sequence[AnyMessage]) -> str:
    """The answer, with what the tools that write said before it where it leaves any of that out."""
    left_out = [it for it in told_by(turn) if _bare(it) not in _bare(text)]
    return "\n\n".join([*left_out, text])


_CLAIM = re.compile(
    r"\b(?:I|we)(?:\s(?:have|had)|['’]ve)?\s"
    r"(?:(?:now|just|already|also|successfully|gone ahead and|went ahead and)\s)*"
    r"(?:approved|rejected|set|changed|updated|applied|saved|recorded|imported|published|pushed|sent|undone"
    r"|reverted|raised|lowered|cut)\b"
    r"|\b(?:has|have)\s(?:now\s|just\s|successfully\s|been\s)*been\s(?:now\s|successfully\s)?"
    r"(?:sent|pushed|published)\sto\b"
    r"|我?(?:已经?|刚刚?)(?:成功)?(?:帮您|为您|替您|给您)(?:成功)?(?:把.{1,20})?"
    r"(?:批准|采纳|拒绝|设置|设为|设定|修改|改成|改为|更新|应用|保存|记录|导入|发布|发送|发给|推送|撤销)"
    r"|我已经?(?:成功)?(?:批准|采纳|拒绝|设置|设定|修改|更新|应用|保存|导入|发布|发送|推送|撤销)",
    re.IGNORECASE,
)
_NOT_SAID_OF_NOW = re.compile(
    r"\b(?:if|unless|when|had|whether|until|once)\b|如果|若|一旦|是否", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"[.!?](?!\d)|[。！？\n；;]")


def claimed(text: str, turn: Sequence[AnyMessage]) -> list[Unsupported]:
    """Where an answer says that something was done though no tool of the turn did it."""
    if any(it.get("status") == "ok" for it in _results(turn)):
        return []
    return [
        Unsupported(*match.span(), match[0], "deed")
        for match in _CLAIM.finditer(text)
        if not _NOT_SAID_OF_NOW.search(_SENTENCE_END.split(text[: match.start()])[-1])
    ]


_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_IMAGE = re.compile(r"!\[([^\[\]]*)\](?:\s?\([^()]*\)|\s?\[[^\[\]]*\])?")
_LINK = re.compile(r"\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_ENTITY = re.compile(r"&#(?:\d+|x[\da-f]+);", re.IGNORECASE)


def inert(text: str) -> str:
    """The text without what a page would fetch or follow, and with no digits in disguise.

    A picture is fetched from wherever its address says, with whatever the address holds: a name in a file
    that made a model write one would send the shop's numbers out.
    """
    while (plain := _once(text)) != text:
        text = plain
    return text


def _once(text: str) -> str:
    text = _TAG.sub("", _ENTITY.sub(lambda match: html.unescape(match[0]), text))
    return _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))


def _results(turn: Sequence[AnyMessage]) -> list[dict[str, object]]:
    results = [
        json.loads(str(message.text))
        for message in turn
        if isinstance(message, ToolMessage) and message.name in _WRITING and message.status != "error"
    ]
    return [it for it in results if isinstance(it, dict)]


def _bare(text: str) -> str:
    """Letters and digits alone: emphasis and line ends make no difference."""
    return re.sub(r"[\W_]", "", text).casefold()
