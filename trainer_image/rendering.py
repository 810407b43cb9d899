"""A conversation as the model's chat template writes it out.

Rows carry keys that are ours (`unmask`, `tools`, `weight`): they are taken off here. Tool calls come with
their arguments as JSON text (the OpenAI way) or as an object; templates expect the object.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from trainer_image.rows import Message

_OURS: Final = {"unmask", "tools", "weight"}


def render(tokenizer: Any, messages: list[Message], *, add_generation_prompt: bool = False) -> str:
    """The conversation as text, special tokens written out."""
    text: str = tokenizer.apply_chat_template(
        **template_input(messages), tokenize=False, add_generation_prompt=add_generation_prompt
    )
    return text


def template_input(messages: list[Message]) -> dict[str, Any]:
    """Arguments of `apply_chat_template`: the messages, and the tools their row came with."""
    tools = next((m["tools"] for m in messages if m.get("tools")), None)
    if isinstance(tools, str):
        tools = json.loads(tools)
    return {"conversation": [_clean(message) for message in messages], "tools": tools}


def _clean(message: Message) -> Message:
    clean = {key: value for key, value in message.items() if key not in _OURS}
    if isinstance(clean.get("tool_calls"), list):
        clean["tool_calls"] = [_with_object(call) for call in clean["tool_calls"]]
    return clean


def _with_object(call: Any) -> Any:
    """The call with its arguments as an object, where they are JSON text of one."""
    if not isinstance(call, Mapping):
        return call
    if isinstance(call.get("function"), Mapping):
        return {**call, "function": _with_object(call["function"])}
    arguments = call.get("arguments")
    if not isinstance(arguments, str):
        return call
    try:
        return {**call, "arguments": json.loads(arguments)}
    except ValueError:
        return call
