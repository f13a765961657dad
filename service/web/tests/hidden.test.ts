import assert from "node:assert/strict";
import { test } from "node:test";
import { splitHidden } from "../src/hidden.ts";

const told = (text: string) => splitHidden(text).map((part) => part.code ?? part.text);

for (const [text, parts] of [
  ["", []],
  ["plain\ttext\r\n", ["plain\ttext\r\n"]],
  ["\u202egnp.exe", ["U+202E", "gnp.exe"]],
  ["\0\x1b[2J", ["U+0000", "U+001B", "[2J"]],
  ["a\u200bb\ufeff", ["a", "U+200B", "b", "U+FEFF"]],
  ["👩‍👩‍👧 می\u200cخواهم", ["👩‍👩‍👧 می\u200cخواهم"]],
] as const) {
  test(`what can't be seen in ${JSON.stringify(text)} gets a code`, () => {
    assert.deepEqual(told(text), parts);
    assert.equal(splitHidden(text).map((part) => part.text).join(""), text);
  });
}
