// Requests to the server, and what may become of them.

import type { Comparison, Description, ExamplePage, Listing, Run, Suites } from "./documents.ts";
import { readKey, refused } from "./key.ts";
import { makeStore } from "./store.ts";

/** Whether the last request reached the server. */
export const reached = makeStore(true);

/** The server refused: its problem document. */
export class Refusal extends Error {
  status: number;
  constructor(status: number, title: string, detail: string) {
    super(detail || title);
    this.name = title;
    this.status = status;
  }
}

/** No answer came: the server is gone, or starts again. */
export class Gone extends Error {}

type Query = Record<string, string | number | undefined>;

export function withQuery(path: string, query: Query): string {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/** Send a request; gives an answer that is not a refusal. */
export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  const key = readKey();
  if (key !== null) headers.set("Authorization", `Bearer ${key}`);
  const answer = await reach(path, { cache: "no-cache", ...options, headers });
  if (answer.ok) return answer;
  if (answer.status === 401) refused();
  throw await refusal(answer);
}

async function reach(path: string, options: RequestInit): Promise<Response> {
  try {
    const answer = await fetch(path, options);
    reached.set(true);
    return answer;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    reached.set(false);
    throw new Gone("The server does not answer.");
  }
}

async function refusal(answer: Response): Promise<Refusal> {
  try {
    const problem = (await answer.json()) as { title?: string; detail?: string };
    return new Refusal(answer.status, problem.title ?? "Refused", problem.detail ?? "");
  } catch {
    return new Refusal(answer.status, "Refused", `The server answered with status ${answer.status}.`);
  }
}

async function get<T>(path: string, query: Query, signal?: AbortSignal): Promise<T> {
  const answer = await request(withQuery(path, query), signal ? { signal } : {});
  try {
    return (await answer.json()) as T;
  } catch (error) {
    if (signal?.aborted || error instanceof SyntaxError) throw error;
    reached.set(false);
    throw new Gone("The server's answer broke off.");
  }
}

async function post<T>(path: string, body: object): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  return (await (await request(path, { method: "POST", headers, body: JSON.stringify(body) })).json()) as T;
}

const ofRun = (id: string, rest = "") => `/results/${encodeURIComponent(id)}${rest}`;

export interface Wanted {
  suite?: string;
  tags?: string[];
  concurrency?: number;
  baseline?: string;
}

export interface ExampleQuery {
  passed?: string;
  error?: string;
  grader?: string;
  tag?: string;
  harness?: string;
  text?: string;
  at?: number | undefined;
}

export const api = {
  suites: (signal?: AbortSignal) => get<Suites>("/suites", {}, signal),
  runs: (query: { suite?: string; status?: string; limit?: number; offset?: number }, signal?: AbortSignal) =>
    get<Listing>("/results", query, signal),
  run: (id: string, signal?: AbortSignal) => get<Run>(ofRun(id), { examples: "none" }, signal),
  runAt: (id: string, at: number, signal?: AbortSignal) => get<Run>(ofRun(id), { at, examples: "none" }, signal),
  examples: (id: string, query: ExampleQuery & { cursor?: string; limit?: number }, signal?: AbortSignal) =>
    get<ExamplePage>(ofRun(id, "/examples"), { ...query }, signal),
  compare: (base: string, head: string, signal?: AbortSignal) =>
    get<Comparison>("/compare", { base, head }, signal),
  description: (signal?: AbortSignal) => get<Description>("/openapi.json", {}, signal),
  start: (wanted: Wanted) => post<Run>("/run", wanted),
  cancel: (id: string) => post<Run>(ofRun(id, "/cancel"), {}),
  regrade: (id: string) => post<Run>(ofRun(id, "/regrade"), {}),
};

export { ofRun };
