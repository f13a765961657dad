// Documents of runs that are over never change: each is asked for once.

import { api } from "./api.ts";
import { readSome } from "./stream.ts";
import type { Run, Started } from "./documents.ts";

const AT_ONCE = 4;
const runs = new Map<string, Promise<Run>>();
const starts = new Map<string, Promise<Started>>();
let free = AT_ONCE;
const waiting: (() => void)[] = [];

/** A run that is over, without its examples. */
export function knownRun(id: string): Promise<Run> {
  return keep(runs, id, () => api.run(id));
}

/** What a run started with. */
export function knownStart(id: string): Promise<Started> {
  return keep(starts, id, async () => {
    const [first] = await readSome(id, 0, 1, new AbortController().signal);
    return first?.body as unknown as Started;
  });
}

function keep<T>(known: Map<string, Promise<T>>, id: string, load: () => Promise<T>): Promise<T> {
  const there = known.get(id);
  if (there) return there;
  const loading = inTurn(load);
  known.set(id, loading);
  loading.catch(() => known.delete(id));
  return loading;
}

async function inTurn<T>(load: () => Promise<T>): Promise<T> {
  if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  else free--;
  try {
    return await load();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }
}
