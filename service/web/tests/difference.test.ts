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

test("long texts are matched by sentences, then by words", () => {
  const lines = Array.from({ length: 2000 }, (_, n) => `Line ${n} says this and that.\n`);
  const other = lines.map((line, n) => (n % 500 === 7 ? line.replace("this", "THIS") : line));
  const [one, two] = compareTexts(lines.join(""), other.join(""));
  const only = (pieces: { text: string; same: boolean }[]) => pieces.filter((piece) => !piece.same).map((piece) => piece.text);
  assert.deepEqual(only(one), ["this", "this", "this", "this"]);
  assert.deepEqual(only(two), ["THIS", "THIS", "THIS", "THIS"]);
});

test("a character made of several is one", () => {
  const [one, two] = compareTexts("a 👩‍👩‍👧 e\u0301", "a 👩‍👩‍👧‍👦 e");
  assert.deepEqual([marked(one), marked(two)], ["a [👩‍👩‍👧] [e\u0301]", "a [👩‍👩‍👧‍👦] [e]"]);
});

test("nothing of either text is lost, whatever they hold", () => {
  const left = "x 😀 <b> \n\t" + "word ".repeat(3000);
  const right = "y 😀 <i> \n\t" + "other ".repeat(3000);
  const [one, two] = compareTexts(left, right);
  assert.equal(one.map((piece) => piece.text).join(""), left);
  assert.equal(two.map((piece) => piece.text).join(""), right);
});
