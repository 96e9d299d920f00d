"""OpenAI's SDK continues, shows and deletes responses by their id."""

import sys

import openai
import play

URL, KEY, MODEL = sys.argv[1:4]
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)


def continued(_):
    first = client.responses.create(model=MODEL, input="one")
    # Without a pause: its predecessor is still on its way to the store.
    second = client.responses.create(
        model=MODEL, input=[{"role": "user", "content": "two"}], previous_response_id=first.id
    )
    with client.responses.stream(model=MODEL, input="three", previous_response_id=second.id) as stream:
        third = stream.get_final_response()
    fourth = client.responses.create(
        model=MODEL, input="four", previous_response_id=third.id, store=False
    )
    return {
        "ids": [response.id for response in (first, second, third, fourth)],
        "previous": [response.previous_response_id for response in (first, second, third, fourth)],
        "stored": [response.store for response in (first, second, third, fourth)],
        "texts": [response.output_text for response in (first, second, third, fourth)],
        "fourth": play.raised_by(lambda: client.responses.retrieve(fourth.id)),
    }


def shown(_):
    first = client.responses.create(model=MODEL, input="one")
    second = client.responses.create(model=MODEL, input="two", previous_response_id=first.id)
    retrieved = client.responses.retrieve(second.id)
    items = client.responses.input_items.list(second.id, order="asc", limit=2)
    return {
        "same": retrieved.to_dict() == second.to_dict(),
        "texts": [item.content[0].text for item in items],  # every page of them
        "ids": len({item.id for item in items}),
        "cancelled": play.raised_by(lambda: client.responses.cancel(second.id)),
        "streamed": play.raised_by(lambda: list(client.responses.retrieve(second.id, stream=True))),
    }


def deleted(_):
    first = client.responses.create(model=MODEL, input="one")
    second = client.responses.create(model=MODEL, input="two", previous_response_id=first.id)
    client.responses.delete(first.id)
    third = client.responses.create(model=MODEL, input="three", previous_response_id=second.id)
    return {
        "retrieved": play.raised_by(lambda: client.responses.retrieve(first.id)),
        "again": play.raised_by(lambda: client.responses.delete(first.id)),
        "continued": play.raised_by(
            lambda: client.responses.create(model=MODEL, input="x", previous_response_id=first.id)
        ),
        "items": len(list(client.responses.input_items.list(third.id))),
    }


play.all_of([continued, shown, deleted], MODEL)
