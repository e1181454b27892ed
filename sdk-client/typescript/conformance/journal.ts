import { appendFileSync, existsSync, readFileSync } from "node:fs";

/** What was executed, in a file that outlives the process. */
export class Journal {
  readonly #counts = new Map<string, number>();

  constructor(private readonly file: string) {
    if (!existsSync(file)) return;
    for (const line of readFileSync(file, "utf8").split("\n")) if (line) this.#count(JSON.parse(line));
  }

  /** Writes a line, and says how many there are of its case, event and name. */
  write(line: { case: string; event: string; name?: string; [more: string]: unknown }): number {
    appendFileSync(this.file, `${JSON.stringify(line)}\n`);
    return this.#count(line);
  }

  has(of: { case: string; event: string; name?: string }): boolean {
    return this.#counts.has(keyOf(of));
  }

  #count(line: { case: string; event: string; name?: string }): number {
    const count = (this.#counts.get(keyOf(line)) ?? 0) + 1;
    this.#counts.set(keyOf(line), count);
    return count;
  }
}

const keyOf = (line: { case: string; event: string; name?: string }) => JSON.stringify([line.case, line.event, line.name]);
