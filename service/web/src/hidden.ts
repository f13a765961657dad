// Characters that can't be seen, or that turn the order of others around (UAX #9). Joiners are left: scripts and emoji need them.

export interface Part {
  text: string;
  /** Such as "U+202E", where the text is one hidden character. */
  code?: string;
}

// Controls but tab and line ends, the soft hyphen, zero width spaces, marks and overrides of direction.
const HIDDEN = /([\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff])/;

export function splitHidden(text: string): Part[] {
  return text
    .split(HIDDEN)
    .map((part, index) => (index % 2 ? { text: part, code: codeOf(part) } : { text: part }))
    .filter((part) => part.text !== "");
}

const codeOf = (one: string): string => `U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
