// Server-sent events out of the parts of a stream: https://html.spec.whatwg.org/multipage/server-sent-events.html

/** Takes parts of a stream; gives the data of the events that are whole. Comments and other fields are skipped. */
export function makeParser(): (part: string) => string[] {
  let rest = "";
  return (part) => {
    const blocks = (rest + part).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop() ?? "";
    return blocks.map(dataOf).filter((data) => data !== "");
  };
}

function dataOf(block: string): string {
  const lines = block.split("\n").filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
}
