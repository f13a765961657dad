import assert from "node:assert/strict";
import { test } from "node:test";
import { readPlace, toRun, toRuns, toSuite } from "../src/route.ts";

test("what was written is read again, whatever it holds", () => {
  for (const name of ["qa", "a/b?c#d&e=f", "100 %", "größe", "<img src=x>"]) {
    assert.deepEqual(readPlace(toSuite(name)), { screen: "suite", name, query: {} });
    assert.deepEqual(readPlace(toRun("run-1", { text: name })), { screen: "run", name: "run-1", query: { text: name } });
  }
});

test("without anything it is the runs, and filters that are not set leave no trace", () => {
  assert.equal(readPlace("").screen, "runs");
  assert.equal(toRuns({ suite: "", status: undefined }), "#/runs");
});

test("what is no place is nowhere", () => {
  assert.equal(readPlace("#/nonsense").screen, "nowhere");
  assert.equal(readPlace("#/suite/%E0%A4%A").name, "%E0%A4%A");
});
