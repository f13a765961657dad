import assert from "node:assert/strict";
import { test } from "node:test";
import { Gone } from "../src/api.ts";
import type { Example, ExamplePage } from "../src/documents.ts";
import { ExampleList, isBefore, type LoadPage } from "../src/examplelist.ts";

/** A server whose run records rows of two harnesses of so many rows each, in whatever order. */
class Recording {
  recorded = new Set<string>();
  asked: (string | undefined)[] = [];
  gone = 0;

  #sorted: string[] = [];

  places(): string[] {
    if (this.#sorted.length !== this.recorded.size) this.#sorted = inOrder([...this.recorded]);
    return this.#sorted;
  }

  load: LoadPage = async (cursor, limit) => {
    this.asked.push(cursor);
    await Promise.resolve();
    if (this.gone-- > 0) throw new Gone("gone");
    const from = this.places().filter((place) => cursor === undefined || !isBefore(place, cursor));
    const places = from.slice(0, limit);
    const next = from[limit];
    return { examples: places.map(example), places, ...(next && { next }) } as ExamplePage;
  };
}

function example(place: string): Example {
  const [harness = ""] = place.split("-");
  return { id: `ex ${place}`, input: "", expected: "", output: "", scores: {}, passed: true, tags: [], suite: "qa", harness };
}

function watch(server: Recording): ExampleList {
  return new ExampleList(server.load, () => undefined, new AbortController().signal);
}

const shown = (list: ExampleList) => list.briefs.map((brief) => brief.place);
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
const rows = (harness: number, first: number, last: number) =>
  Array.from({ length: last - first }, (_, row) => `${harness}-${first + row}`);

const inOrder = (places: string[]) => places.sort((one, other) => (isBefore(one, other) ? -1 : 1));

/** Numbers below a bound, the same for the same seed. */
function draws(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

test("places are compared as numbers, harness first", () => {
  assert.equal(isBefore("0-9", "0-10"), true);
  assert.equal(isBefore("0-10", "1-0"), true);
  assert.equal(isBefore("2-0", "10-0"), true);
  assert.equal(isBefore("1-5", "1-5"), false);
});

test("only what is looked at, and some more, is asked for", async () => {
  const server = new Recording();
  server.recorded = new Set(rows(0, 0, 5000));
  const list = watch(server);
  list.look(0, 20);
  await settled();
  assert.deepEqual(shown(list), rows(0, 0, 500));
  list.look(900, 920);
  await settled();
  assert.deepEqual([list.briefs.length, list.complete, server.asked.length], [1500, false, 3]);
});

test("what comes in between is shown where it is looked at, and nothing twice", async () => {
  const server = new Recording();
  server.recorded = new Set([...rows(0, 0, 10), ...rows(1, 0, 10)]);
  const list = watch(server);
  list.look(12, 20);
  await settled();
  assert.equal(list.complete, true);
  server.recorded = new Set([...rows(0, 0, 11), ...rows(1, 0, 12)]);
  list.renew();
  await settled();
  assert.deepEqual(shown(list), [...rows(0, 0, 11), ...rows(1, 0, 12)]);
  assert.equal(list.moved, 1);
});

test("a long list is not read again because there is something new", async () => {
  const server = new Recording();
  server.recorded = new Set(rows(0, 0, 3000));
  const list = watch(server);
  list.look(2980, 3000);
  await settled();
  server.asked = [];
  for (const row of rows(0, 3000, 3010)) server.recorded.add(row);
  list.look(1000, 1020);
  list.renew();
  await settled();
  assert.deepEqual(server.asked, ["0-980"]);
  assert.equal(list.briefs.length, 3000);
  list.look(2990, 3000);
  await settled();
  assert.deepEqual([shown(list), list.complete], [rows(0, 0, 3010), true]);
});

test("news that came while the server was gone are read when it is back", async () => {
  const server = new Recording();
  const list = watch(server);
  list.look(0, 20);
  await settled();
  assert.deepEqual([shown(list), list.complete], [[], true]);
  server.recorded.add("0-3");
  server.gone = 1;
  list.renew();
  await new Promise((resolve) => setTimeout(resolve, 1700));
  assert.deepEqual(shown(list), ["0-3"]);
});

test("the whole example is that of its place, also when others came before it", async () => {
  const server = new Recording();
  server.recorded = new Set(["0-1", "0-5"]);
  const list = watch(server);
  list.look(0, 20);
  await settled();
  server.recorded.add("0-3");
  list.renew();
  await settled();
  assert.equal((await list.whole("0-5"))?.id, "ex 0-5");
  assert.equal(await list.whole("0-4"), undefined);
});

test("whatever comes in whatever order, what is looked at is right", async () => {
  for (let seed = 0; seed < 8; seed++) {
    const draw = draws(seed);
    const server = new Recording();
    const list = watch(server);
    const left = [...rows(0, 0, 250), ...rows(1, 0, 250), ...rows(2, 0, 250)];
    list.look(0, 0);
    while (left.length) {
      for (let some = draw(150); some >= 0 && left.length; some--) {
        server.recorded.add(...(left.splice(draw(Math.min(left.length, 300)), 1) as [string]));
      }
      if (draw(2)) await settled();
      const top = draw(list.briefs.length + 1);
      list.look(top, top + 17);
      list.renew();
      if (draw(2)) await Promise.resolve();
      const places = shown(list);
      assert.deepEqual(places, inOrder([...new Set(places)]), `seed ${seed}`);
    }
    await settled();
    const [first = "", last = ""] = [list.briefs[0]?.place, list.briefs.at(-1)?.place];
    assert.ok(first && last, `seed ${seed}`);
    for (let top = 0; top < 750; top += 30) {
      list.look(top, top + 30);
      list.renew();
      await settled();
    }
    assert.deepEqual([shown(list), list.complete], [server.places(), true], `seed ${seed}`);
  }
});
