// What became of an example, in a word and a colour.

import type { Brief } from "./examplelist.ts";

export const resultOf = (brief: Brief): string => brief.error || (brief.passed ? "passed" : "failed");
export const kindOf = (brief: Brief): string => (brief.error ? "warn" : brief.passed ? "good" : "bad");
