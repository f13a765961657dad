// Something loaded from the server, kept up to date for as long as it is looked at.

import { useCallback, useEffect, useState } from "preact/hooks";
import { Gone } from "./api.ts";
import { wait } from "./wait.ts";

const AGAIN_MS = 1500;

export interface Loaded<T> {
  value: T | undefined;
  error: Error | undefined;
  reload: () => void;
}

/**
 * Load, and load again after `every(value)` milliseconds, or not where that gives null. While the server is gone
 * what was there stays, and it is tried again. `what` names the thing: with another name all begins anew.
 */
export function useLoaded<T>(
  what: string,
  load: (signal: AbortSignal) => Promise<T>,
  every: (value: T) => number | null = () => null,
): Loaded<T> {
  const [state, setState] = useState<{ what: string; value?: T; error?: Error }>({ what });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    void keep(stop.signal);
    return () => stop.abort();

    async function keep(signal: AbortSignal) {
      while (!signal.aborted) {
        const pause = await once(signal);
        if (pause === null) return;
        await wait(pause, signal);
        while (document.hidden && !signal.aborted) await wait(250, signal);
      }
    }

    async function once(signal: AbortSignal): Promise<number | null> {
      try {
        const value = await load(signal);
        if (!signal.aborted) setState({ what, value });
        return every(value);
      } catch (error) {
        if (signal.aborted) return null;
        if (error instanceof Gone) {
          setState((old) => (old.what === what && old.value !== undefined ? old : { what, error }));
          return AGAIN_MS;
        }
        setState({ what, error: error as Error });
        return null;
      }
    }
  }, [what, turn]);
  const reload = useCallback(() => setTurn((now) => now + 1), []);
  const current = state.what === what ? state : { what };
  return { value: current.value, error: current.error, reload };
}
