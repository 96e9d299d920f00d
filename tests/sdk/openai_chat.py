"""OpenAI's SDK against the gateway; whoever answers behind it must not be noticed."""

import json

import openai
import play
import pydantic

URL, KEY, SUFFIX = play.arguments()
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Weather(pydantic.BaseModel):
    city: str
    degrees: int


def asked(text):
    return [{"role": "user", "content": text}]


def text(model):
    answer = client.chat.completions.create(
        model=model,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": "Be kind."},
            *asked("hello"),
        ],
        max_completion_tokens=64,
        temperature=0.5,
    )
    return answer.to_dict()


def stop_sequences(model):
    answer = client.chat.completions.create(model=model, messages=asked("hello"), stop=["END"])
    return answer.choices[0].message.content


def stream(model):
    chunks = list(
        client.chat.completions.create(
            model=model, messages=asked("hello"), stream=True, stream_options={"include_usage": True}
        )
    )
    return {
        "text": "".join(c.choices[0].delta.content or "" for c in chunks if c.choices),
        "pieces": sum(1 for c in chunks if c.choices and c.choices[0].delta.content),
        "roles": [c.choices[0].delta.role for c in chunks if c.choices and c.choices[0].delta.role],
        "finish_reasons": [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason],
        "usage": [c.usage.to_dict() for c in chunks if c.usage],
        "ids": len({c.id for c in chunks}),
        "models": sorted({c.model for c in chunks}),
    }


def stream_without_usage(model):
    """Who does not ask for usage gets none: some clients stumble over a chunk without choices."""
    chunks = list(client.chat.completions.create(model=model, messages=asked("hello"), stream=True))
    return {
        "text": "".join(c.choices[0].delta.content or "" for c in chunks if c.choices),
        "chunks_without_choices": sum(1 for c in chunks if not c.choices),
        "usage": [c.usage.to_dict() for c in chunks if c.usage],
    }


def stream_accumulated(model):
    """The SDK's own accumulator checks every chunk against what came before."""
    with client.chat.completions.stream(
        model=model, messages=asked("hello"), stream_options={"include_usage": True}
    ) as events:
        kinds = [event.type for event in events]
        final = events.get_final_completion()
    return {"kinds": sorted(set(kinds)), "final": final.to_dict()}


def tools(model):
    """Two parallel calls, their results, the answer."""
    messages = asked("Weather in Paris and Rome?")
    first = client.chat.completions.create(
        model=model, messages=messages, tools=[WEATHER], tool_choice="auto", parallel_tool_calls=True
    )
    return looped(model, messages, first)


def stream_tools(model):
    messages = asked("Weather in Paris and Rome?")
    with client.chat.completions.stream(model=model, messages=messages, tools=[WEATHER]) as events:
        first = events.until_done().get_final_completion()
    return looped(model, messages, first)


def looped(model, messages, first, **more):
    message = first.choices[0].message
    messages = [*messages, message.to_dict(exclude_none=True)]
    for call in message.tool_calls:
        result = f"sunny in {json.loads(call.function.arguments)['city']}"
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    last = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER], **more)
    return {
        "calls": [[c.id, c.function.name, json.loads(c.function.arguments)] for c in message.tool_calls],
        "finish_reasons": [first.choices[0].finish_reason, last.choices[0].finish_reason],
        "answer": last.choices[0].message.content,
    }


def thinking_tools(model):
    """What a provider wants to have back with the results rides on the message."""
    messages = asked("Weather in Paris and Rome?")
    first = client.chat.completions.create(
        model=model, messages=messages, tools=[WEATHER], reasoning_effort="low"
    )
    return looped(model, messages, first, reasoning_effort="low")


def stream_thinking_tools(model):
    messages = asked("Weather in Paris and Rome?")
    with client.chat.completions.stream(
        model=model, messages=messages, tools=[WEATHER], reasoning_effort="low"
    ) as events:
        first = events.until_done().get_final_completion()
    return looped(model, messages, first, reasoning_effort="low")


def shown(model, url):
    parts = [{"type": "text", "text": "What is on this?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}])
    return answer.choices[0].message.content


def images(model):
    return shown(model, f"data:image/png;base64,{play.PIXEL}")


def image_urls(model):
    return shown(model, play.PICTURE_URL)


def thinking(model):
    answer = client.chat.completions.create(model=model, messages=asked("Think."), reasoning_effort="low")
    message = answer.choices[0].message.to_dict()
    return {
        "text": message["content"],
        "reasoning": message.get("reasoning_content"),
        "usage": answer.usage.to_dict(),
    }


def stream_thinking(model):
    chunks = client.chat.completions.create(
        model=model, messages=asked("Think."), reasoning_effort="low", stream=True
    )
    deltas = [c.choices[0].delta.to_dict() for c in chunks if c.choices]
    return {
        "text": "".join(d.get("content") or "" for d in deltas),
        "reasoning": "".join(d.get("reasoning_content") or "" for d in deltas),
    }


def structured(model):
    answer = client.chat.completions.parse(
        model=model, messages=asked("Weather in Paris?"), response_format=Weather
    )
    assert isinstance(answer.choices[0].message.parsed, Weather), answer
    return answer.choices[0].message.parsed.model_dump()


def stream_structured(model):
    with client.chat.completions.stream(
        model=model, messages=asked("Weather in Paris?"), response_format=Weather
    ) as events:
        answer = events.until_done().get_final_completion()
    return answer.choices[0].message.parsed.model_dump()


def length(model):
    answer = client.chat.completions.create(model=model, messages=asked("hello"), max_tokens=16)
    return answer.choices[0].finish_reason


def errors(model):
    def ask(client=client, model=model, **more):
        return lambda: client.chat.completions.create(model=model, messages=asked("hello"), **more)

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
        for chunk in client.chat.completions.create(model=model, messages=asked("hello"), stream=True):
            seen.append(chunk.choices[0].delta.content if chunk.choices else None)

    raised = play.raised_by(read)
    return {"raised_error": raised, "pieces": sum(1 for s in seen if s)}


def models(model):
    listed = [m.to_dict() for m in client.models.list()]
    return {"ids": [m["id"] for m in listed], "one": client.models.retrieve(model).to_dict()}


play.all_of(
    [
        text,
        stop_sequences,
        stream,
        stream_without_usage,
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
