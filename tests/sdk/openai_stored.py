"""OpenAI's SDK continues, shows and deletes responses by their id."""

import openai
import play

URL, KEY, MODEL = play.arguments()
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


def repeated(_):
    """A response tells how it came about, at once and later."""
    nothing = {"type": "object", "properties": {}}
    tools = [
        {"type": "function", "name": "f", "parameters": nothing, "strict": False}
    ]
    made = client.responses.create(
        model=MODEL,
        input="one",
        instructions="Be brief.",
        metadata={"topic": "demo"},
        tools=tools,
        tool_choice="auto",
        temperature=0.5,
        max_output_tokens=64,
        parallel_tool_calls=False,
        truncation="disabled",
        user="somebody",
    )
    retrieved = client.responses.retrieve(made.id)
    return {
        "same": retrieved.to_dict() == made.to_dict(),
        "instructions": made.instructions,
        "metadata": made.metadata,
        "tools": [tool.name for tool in made.tools],
        "temperature": made.temperature,
        "max_output_tokens": made.max_output_tokens,
        "parallel_tool_calls": made.parallel_tool_calls,
        "user": made.user,
    }


def referred(_):
    """Items are named instead of repeated, as the Vercel AI SDK does it."""
    first = client.responses.create(model=MODEL, input="one")
    asked = list(client.responses.input_items.list(first.id))[0]
    second = client.responses.create(
        model=MODEL,
        input=[
            {"type": "item_reference", "id": asked.id},
            {"type": "item_reference", "id": first.output[0].id},
            {"role": "user", "content": "two"},
        ],
    )
    missing = first.output[0].id[:-1] + "7"
    return {
        "text": second.output_text,
        "items": [item.type for item in client.responses.input_items.list(second.id)],
        "missing": play.raised_by(
            lambda: client.responses.create(
                model=MODEL, input=[{"type": "item_reference", "id": missing}]
            )
        ),
    }


def conversed(_):
    """A conversation is kept by its id."""
    conversation = client.conversations.create(
        metadata={"topic": "demo"},
        items=[{"type": "message", "role": "user", "content": "zero"}],
    )
    first = client.responses.create(model=MODEL, input="one", conversation=conversation.id)
    # Without a pause: the first answer is still on its way to the store.
    with client.responses.stream(
        model=MODEL, input="two", conversation={"id": conversation.id}, store=False
    ) as stream:
        second = stream.get_final_response()
    items = client.conversations.items.list(conversation.id, order="asc", limit=2)
    items = [item for item in items]  # every page of them
    taken = client.conversations.items.delete(items[0].id, conversation_id=conversation.id)
    one = client.conversations.items.retrieve(items[1].id, conversation_id=conversation.id)
    changed = client.conversations.update(conversation.id, metadata={"topic": "other"})
    third = client.responses.create(model=MODEL, input="three", conversation=conversation.id)
    deleted = client.conversations.delete(conversation.id)
    return {
        "id": conversation.id,
        "of": [response.conversation.id for response in (first, second, third)],
        "kept": client.responses.retrieve(first.id).id == first.id,
        "not_kept": play.raised_by(lambda: client.responses.retrieve(second.id)),
        "texts": [item.content[0].text for item in items],
        "taken": taken.id,
        "one": one.content[0].text,
        "metadata": [conversation.metadata, changed.metadata],
        "deleted": deleted.deleted,
        "gone": play.raised_by(lambda: client.conversations.retrieve(conversation.id)),
        "not_continued": play.raised_by(
            lambda: client.responses.create(
                model=MODEL, input="x", conversation=conversation.id
            )
        ),
    }


play.all_of([continued, shown, deleted, repeated, referred, conversed], MODEL)
