// The playground's module as the page gets it: JavaScript's side of the boundary, and every
// example in every dialect. Run by `make test`; PLAYGROUND is the folder that `make` built.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = resolve(process.env.PLAYGROUND ?? "target/playground");
const module = await import(pathToFileURL(`${folder}/playground.js`));
module.initSync({ module: readFileSync(`${folder}/playground_bg.wasm`) });

const [CHAT, MESSAGES] = ["openai-chat", "anthropic"];
const dialects = JSON.parse(module.dialects());
const upstreams = dialects.map(({ name }) => name);
const callers = dialects.filter((dialect) => dialect.for_callers).map(({ name }) => name);
const index = JSON.parse(readFileSync(`${folder}/examples/index.json`, "utf8"));

const example = (file) => readFileSync(`${folder}/examples/${file}`);
const bytes = (text) => new TextEncoder().encode(text);
const ask = {
  request: (...of) => JSON.parse(module.translate_request(...of)),
  answer: (...of) => JSON.parse(module.translate_answer(...of)),
  stream: (...of) => JSON.parse(module.translate_stream(...of)),
  error: (...of) => JSON.parse(module.translate_error(...of)),
};
const counts = (outcome) => Object.fromEntries(outcome.usage.map(({ name, count }) => [name, count]));

test("dialects are listed, those of callers marked", () => {
  for (const name of [CHAT, MESSAGES]) assert.ok(callers.includes(name), name);
  assert.equal(new Set(upstreams).size, upstreams.length);
});

test("the index lists every example, and every dialect's name is one", () => {
  const files = readdirSync(`${folder}/examples`).filter((file) => file !== "index.json");
  assert.deepEqual(index.map(({ file }) => file).sort(), files.sort());
  for (const { file } of index) {
    const [dialect, what] = file.split(".");
    assert.ok(what in ask, file);
    assert.ok((what === "request" ? callers : upstreams).includes(dialect), file);
  }
});

test("every example, between all dialects", () => {
  for (const { file, model = "", status = 400 } of index) {
    const [dialect, what] = file.split(".");
    const others = what === "request" ? upstreams : callers;
    for (const other of others) {
      const pair = what === "request" ? [dialect, other] : [other, dialect];
      const outcome = ask[what](...pair, what === "error" ? status : model, example(file));
      const of = `${file}, ${pair.join(" from ")}: ${JSON.stringify(outcome)}`;
      assert.notEqual(outcome.verdict, "mistake", of);
      assert.notEqual(outcome.body, "", of);
      if (what !== "stream") JSON.parse(outcome.body);
      if (what === "error") assert.ok(outcome.status >= 400, of);
    }
  }
});

test("a request in its own dialect passes byte for byte, or with its model replaced", () => {
  for (const { file } of index.filter(({ file }) => file.split(".")[1] === "request")) {
    const [dialect] = file.split(".");
    const text = example(file).toString();
    const passed = ask.request(dialect, dialect, "", example(file));
    assert.deepEqual([passed.verdict, passed.body, passed.losses], ["passed", text, []]);
    const edited = ask.request(dialect, dialect, "other", example(file));
    assert.equal(edited.verdict, "edited");
    assert.equal(edited.body, text.replace(/("model": )"[^"]*"/, '$1"other"'));
  }
});

test("a request says what is lost on the way", () => {
  const outcome = ask.request(CHAT, MESSAGES, "m", example("openai-chat.request.tools.json"));
  assert.equal(outcome.verdict, "translated");
  assert.equal(JSON.parse(outcome.body).model, "m");
  const lost = outcome.losses.map(({ field }) => field);
  for (const field of ["presence_penalty", "seed"]) assert.ok(lost.includes(field), `${lost}`);
  for (const { reason } of outcome.losses) assert.notEqual(reason, "");
});

test("what would change the meaning is a 400 in the caller's dialect", () => {
  const outcome = ask.request(CHAT, MESSAGES, "m", example("openai-chat.request.two-answers.json"));
  assert.deepEqual([outcome.verdict, outcome.status], ["refused", 400]);
  assert.equal(JSON.parse(outcome.body).error.param, "n");
});

test("usage is counted gross, whichever dialect reports it", () => {
  const answered = ask.answer(CHAT, MESSAGES, "asked", example("anthropic.answer.cache.json"));
  assert.deepEqual(counts(answered), {
    input_tokens: 2121, uncached_input_tokens: 21, cache_read_tokens: 1800,
    cache_write_5m_tokens: 100, cache_write_1h_tokens: 200, output_tokens: 87,
  });
  const written = JSON.parse(answered.body);
  assert.deepEqual([written.model, written.usage.prompt_tokens, written.usage.completion_tokens], ["asked", 2121, 87]);

  const { input_tokens, output_tokens } = counts(ask.answer(CHAT, CHAT, "", example("openai-chat.answer.tool-call.json")));
  assert.deepEqual([input_tokens, output_tokens], [1510, 52]);
});

test("streams: whole, broken off, an error with status 200", () => {
  const whole = ask.stream(CHAT, MESSAGES, "asked", example("anthropic.stream.thinking.sse"));
  assert.deepEqual([whole.verdict, whole.status], ["translated", 200]);
  assert.ok(whole.body.endsWith("data: [DONE]\n\n"), whole.body);
  assert.deepEqual(counts(whole).input_tokens, 1049);

  const passed = ask.stream(MESSAGES, MESSAGES, "", example("anthropic.stream.thinking.sse"));
  assert.deepEqual([passed.verdict, passed.body], ["passed", example("anthropic.stream.thinking.sse").toString()]);

  const cut = ask.stream(MESSAGES, CHAT, "asked", example("openai-chat.stream.cut.sse"));
  assert.equal(cut.verdict, "interrupted");
  assert.match(cut.body, /event: error\n/);

  const failed = ask.stream(CHAT, MESSAGES, "asked", example("anthropic.stream.overloaded.sse"));
  assert.deepEqual([failed.verdict, failed.status], ["refused", 503]);
});

test("errors are shown as the caller sees them, without the operator's secrets", () => {
  const limited = example("anthropic.error.rate-limit.json");
  assert.equal(ask.error(CHAT, MESSAGES, 429, limited).status, 429);
  assert.equal(JSON.parse(ask.error(MESSAGES, CHAT, 503, bytes("{}")).body).type, "error");
  const refused = ask.error(CHAT, CHAT, 401, bytes('{"error":{"message":"Incorrect API key provided: sk-abcdefghijklmnop"}}'));
  assert.equal(refused.status, 502);
  assert.doesNotMatch(refused.body, /sk-abc/);
});

test("whatever is pasted is answered", () => {
  const empty = bytes("{}");
  const odd = [empty, new Uint8Array(), new Uint8Array([0xff, 0xfe, 0]), bytes("<html>"), bytes("["), bytes("[".repeat(100_000))];
  for (const input of odd) {
    for (const caller of callers) {
      for (const upstream of upstreams) {
        // In its own dialect, an object is the upstream's to judge.
        if (input !== empty || caller !== upstream) {
          assert.equal(ask.request(caller, upstream, "m", input).status, 400);
        }
        assert.equal(ask.answer(caller, upstream, "m", input).verdict, "refused");
        assert.equal(ask.stream(caller, upstream, "m", input).verdict, "refused");
        assert.ok(ask.error(caller, upstream, 500, input).status >= 500);
      }
    }
  }
});

test("a dialect that is not there is a mistake, not an exception", () => {
  assert.equal(ask.request("french", CHAT, "m", bytes("{}")).verdict, "mistake");
  for (const upstream of upstreams.filter((name) => !callers.includes(name))) {
    assert.equal(ask.answer(upstream, CHAT, "m", bytes("{}")).verdict, "mistake");
  }
});
