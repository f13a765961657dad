// A value that several parts of the page look at.

import { useEffect, useState } from "preact/hooks";

export interface Store<T> {
  get(): T;
  set(value: T): void;
  watch(look: (value: T) => void): () => void;
}

export function makeStore<T>(value: T): Store<T> {
  const watching = new Set<(value: T) => void>();
  return {
    get: () => value,
    set(next) {
      if (next === value) return;
      value = next;
      for (const look of [...watching]) look(value);
    },
    watch(look) {
      watching.add(look);
      return () => void watching.delete(look);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.get());
  useEffect(() => {
    setValue(() => store.get());
    return store.watch((next) => setValue(() => next));
  }, [store]);
  return value;
}
