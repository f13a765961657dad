// The examples of a run, page after page as far as they were looked at; short, so that 100,000 fit. Each keeps the
// place that the server gives it. While the run is on, others are recorded before and behind it: what is looked at is
// read again, and the rest when it is looked at.

import { api, Gone, type ExampleQuery } from "./api.ts";
import type { Example, ExamplePage } from "./documents.ts";
import { wait } from "./wait.ts";

const PAGE = 500;
const AROUND = 20;
const AHEAD = 300;
const SHORT = 160;
const AGAIN_MS = 1500;

/** What a line of the table shows, and where the whole example is. */
export interface Brief {
  id: string;
  harness: string;
  passed: boolean;
  error: string;
  scores: Record<string, number>;
  input: string;
  expected: string;
  output: string;
  place: string;
}

/** Gives examples from a place on, those that are wanted; `limit` is how many at most. */
export type LoadPage = (cursor: string | undefined, limit: number, signal: AbortSignal) => Promise<ExamplePage>;

export class ExampleList {
  briefs: Brief[] = [];
  complete = false;
  error: Error | undefined;
  /** By how many lines what was looked at has moved down, since the beginning. */
  moved = 0;
  #load: LoadPage;
  #signal: AbortSignal;
  #changed: () => void;
  #next: string | undefined;
  #first = 0;
  #last = 0;
  #stale = false;
  #busy = false;
  #whole = new Map<string, Example>();

  constructor(load: LoadPage, changed: () => void, signal: AbortSignal) {
    this.#load = load;
    this.#changed = changed;
    this.#signal = signal;
  }

  /** What is looked at: from one line up to, but not including, another. */
  look(first: number, last: number): void {
    this.#first = first;
    this.#last = last;
    if (!this.#busy) void this.#go();
  }

  /** There may be more now: read what is looked at again. */
  renew(): void {
    this.#stale = true;
    this.#whole.clear();
    if (!this.#busy) void this.#go();
  }

  /** Where an example is now; -1 where it is not among those that are there. */
  find(place: string): number {
    return this.briefs.findIndex((brief) => brief.place === place);
  }

  /** The whole example: of those read last, or asked for again. */
  async whole(place: string): Promise<Example | undefined> {
    const known = this.#whole.get(place);
    if (known) return known;
    const { examples, places } = await this.#load(place, 1, this.#signal);
    return places[0] === place ? examples[0] : undefined;
  }

  /** The line of an example that may not have been read yet. */
  async brief(place: string): Promise<Brief | undefined> {
    const example = await this.whole(place);
    return example && shorten(example, place);
  }

  async #go(): Promise<void> {
    this.#busy = true;
    try {
      while (!this.#signal.aborted && (this.#stale || this.#lacks())) await this.#patiently();
    } catch (error) {
      if (!this.#signal.aborted) this.error = error as Error;
    }
    this.#busy = false;
    if (!this.#signal.aborted) this.#changed();
  }

  #lacks(): boolean {
    return !this.complete && this.briefs.length < this.#last + AHEAD;
  }

  /** The next step, or a pause while the server is gone. */
  async #patiently(): Promise<void> {
    const again = this.#stale;
    this.#stale = false;
    try {
      await (again ? this.#again() : this.#more());
      this.#changed();
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      this.#stale ||= again;
      await wait(AGAIN_MS, this.#signal);
    }
  }

  async #more(): Promise<void> {
    const page = await this.#read(this.#next, PAGE);
    const end = this.briefs.at(-1)?.place;
    this.briefs.push(...page.briefs.filter((brief) => end === undefined || isBefore(end, brief.place)));
    this.#next = page.next;
    this.complete = page.next === undefined;
  }

  /** Read the lines that are looked at again, with what came in between; all behind them when they are the last. */
  async #again(): Promise<void> {
    const first = Math.max(0, Math.min(this.#first, this.briefs.length) - AROUND);
    const last = this.#last + AROUND;
    const end = this.briefs[last]?.place;
    const found: Brief[] = [];
    let next = first === 0 ? undefined : this.briefs[first]?.place;
    do {
      const page = await this.#read(next, Math.min(PAGE, last - first + AROUND));
      found.push(...page.briefs.filter((brief) => end === undefined || isBefore(brief.place, end)));
      next = page.next;
    } while (next !== undefined && (end === undefined ? found.length < last - first : isBefore(next, end)));
    const top = this.#first;
    const held = top === 0 ? undefined : this.briefs[top]?.place;
    this.briefs.splice(first, end === undefined ? this.briefs.length : last - first, ...found);
    const now = held === undefined ? -1 : this.find(held);
    if (now >= 0) this.moved += now - top;
    if (end === undefined) this.#next = next;
    else if (this.complete) this.#next = this.briefs.at(-1)?.place;
    this.complete = end === undefined && next === undefined;
  }

  async #read(cursor: string | undefined, limit: number): Promise<{ briefs: Brief[]; next: string | undefined }> {
    const { examples, places, next } = await this.#load(cursor, limit, this.#signal);
    if (this.#whole.size > 2 * PAGE) this.#whole.clear();
    const briefs = examples.map((example, index) => shorten(example, places[index] ?? ""));
    examples.forEach((example, index) => this.#whole.set(places[index] ?? "", example));
    return { briefs, next };
  }
}

export function pagesOf(id: string, query: ExampleQuery): LoadPage {
  return (cursor, limit, signal) => api.examples(id, { ...query, ...(cursor && { cursor }), limit }, signal);
}

/** Whether one place is before another: a harness by its number, then a row. */
export function isBefore(one: string, other: string): boolean {
  const [harness = 0, row = 0] = one.split("-").map(Number);
  const [otherHarness = 0, otherRow = 0] = other.split("-").map(Number);
  return harness < otherHarness || (harness === otherHarness && row < otherRow);
}

function shorten(example: Example, place: string): Brief {
  const asked = example.repeats?.find((one) => one.error || one.errors) ?? example;
  return {
    id: example.id,
    harness: example.harness,
    passed: example.passed,
    error: asked.error ? "no answer" : asked.errors ? "not graded" : "",
    scores: example.scores,
    input: cut(example.input),
    expected: cut(example.expected),
    output: cut(example.output ?? ""),
    place,
  };
}

const cut = (text: string): string => (text.length > SHORT ? `${text.slice(0, SHORT)}…` : text).replaceAll(/\s+/g, " ");
