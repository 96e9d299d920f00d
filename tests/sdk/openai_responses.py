"""OpenAI's SDK at its Responses API; whoever answers behind it must not be noticed."""

import json

import openai
import play
import pydantic

URL, KEY, SUFFIX = play.arguments()
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
CARRIED = {"store": False, "include": ["reasoning.encrypted_content"]}


class Weather(pydantic.BaseModel):
    city: str
    degrees: int


def asked(text):
    return [{"role": "user", "content": text}]


def text(model):
    answer = client.responses.create(
        model=model,
        instructions="Be brief.",
        input=[{"role": "developer", "content": "Be kind."}, *asked("hello")],
        max_output_tokens=64,
        temperature=0.5,
    )
    assert answer.output_text == "It is sunny.", answer
    assert answer.object == "response" and answer.id, answer
    return answer.to_dict()


def stream(model):
    events = list(client.responses.create(model=model, input="hello", stream=True))
    numbers = [e.sequence_number for e in events]
    assert numbers == list(range(len(events))), numbers
    assert events[0].type == "response.created", events[0]
    deltas = [e for e in events if e.type == "response.output_text.delta"]
    last = events[-1].response
    assert last.output_text == "".join(e.delta for e in deltas), last
    assert len({e.response.id for e in events if hasattr(e, "response")}) == 1
    return {
        "text": last.output_text,
        "pieces": len(deltas),
        "finish_reasons": [e.response.status for e in events if e.type == "response.completed"],
        "input_tokens": last.usage.input_tokens,
        "output_tokens": last.usage.output_tokens,
        "types": [e.type for e in events],
    }


def stream_accumulated(model):
    """The SDK's own accumulator checks every event against what came before."""
    with client.responses.stream(model=model, input="hello") as events:
        kinds = [event.type for event in events]
        final = events.get_final_response()
    return {"kinds": sorted(set(kinds)), "final": final.to_dict()}


def tools(model):
    """Two parallel calls, their results, the answer."""
    first = client.responses.create(
        model=model, input=asked("Weather in Paris and Rome?"), tools=[WEATHER], tool_choice="auto"
    )
    return looped(model, first)


def stream_tools(model):
    messages = asked("Weather in Paris and Rome?")
    with client.responses.stream(model=model, input=messages, tools=[WEATHER]) as events:
        first = events.until_done().get_final_response()
    return looped(model, first)


def looped(model, first, **more):
    calls = [item for item in first.output if item.type == "function_call"]
    results = [
        {
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": f"sunny in {json.loads(call.arguments)['city']}",
        }
        for call in calls
    ]
    output = [item.to_dict(exclude_none=True) for item in first.output]
    for item in output:
        # What the accumulator adds for the program is not the API's.
        item.pop("parsed_arguments", None)
    messages = [*asked("Weather in Paris and Rome?"), *output, *results]
    last = client.responses.create(model=model, input=messages, tools=[WEATHER], **more)
    return {
        "calls": [[c.call_id, c.name, json.loads(c.arguments)] for c in calls],
        "finish_reasons": [first.status, last.status],
        "answer": last.output_text,
    }


def thinking_tools(model):
    """What proves the thoughts goes back with the results."""
    first = client.responses.create(
        model=model,
        input=asked("Weather in Paris and Rome?"),
        tools=[WEATHER],
        reasoning={"effort": "low", "summary": "auto"},
        **CARRIED,
    )
    return looped(model, first, reasoning={"effort": "low", "summary": "auto"}, **CARRIED)


def stream_thinking_tools(model):
    with client.responses.stream(
        model=model,
        input=asked("Weather in Paris and Rome?"),
        tools=[WEATHER],
        reasoning={"effort": "low", "summary": "auto"},
        **CARRIED,
    ) as events:
        first = events.until_done().get_final_response()
    return looped(model, first, reasoning={"effort": "low", "summary": "auto"}, **CARRIED)


def shown(model, url):
    parts = [
        {"type": "input_text", "text": "What is on this?"},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    return client.responses.create(model=model, input=[{"role": "user", "content": parts}]).output_text


def images(model):
    return shown(model, f"data:image/png;base64,{play.PIXEL}")


def image_urls(model):
    return shown(model, play.PICTURE_URL)


def thinking(model):
    answer = client.responses.create(
        model=model, input="Think.", reasoning={"effort": "low", "summary": "auto"}, **CARRIED
    )
    return thought(answer)


def stream_thinking(model):
    with client.responses.stream(
        model=model, input="Think.", reasoning={"effort": "low", "summary": "auto"}, **CARRIED
    ) as events:
        deltas = [e.delta for e in events if e.type == "response.reasoning_summary_text.delta"]
        seen = thought(events.get_final_response())
    assert "".join(deltas) == seen["reasoning"], deltas
    return seen


def thought(answer):
    items = [item for item in answer.output if item.type == "reasoning"]
    return {
        "order": [item.type for item in answer.output],
        "text": answer.output_text,
        "reasoning": "".join(part.text for item in items for part in item.summary),
        "signature": items[0].encrypted_content if items else None,
        "usage": answer.usage.to_dict(),
    }


def structured(model):
    answer = client.responses.parse(model=model, input="Weather in Paris?", text_format=Weather)
    assert isinstance(answer.output_parsed, Weather), answer
    return answer.output_parsed.model_dump()


def stream_structured(model):
    with client.responses.stream(model=model, input="Weather in Paris?", text_format=Weather) as events:
        answer = events.until_done().get_final_response()
    assert isinstance(answer.output_parsed, Weather), answer
    return answer.output_parsed.model_dump()


def length(model):
    answer = client.responses.create(model=model, input="hello", max_output_tokens=16)
    assert answer.status == "incomplete", answer
    return answer.incomplete_details.reason


def errors(model):
    def ask(client=client, model=model, **more):
        return lambda: client.responses.create(model=model, input="hello", **more)

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
    """A stream that ends with an error must raise or say so, not look complete."""
    seen = []

    def read():
        for event in client.responses.create(model=model, input="hello", stream=True):
            seen.append(event)

    raised = play.raised_by(read)
    failed = [e for e in seen if e.type in ("error", "response.failed")]
    completed = [e for e in seen if e.type == "response.completed"]
    assert not completed, completed
    return {
        "raised_error": raised or (failed[-1].to_dict() if failed else None),
        "pieces": sum(1 for e in seen if e.type == "response.output_text.delta"),
    }


def models(model):
    listed = [m.to_dict() for m in client.models.list()]
    return {"ids": [m["id"] for m in listed], "one": client.models.retrieve(model).to_dict()}


play.all_of(
    [
        text,
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
