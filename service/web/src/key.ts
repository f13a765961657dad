// The server's key: kept for this tab only, and sent with every request.

import { makeStore } from "./store.ts";

const NAME = "matchspec-key";

/** What the server said of the key: nothing yet or that it is right, that it wants one, that this one is wrong. */
export const access = makeStore<"open" | "wanted" | "wrong">("open");

export function readKey(): string | null {
  return sessionStorage.getItem(NAME);
}

export function keepKey(key: string): void {
  sessionStorage.setItem(NAME, key);
}

export function forgetKey(): void {
  sessionStorage.removeItem(NAME);
  access.set("wanted");
}

export function refused(): void {
  access.set(readKey() === null ? "wanted" : "wrong");
}
