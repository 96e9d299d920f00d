"""Anthropic's SDK against the gateway; whoever answers behind it must not be noticed.

Runs with both generations: 1.x sends `x-api-key`, 2.x `Authorization: Bearer`.
"""

import anthropic
import play
import pydantic

URL, KEY, SUFFIX = play.arguments()
client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)

WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Weather(pydantic.BaseModel):
    city: str
    degrees: int


def asked(text):
    return [{"role": "user", "content": text}]


def text(model):
    answer = client.messages.create(
        model=model, max_tokens=64, system="Be brief.", messages=asked("hello")
    )
    return answer.to_dict()


def stop_sequences(model):
    answer = client.messages.create(
        model=model, max_tokens=64, messages=asked("hello"), stop_sequences=["END"]
    )
    return answer.content[0].text


def stream(model):
    events = list(client.messages.create(model=model, max_tokens=64, messages=asked("hello"), stream=True))
    starts = [e for e in events if e.type == "message_start"]
    deltas = [e for e in events if e.type == "content_block_delta"]
    ends = [e for e in events if e.type == "message_delta"]
    return {
        "text": "".join(e.delta.text for e in deltas),
        "pieces": len(deltas),
        "starts": len(starts),
        "model": starts[0].message.model,
        "finish_reasons": [e.delta.stop_reason for e in ends],
        "output_tokens": ends[-1].usage.output_tokens,
        "types": [e.type for e in events if e.type != "ping"],
    }


def stream_accumulated(model):
    """The SDK's own accumulator checks every event against what came before."""
    with client.messages.stream(model=model, max_tokens=64, messages=asked("hello")) as events:
        kinds = [event.type for event in events]
        final = events.get_final_message()
    return {"kinds": sorted(set(kinds)), "final": final.to_dict()}


def tools(model):
    """Two parallel calls, their results, the answer."""
    messages = asked("Weather in Paris and Rome?")
    first = client.messages.create(
        model=model, max_tokens=64, messages=messages, tools=[WEATHER], tool_choice={"type": "auto"}
    )
    return looped(model, messages, first)


def stream_tools(model):
    messages = asked("Weather in Paris and Rome?")
    with client.messages.stream(model=model, max_tokens=64, messages=messages, tools=[WEATHER]) as events:
        first = events.get_final_message()
    return looped(model, messages, first)


def looped(model, messages, first, **more):
    calls = [block for block in first.content if block.type == "tool_use"]
    results = [
        {
            "type": "tool_result",
            "tool_use_id": call.id,
            "content": [{"type": "text", "text": f"sunny in {call.input['city']}"}],
        }
        for call in calls
    ]
    messages = [
        *messages,
        {"role": "assistant", "content": [block.to_dict() for block in first.content]},
        {"role": "user", "content": results},
    ]
    last = client.messages.create(
        model=model, **{"max_tokens": 64, **more}, messages=messages, tools=[WEATHER]
    )
    return {
        "calls": [[c.id, c.name, c.input] for c in calls],
        "finish_reasons": [first.stop_reason, last.stop_reason],
        "answer": last.content[-1].text,
    }


def shown(model, source):
    blocks = [{"type": "text", "text": "What is on this?"}, {"type": "image", "source": source}]
    answer = client.messages.create(
        model=model, max_tokens=64, messages=[{"role": "user", "content": blocks}]
    )
    return answer.content[0].text


def images(model):
    return shown(model, {"type": "base64", "media_type": "image/png", "data": play.PIXEL})


def image_urls(model):
    return shown(model, {"type": "url", "url": play.PICTURE_URL})


THINK = {"type": "enabled", "budget_tokens": 1024}


def thinking(model):
    answer = client.messages.create(model=model, max_tokens=4096, thinking=THINK, messages=asked("Think."))
    return told(answer)


def stream_thinking(model):
    with client.messages.stream(
        model=model, max_tokens=4096, thinking=THINK, messages=asked("Think.")
    ) as events:
        return told(events.get_final_message())


def thinking_tools(model):
    """What proves the thoughts goes back with the results."""
    messages = asked("Weather in Paris and Rome?")
    first = client.messages.create(
        model=model, max_tokens=4096, thinking=THINK, messages=messages, tools=[WEATHER]
    )
    return looped(model, messages, first, max_tokens=4096, thinking=THINK)


def stream_thinking_tools(model):
    messages = asked("Weather in Paris and Rome?")
    with client.messages.stream(
        model=model, max_tokens=4096, thinking=THINK, messages=messages, tools=[WEATHER]
    ) as events:
        first = events.get_final_message()
    return looped(model, messages, first, max_tokens=4096, thinking=THINK)


def told(answer):
    thoughts = [block for block in answer.content if block.type == "thinking"]
    return {
        "order": [block.type for block in answer.content],
        "text": "".join(block.text for block in answer.content if block.type == "text"),
        "reasoning": "".join(block.thinking for block in thoughts),
        "signature": "".join(block.signature for block in thoughts),
        "usage": answer.usage.to_dict(),
    }


def structured(model):
    answer = client.messages.parse(
        model=model, max_tokens=64, messages=asked("Weather in Paris?"), output_format=Weather
    )
    assert isinstance(answer.parsed_output, Weather), answer
    return answer.parsed_output.model_dump()


def stream_structured(model):
    with client.messages.stream(
        model=model, max_tokens=64, messages=asked("Weather in Paris?"), output_format=Weather
    ) as events:
        answer = events.get_final_message()
    return Weather.model_validate_json(answer.content[0].text).model_dump()


def length(model):
    answer = client.messages.create(model=model, max_tokens=16, messages=asked("hello"))
    return answer.stop_reason


def errors(model):
    def ask(client=client, model=model, **more):
        return lambda: client.messages.create(model=model, max_tokens=64, messages=asked("hello"), **more)

    stranger = client.with_options(api_key="sk-nobody-knows-this-token")
    return {
        "unknown_token": play.raised_by(ask(stranger)),
        "unknown_model": play.raised_by(ask(model="no-such-model")),
        "bad_request": play.raised_by(ask(model=f"bad_request-{SUFFIX}")),
        "rate_limit": play.raised_by(ask(model=f"rate_limit-{SUFFIX}")),
        "rate_limit_stream": play.raised_by(ask(model=f"rate_limit-{SUFFIX}", stream=True)),
        "refused_key": play.raised_by(ask(model=f"refused_key-{SUFFIX}")),
        "unknown_model_retrieved": play.raised_by(lambda: client.models.retrieve("no-such-model")),
    }


def broken_stream(model):
    """A stream that ends with an error must raise, not look complete."""
    seen = []

    def read():
        for event in client.messages.create(
            model=model, max_tokens=64, messages=asked("hello"), stream=True
        ):
            seen.append(event.type)

    raised = play.raised_by(read)
    return {"raised_error": raised, "pieces": seen.count("content_block_delta")}


def models(model):
    listed = [m.to_dict() for m in client.models.list()]
    return {"ids": [m["id"] for m in listed], "one": client.models.retrieve(model).to_dict()}


play.all_of(
    [
        text,
        stop_sequences,
        stream,
        stream_accumulated,
        tools,
        stream_tools,
        thinking_tools,
        stream_thinking_tools,
        images,
        image_urls,
        thinking,
        stream_thinking,
        structured,
        stream_structured,
        length,
        errors,
        broken_stream,
        models,
    ],
    SUFFIX,
)
