// The page's one state is what its controls say; every change of them shows the result anew.
import init, {
  dialects, translate_answer, translate_error, translate_request, translate_stream,
} from "./playground.js";

const $ = (id) => document.getElementById(id);

const VERDICTS = {
  passed: ["good", "Passed on byte for byte."],
  edited: ["good", "Passed on in its own dialect, edited in place."],
  translated: ["good", "Translated."],
  interrupted: ["bad", "The stream does not end well: the caller is told in its own dialect."],
  refused: ["bad", "The caller gets this error instead."],
  mistake: ["bad", "This cannot be asked."],
};

/** Bytes of an opened file, which need not be text; typing forgets them. */
let opened = null;
let examples = [];

async function start() {
  const [list] = await Promise.all([fetch("examples/index.json").then((answer) => answer.json()), init()]);
  examples = list.map((example) => {
    const [dialect, what] = example.file.split(".");
    return { ...example, dialect, what };
  });

  const known = JSON.parse(dialects());
  const names = (those) => those.map(({ name }) => new Option(name));
  $("caller").replaceChildren(...names(known.filter((dialect) => dialect.for_callers)));
  $("upstream").replaceChildren(...names(known));
  $("upstream").selectedIndex = Math.min(1, known.length - 1);

  $("choices").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["what", "caller", "upstream"]) $(id).addEventListener("change", choose);
  for (const id of ["model", "status", "indent"]) $(id).addEventListener("input", show);
  $("example").addEventListener("change", load);
  $("input").addEventListener("input", () => { opened = null; show(); });
  $("file").addEventListener("change", open);
  choose();
}

/** The dialect or the direction changed: other fields, other examples. */
function choose() {
  const what = $("what").value;
  $("model-field").hidden = what === "error";
  $("status-field").hidden = what !== "error";
  $("model-label").textContent = what === "request" ? "Model at the upstream" : "Model the caller asked for";

  // A request is in the caller's words, all else in the upstream's.
  const dialect = $(what === "request" ? "caller" : "upstream").value;
  const fitting = examples.filter((example) => example.what === what && example.dialect === dialect);
  const options = fitting.map(({ title, file }) => new Option(title, file));
  $("example").replaceChildren(...options, new Option("none: paste your own", ""));
  return load();
}

async function load() {
  const example = examples.find(({ file }) => file === $("example").value);
  opened = null;
  $("file").value = "";
  if (example) {
    const text = await fetch(`examples/${example.file}`).then((answer) => answer.text());
    if ($("example").value !== example.file) return; // another was chosen meanwhile
    $("input").value = text;
    $("model").value = example.model ?? "";
    $("status").value = example.status ?? 400;
  }
  show();
}

async function open() {
  const file = $("file").files[0];
  if (!file) return;
  opened = new Uint8Array(await file.arrayBuffer());
  $("input").value = new TextDecoder().decode(opened);
  show();
}

function translate() {
  const [caller, upstream, model] = ["caller", "upstream", "model"].map((id) => $(id).value);
  const bytes = opened ?? new TextEncoder().encode($("input").value);
  switch ($("what").value) {
    case "request": return translate_request(caller, upstream, model, bytes);
    case "answer": return translate_answer(caller, upstream, model, bytes);
    case "stream": return translate_stream(caller, upstream, model, bytes);
    default: return translate_error(caller, upstream, $("status").valueAsNumber || 500, bytes);
  }
}

function show() {
  const outcome = JSON.parse(translate());
  const [mood, words] = VERDICTS[outcome.verdict];
  $("verdict").className = mood;
  $("verdict").textContent = outcome.status ? `Status ${outcome.status}. ${words}` : words;
  $("output").textContent = $("indent").checked ? indented(outcome.body) : outcome.body;

  const asked = $("what").value === "request";
  table("losses", outcome.losses, ({ field, reason }) => [field, reason],
    asked ? "Nothing is lost." : "Losses are told of requests.");
  table("usage", outcome.usage, ({ name, count }) => [name, count.toLocaleString("en")],
    asked ? "Counted from answers and streams." : "It reports none.");
}

function table(id, rows, cells, none) {
  const row = (of) => {
    const made = document.createElement("tr");
    for (const text of cells(of)) made.insertCell().textContent = text;
    return made;
  };
  $(id).tBodies[0].replaceChildren(...rows.map(row));
  $(id).hidden = rows.length === 0;
  $(`${id}-none`).textContent = rows.length === 0 ? none : "";
}

/** Only white space changes: parsing and writing again would round large numbers. */
function indented(body) {
  try {
    JSON.parse(body);
  } catch {
    return body; // a stream, or broken: as it is
  }
  const parts = [];
  let depth = 0;
  let before = "";
  for (const [token] of body.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const first = before === "{" || before === "[";
    const closes = token === "}" || token === "]";
    if (closes) depth -= 1;
    if (first !== closes || before === ",") parts.push(`\n${"  ".repeat(depth)}`);
    if (before === ":") parts.push(" ");
    parts.push(token);
    if (token === "{" || token === "[") depth += 1;
    before = token;
  }
  return parts.join("");
}

start().catch((error) => {
  $("verdict").className = "bad";
  $("verdict").textContent = `The page could not start: ${error.message}`;
});
