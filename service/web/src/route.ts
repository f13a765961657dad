// Where in the page one is: behind the #, so that the server needs to know one path only. Filters are part of it.

import { useEffect, useState } from "preact/hooks";

export interface Place {
  screen: "runs" | "run" | "suite" | "compare" | "docs" | "nowhere";
  /** The run or the suite. */
  name: string;
  query: Record<string, string>;
}

export function readPlace(hash: string): Place {
  const [path = "", text = ""] = hash.replace(/^#/, "").split("?", 2);
  const query = Object.fromEntries(new URLSearchParams(text));
  const [, screen = "", name = ""] = path.split("/");
  switch (screen) {
    case "":
    case "runs":
      return { screen: "runs", name: "", query };
    case "compare":
    case "docs":
      return { screen, name: "", query };
    case "run":
    case "suite":
      return { screen, name: decode(name), query };
    default:
      return { screen: "nowhere", name: path, query };
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function writePlace(path: string, query: Record<string, string | undefined> = {}): string {
  const set = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const text = new URLSearchParams(set).toString();
  return text ? `#${path}?${text}` : `#${path}`;
}

export const toRun = (id: string, query: Record<string, string | undefined> = {}) =>
  writePlace(`/run/${encodeURIComponent(id)}`, query);
export const toSuite = (name: string) => writePlace(`/suite/${encodeURIComponent(name)}`);
export const toRuns = (query: Record<string, string | undefined> = {}) => writePlace("/runs", query);
export const toCompare = (base?: string, head?: string) => writePlace("/compare", { base, head });

export const toDocs = () => writePlace("/docs");

export function usePlace(): Place {
  const [place, setPlace] = useState(() => readPlace(location.hash));
  useEffect(() => {
    const look = () => setPlace(readPlace(location.hash));
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  return place;
}

/** Change what stands in the address without a step in the history. */
export function setQuery(place: Place, change: Record<string, string | undefined>): void {
  const path = place.name ? `/${place.screen}/${encodeURIComponent(place.name)}` : `/${place.screen}`;
  const hash = writePlace(path, { ...place.query, ...change });
  history.replaceState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
