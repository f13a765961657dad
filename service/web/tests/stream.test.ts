import assert from "node:assert/strict";
import { test } from "node:test";
import { makeParser } from "../src/parser.ts";

const STREAM = 'retry: 1000\n\nid: 1\nevent: started\ndata: {"a":1}\n\n: ping\n\nid: 2\ndata: {"b":"ä"}\n\n';

test("the data of whole events is given, comments and other fields are not", () => {
  assert.deepEqual(makeParser()(STREAM), ['{"a":1}', '{"b":"ä"}']);
});

test("it makes no difference where a stream is cut into parts", () => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    const parse = makeParser();
    assert.deepEqual([...parse(STREAM.slice(0, cut)), ...parse(STREAM.slice(cut))], ['{"a":1}', '{"b":"ä"}']);
  }
});

test("an event that did not come whole is not given", () => {
  assert.deepEqual(makeParser()("data: 1\n"), []);
});
