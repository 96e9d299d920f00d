// Runs what `#[wasm_bindgen_test]` marked, as the `wasm-bindgen-test-runner` of the same version does.
// The tests are exports of the module beside this file; an argument keeps those whose names contain it.

const { exit, argv } = require("node:process");

// The module catches what its tests print, and shows it for those that fail.
const handlers = {};
global.__wbgtest_og_console_log = console.log;
global.__wbgtest_og_console_error = console.error;
for (const method of ["debug", "log", "info", "warn", "error"]) {
  console[method] = (...said) => handlers[method]?.(said);
}
global.__wbg_test_invoke = (test) => test();

const wasm = require("./tests.js");
const context = new wasm.WasmBindgenTestContext(false);
for (const method of ["debug", "log", "info", "warn", "error"]) {
  handlers[method] = wasm[`__wbgtest_console_${method}`];
}

const all = Object.keys(wasm.__wasm).filter((name) => name.startsWith("__wbgt_"));
const chosen = all.filter((name) => name.includes(argv[2] ?? ""));
context.include_ignored(false);
context.filtered_count(all.length - chosen.length);
// No test at all is no success: then the names above are not those of this version any more.
const run = all.length > 0 ? context.run(chosen.map((name) => wasm.__wasm[name])) : Promise.resolve(false);
run
  .then((passed) => exit(passed ? 0 : 1))
  .catch((error) => {
    global.__wbgtest_og_console_error(error);
    exit(1);
  });
