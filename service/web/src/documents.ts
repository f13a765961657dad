// The documents of the API, as docs/api.md describes them. Nothing else in the page knows their shapes.

export type Status = "running" | "passed" | "failed" | "error" | "cancelled";

export interface Progress {
  completed: number;
  percent: number;
  total?: number;
}

export interface Row {
  name: string;
  score?: number | null;
  threshold: number;
  passed: boolean;
  n: number;
  ci_lower?: number | null;
  ci_upper?: number | null;
  suite: string;
  harness: string | null;
  pass_rate?: number | null;
  pass_at?: number | null;
  pass_at_k?: number[] | null;
  pass_all_k?: number[] | null;
  disagree?: number | null;
}

export type Information = Omit<Row, "threshold" | "passed">;

export interface Usage {
  input_tokens: number;
  output_tokens: number;
}

export interface Listed {
  run_id: string;
  status: Status;
  suite: string | null;
  suites?: string[];
  started_at: string;
  finished_at?: string;
  verdict?: "PASS" | "FAIL";
  regrades?: string;
}

export interface Listing {
  runs: Listed[];
  total: number;
  limit: number;
  offset: number;
}

export interface Run extends Listed {
  progress?: Progress;
  duration_seconds?: number;
  error?: string;
  warnings?: string[];
  grader_results?: Row[];
  informational?: Information[];
  model_errors?: number;
  grader_errors?: number;
  usage?: Usage;
  cost?: number;
  log?: { position: number; version: number; hash: string };
  results_url?: string;
}

export interface Asking {
  output: string | null;
  scores: Record<string, number>;
  passed: boolean;
  latency_ms?: number;
  attempts?: number;
  usage?: Usage;
  error?: string;
  errors?: Record<string, string>;
  details?: Record<string, unknown>;
  secrets?: string[];
}

export interface Example extends Asking {
  id: string;
  input: string;
  expected: string;
  tags: string[];
  suite: string;
  harness: string;
  metadata?: Record<string, unknown>;
  repeats?: Asking[];
}

export interface ExamplePage {
  examples: Example[];
  /** The cursor at which each stands. */
  places: string[];
  next?: string;
}

export interface Suite {
  name: string;
  harnesses: string[];
  thresholds: Record<string, number>;
}

export interface Suites {
  suites: Suite[];
  config_error?: string;
}

export interface LogEvent {
  position: number;
  version: number;
  type: string;
  at: string;
  body: Record<string, unknown>;
}

/** The body of a `started` event, as far as the page looks at it. */
export interface Started {
  plan: string;
  harnesses: { suite: string; harness: string; manifest?: string; examples?: number }[];
  matchspec: string;
}

export type Word = "better" | "worse" | "no evidence";

export interface ComparedRow {
  name?: string;
  suite?: string;
  harness?: string | null;
  decides?: boolean;
  n: number;
  base_mean?: number | null;
  head_mean?: number | null;
  difference?: number | null;
  ci_lower?: number | null;
  ci_upper?: number | null;
  confidence_level: number;
  p_value?: number | null;
  wins: number;
  losses: number;
  ties: number;
  detectable?: number | null;
  word: Word;
}

export interface Flip {
  suite: string;
  harness: string;
  id: string;
  grader: string;
  base_score: number;
  head_score: number;
  input: string;
  expected: string;
  base_output: string | null;
  head_output: string | null;
}

export interface LeftOut {
  total: number;
  examples: { suite: string; harness: string; id: string }[];
}

export interface Comparison {
  base: Listed;
  head: Listed;
  word: Word;
  differences: string[];
  shared: number;
  rows: ComparedRow[];
  overall: ComparedRow;
  left_out: Record<"changed" | "ungraded" | "base_only" | "head_only", LeftOut>;
  flips_total: number;
  flips: Flip[];
}

/** An operation of /openapi.json, as far as the page tells of it. */
export interface Described {
  summary: string;
  parameters: { name: string; in: string; description?: string }[];
  responses: Record<string, { description: string; content?: Record<string, unknown> }>;
}

export interface Description {
  info: { version: string };
  paths: Record<string, Record<string, Described>>;
}
