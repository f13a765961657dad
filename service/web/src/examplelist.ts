// The examples of a run, page after page as far as they were looked at; short, so that 100,000 fit.

import { api, Gone, type ExampleQuery } from "./api.ts";
import type { Example, ExamplePage } from "./documents.ts";
import { wait } from "./wait.ts";

const PAGE = 500;
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
  page: number;
  place: number;
}

export type LoadPage = (cursor: string | undefined, signal: AbortSignal) => Promise<ExamplePage>;

export class ExampleList {
  readonly briefs: Brief[] = [];
  complete = false;
  error: Error | undefined;
  #load: LoadPage;
  #signal: AbortSignal;
  #changed: () => void;
  #cursors: (string | undefined)[] = [undefined];
  #wanted = 0;
  #busy = false;
  #kept = new Map<number, ExamplePage>();

  constructor(load: LoadPage, changed: () => void, signal: AbortSignal) {
    this.#load = load;
    this.#changed = changed;
    this.#signal = signal;
  }

  /** Load until so many are there, or all. */
  want(length: number): void {
    this.#wanted = Math.max(this.#wanted, length);
    if (!this.#busy) void this.#go();
  }

  async #go(): Promise<void> {
    this.#busy = true;
    try {
      while (!this.complete && this.briefs.length < this.#wanted && !this.#signal.aborted) await this.#patiently();
    } catch (error) {
      if (!this.#signal.aborted) this.error = error as Error;
    }
    this.#busy = false;
    if (!this.#signal.aborted) this.#changed();
  }

  /** The next page, or a pause while the server is gone. */
  async #patiently(): Promise<void> {
    try {
      await this.#next();
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      await wait(AGAIN_MS, this.#signal);
    }
  }

  async #next(): Promise<void> {
    const number = this.#cursors.length - 1;
    const page = await this.#load(this.#cursors[number], this.#signal);
    this.#keep(number, page);
    page.examples.forEach((example, place) => this.briefs.push(shorten(example, number, place)));
    if (page.next === undefined) this.complete = true;
    else this.#cursors.push(page.next);
    this.#changed();
  }

  /** The whole example: from a page that is still there, or asked for again. */
  async whole(brief: Brief): Promise<Example | undefined> {
    const kept = this.#kept.get(brief.page);
    const page = kept ?? (await this.#load(this.#cursors[brief.page], this.#signal));
    this.#keep(brief.page, page);
    return page.examples[brief.place];
  }

  #keep(number: number, page: ExamplePage): void {
    this.#kept.delete(number);
    this.#kept.set(number, page);
    for (const old of this.#kept.keys()) {
      if (this.#kept.size <= 3) break;
      this.#kept.delete(old);
    }
  }
}

export function pagesOf(id: string, query: ExampleQuery): LoadPage {
  return (cursor, signal) => api.examples(id, { ...query, ...(cursor && { cursor }), limit: PAGE }, signal);
}

function shorten(example: Example, page: number, place: number): Brief {
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
    page,
    place,
  };
}

const cut = (text: string): string => (text.length > SHORT ? `${text.slice(0, SHORT)}…` : text).replaceAll(/\s+/g, " ");
