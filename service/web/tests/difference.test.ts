import assert from "node:assert/strict";
import { test } from "node:test";
import { compareTexts } from "../src/difference.ts";

const marked = (pieces: { text: string; same: boolean }[]) =>
  pieces.map(({ text, same }) => (same ? text : `[${text}]`)).join("");

for (const [left, right, one, two] of [
  ["", "", "", ""],
  ["same", "same", "same", "same"],
  ["a b c", "a x c", "a [b] c", "a [x] c"],
  ["a b", "a b c", "a b", "a b[ c]"],
  ["42", "43", "[42]", "[43]"],
  ["", "new", "", "[new]"],
  ["one two", "two one", "[one ]two", "two[ one]"],
  ["größe", "Größe", "[größe]", "[Größe]"],
  ["a, b", "a; b", "a[,] b", "a[;] b"],
] as const) {
  test(`the differences of ${JSON.stringify(left)} and ${JSON.stringify(right)} are marked`, () => {
    assert.deepEqual(compareTexts(left, right).map(marked), [one, two]);
  });
}

test("nothing of either text is lost, whatever they hold", () => {
  const left = "x 😀 <b> \n\t" + "word ".repeat(3000);
  const right = "y 😀 <i> \n\t" + "other ".repeat(3000);
  const [one, two] = compareTexts(left, right);
  assert.equal(one.map((piece) => piece.text).join(""), left);
  assert.equal(two.map((piece) => piece.text).join(""), right);
});
