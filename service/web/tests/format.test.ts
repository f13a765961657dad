import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, counted, duration, score, scoreAgainst, signed } from "../src/format.ts";
import { addSample, rateOf, secondsLeft, type Sample } from "../src/rate.ts";

test("a score is never rounded to all or nothing", () => {
  assert.deepEqual([0, 0.0001, 0.5, 0.9999, 1, null].map(score), ["0.000", "<0.001", "0.500", ">0.999", "1.000", "–"]);
});

test("rounding never makes a failing score look equal to its threshold", () => {
  assert.equal(scoreAgainst(0.7999, 0.8), "0.7999");
  assert.equal(scoreAgainst(0.79999999, 0.8), "0.79999999");
  assert.equal(scoreAgainst(0.8, 0.8), "0.800");
  assert.equal(scoreAgainst(0.75, 0.8), "0.750");
});

test("differences have their sign", () => {
  assert.deepEqual([0.1, -0.1, 0].map(signed), ["+0.100", "−0.100", "0.000"]);
});

test("times are told as people say them", () => {
  assert.deepEqual([0.04, 9.96, 61, 3600, 7260].map(duration), ["0.0 s", "10.0 s", "1 min 01 s", "1 h 00 min", "2 h 01 min"]);
  const then = "2026-03-15T14:30:22Z";
  assert.equal(ago(then, Date.parse(then) + 3000), "just now");
  assert.equal(ago(then, Date.parse(then) + 2 * 3600_000), "2 hr. ago");
});

test("nouns agree with their count", () => {
  assert.deepEqual([1, 1200].map((value) => counted(value, "error")), ["1 error", "1,200 errors"]);
});

test("the rate is that of the last seconds, and what is left follows from it", () => {
  let samples: Sample[] = [];
  assert.equal(rateOf(samples), undefined);
  for (let second = 0; second <= 20; second++) {
    samples = addSample(samples, { at: second * 1000, completed: second < 10 ? 0 : (second - 10) * 50 });
  }
  assert.equal(rateOf(samples), 500 / 15);
  assert.equal(secondsLeft(50, 500, 1000), 10);
  assert.equal(secondsLeft(50, 500, undefined), undefined);
});

test("a run that went back, since another log is in place, starts its rate anew", () => {
  const samples = addSample([{ at: 0, completed: 100 }], { at: 1000, completed: 10 });
  assert.deepEqual(samples, [{ at: 1000, completed: 10 }]);
});
