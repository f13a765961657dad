// Server-sent events, read with fetch: EventSource can't send a header.

import { Gone, ofRun, request, withQuery } from "./api.ts";
import type { LogEvent } from "./documents.ts";
import { makeParser } from "./parser.ts";
import { wait } from "./wait.ts";

const AGAIN_MS = 1000;

/** Hand on a run's events behind `after` as they come, until the run is over; goes on where a stream broke off. */
export async function follow(
  id: string,
  after: number,
  take: (events: LogEvent[]) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const answer = await open(id, after, signal);
      if (answer.status === 204 || answer.body === null) return;
      for await (const events of read(answer.body)) {
        after = events.at(-1)?.version ?? after;
        take(events);
        if (events.at(-1)?.type === "finished") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Gone || error instanceof TypeError)) throw error;
    }
    await wait(AGAIN_MS, signal);
  }
}

/** At most `count` events of a run behind `after`. */
export async function readSome(id: string, after: number, count: number, signal: AbortSignal): Promise<LogEvent[]> {
  const stop = new AbortController();
  const found: LogEvent[] = [];
  const answer = await open(id, after, AbortSignal.any([signal, stop.signal]));
  if (answer.status === 204 || answer.body === null) return found;
  for await (const events of read(answer.body)) {
    found.push(...events);
    if (found.length >= count || found.at(-1)?.type === "finished") break;
  }
  stop.abort();
  return found.slice(0, count);
}

function open(id: string, after: number, signal: AbortSignal): Promise<Response> {
  return request(withQuery(ofRun(id, "/events"), { after }), { signal, cache: "no-store" });
}

async function* read(body: ReadableStream<Uint8Array>): AsyncGenerator<LogEvent[]> {
  const parse = makeParser();
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = parse(decoder.decode(value, { stream: true })).map((data) => JSON.parse(data) as LogEvent);
      if (events.length) yield events;
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
