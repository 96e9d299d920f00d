"""Google's SDK against the gateway; whoever answers behind it must not be noticed.

Runs with both generations: 2.x calls `/v1beta`, 3.x `/v1`.
"""

import base64

import play
import pydantic
from google import genai
from google.genai import types

URL, KEY, SUFFIX = play.arguments()


def client_of(key):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=URL, timeout=30_000))


client = client_of(KEY)

WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="Weather of a city.",
            parameters_json_schema={
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        )
    ]
)
QUESTION = "Weather in Paris and Rome?"


class Weather(pydantic.BaseModel):
    city: str
    degrees: int


def config(**fields):
    return types.GenerateContentConfig(**fields)


def wire(response):
    return response.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sdk_http_response", "parsed"})


def text(model):
    answer = client.models.generate_content(
        model=model,
        contents="hello",
        config=config(
            system_instruction="Be brief.", max_output_tokens=64, temperature=0.5
        ),
    )
    assert answer.text == "It is sunny.", answer
    return wire(answer)


def stop_sequences(model):
    return client.models.generate_content(
        model=model, contents="hello", config=config(stop_sequences=["END"])
    ).text


def stream(model):
    chunks = list(client.models.generate_content_stream(model=model, contents="hello"))
    reasons = [c.candidates[0].finish_reason.value for c in chunks if c.candidates and c.candidates[0].finish_reason]
    usage = [c.usage_metadata for c in chunks if c.usage_metadata]
    return {
        "text": "".join(c.text or "" for c in chunks),
        "pieces": sum(1 for c in chunks if c.text),
        "finish_reasons": reasons,
        "ids": len({c.response_id for c in chunks if c.response_id}),
        "input_tokens": usage[-1].prompt_token_count,
        "output_tokens": usage[-1].candidates_token_count,
    }


def stream_accumulated(model):
    """A chat keeps what was streamed as its history, and sends it back."""
    chat = client.chats.create(model=model)
    first = "".join(chunk.text or "" for chunk in chat.send_message_stream("hello"))
    second = chat.send_message("hello again")
    history = chat.get_history(curated=True)
    # Every chunk is a content of its own there.
    said = [part.text for content in history[1:-2] for part in content.parts]
    assert {content.role for content in history[1:-2]} == {"model"}, history
    assert "".join(text or "" for text in said) == first, history
    return {"final": wire(second)}


def tools(model):
    """Two parallel calls, their results, the answer."""
    first = client.models.generate_content(model=model, contents=QUESTION, config=config(tools=[WEATHER]))
    return looped(model, first.candidates[0].content, first.candidates[0].finish_reason)


def stream_tools(model):
    content, reason = joined(
        client.models.generate_content_stream(model=model, contents=QUESTION, config=config(tools=[WEATHER]))
    )
    return looped(model, content, reason)


def joined(chunks):
    parts, reason = [], None
    for chunk in chunks:
        for candidate in chunk.candidates or []:
            parts += (candidate.content and candidate.content.parts) or []
            reason = candidate.finish_reason or reason
    return types.Content(role="model", parts=parts), reason


def looped(model, content, reason, **more):
    calls = [part.function_call for part in content.parts if part.function_call]
    results = []
    for call in calls:
        part = types.Part.from_function_response(
            name=call.name, response={"result": f"sunny in {call.args['city']}"}
        )
        part.function_response.id = call.id
        results.append(part)
    contents = [
        types.Content(role="user", parts=[types.Part(text=QUESTION)]),
        content,
        types.Content(role="user", parts=results),
    ]
    last = client.models.generate_content(model=model, contents=contents, config=config(tools=[WEATHER], **more))
    signatures = [part.thought_signature for part in content.parts if part.thought_signature]
    return {
        "calls": [[c.id, c.name, c.args] for c in calls],
        "finish_reasons": [reason.value, last.candidates[0].finish_reason.value],
        "answer": last.text,
        "signatures": [base64.b64encode(signature).decode() for signature in signatures],
    }


THINK = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)


def thinking_tools(model):
    """What proves the thoughts goes back with the results."""
    first = client.models.generate_content(
        model=model, contents=QUESTION, config=config(tools=[WEATHER], thinking_config=THINK)
    )
    candidate = first.candidates[0]
    return looped(model, candidate.content, candidate.finish_reason, thinking_config=THINK)


def stream_thinking_tools(model):
    content, reason = joined(
        client.models.generate_content_stream(
            model=model, contents=QUESTION, config=config(tools=[WEATHER], thinking_config=THINK)
        )
    )
    return looped(model, content, reason, thinking_config=THINK)


def automatic_tools(model):
    """The SDK itself calls the program's function and goes on with what it returned."""
    asked_for = []

    def get_weather(city: str) -> str:
        """Weather of a city."""
        asked_for.append(city)
        return f"sunny in {city}"

    answer = client.models.generate_content(model=model, contents=QUESTION, config=config(tools=[get_weather]))
    return {"asked_for": asked_for, "answer": answer.text}


def images(model):
    picture = types.Part.from_bytes(data=base64.b64decode(play.PIXEL), mime_type="image/png")
    return client.models.generate_content(model=model, contents=["What is on this?", picture]).text


def image_urls(model):
    picture = types.Part.from_uri(file_uri=play.PICTURE_URL, mime_type="image/png")
    return client.models.generate_content(model=model, contents=["What is on this?", picture]).text


def thinking(model):
    answer = client.models.generate_content(model=model, contents="Think.", config=config(thinking_config=THINK))
    return thought(answer.candidates[0].content.parts)


def stream_thinking(model):
    content, _ = joined(
        client.models.generate_content_stream(model=model, contents="Think.", config=config(thinking_config=THINK))
    )
    return thought(content.parts)


def thought(parts):
    signatures = [part.thought_signature for part in parts if part.thought_signature]
    return {
        "order": ["thinking" if part.thought else "text" for part in parts],
        "text": "".join(part.text or "" for part in parts if not part.thought),
        "reasoning": "".join(part.text or "" for part in parts if part.thought),
        "signature": base64.b64encode(signatures[-1]).decode() if signatures else None,
    }


STRUCTURED = {"response_mime_type": "application/json", "response_schema": Weather}


def structured(model):
    answer = client.models.generate_content(model=model, contents="Weather in Paris?", config=config(**STRUCTURED))
    assert isinstance(answer.parsed, Weather), answer
    return answer.parsed.model_dump()


def stream_structured(model):
    chunks = client.models.generate_content_stream(
        model=model, contents="Weather in Paris?", config=config(**STRUCTURED)
    )
    return Weather.model_validate_json("".join(chunk.text or "" for chunk in chunks)).model_dump()


def length(model):
    answer = client.models.generate_content(model=model, contents="hello", config=config(max_output_tokens=16))
    return answer.candidates[0].finish_reason.value


def errors(model):
    def ask(client=client, model=model):
        return lambda: client.models.generate_content(model=model, contents="hello")

    def ask_stream(model):
        return lambda: list(client.models.generate_content_stream(model=model, contents="hello"))

    stranger = client_of("sk-nobody-knows-this-token")
    return {
        "unknown_token": play.raised_by(ask(stranger)),
        "unknown_model": play.raised_by(ask(model="no-such-model")),
        "bad_request": play.raised_by(ask(model=f"bad_request-{SUFFIX}")),
        "rate_limit": play.raised_by(ask(model=f"rate_limit-{SUFFIX}")),
        "rate_limit_stream": play.raised_by(ask_stream(model=f"rate_limit-{SUFFIX}")),
        "refused_key": play.raised_by(ask(model=f"refused_key-{SUFFIX}")),
        "unknown_model_retrieved": play.raised_by(lambda: client.models.get(model="no-such-model")),
    }


def broken_stream(model):
    """A stream that ends with an error must raise or end without a reason, not look complete."""
    seen = []

    def read():
        for chunk in client.models.generate_content_stream(model=model, contents="hello"):
            seen.append(chunk)

    raised = play.raised_by(read)
    finished = [c for c in seen if c.candidates and c.candidates[0].finish_reason]
    assert not finished, finished
    return {"raised_error": raised, "pieces": sum(1 for c in seen if c.text)}


def models(model):
    listed = [m.model_dump(mode="json", exclude_none=True) for m in client.models.list()]
    one = client.models.get(model=model).model_dump(mode="json", exclude_none=True)
    return {"ids": [m["name"].removeprefix("models/") for m in listed], "one": one}


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
        automatic_tools,
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
