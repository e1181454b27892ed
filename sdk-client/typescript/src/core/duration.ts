type Unit = "ms" | "s" | "m" | "h" | "d" | "w";

/** A span of time: a number of milliseconds, or a number with a unit such as `"90s"`, `"1.5h"` or `"7d"`. */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`;

const UNITS: Record<Unit, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** @throws RangeError It is negative, or no duration. */
export function milliseconds(duration: Duration, what: string): number {
  const match = typeof duration === "string" ? /^(\d+(?:\.\d+)?) ?(ms|[smhdw])$/.exec(duration) : undefined;
  const value = match ? Number(match[1]) * UNITS[match[2] as Unit] : duration;
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    throw new RangeError(
      `${what} is '${String(duration)}'. Give milliseconds, zero or more, or a number with ms, s, m, h, d or w, such as "90s".`,
    );
  }
  return value;
}

/** Decimal seconds without sign or exponent, as the wire contract writes spans of time. */
export function seconds(ms: number): string {
  return (Math.round(ms) / 1000).toFixed(3).replace(/\.?0+$/, "");
}

/** A point in time, in milliseconds since 1970. @throws RangeError It is none. */
export function instant(time: Date | number | string, what: string): number {
  const ms = time instanceof Date ? time.getTime() : typeof time === "number" ? time : Date.parse(time);
  if (!Number.isFinite(ms) || Number.isNaN(new Date(ms).getTime())) {
    throw new RangeError(`${what} is '${String(time)}'. Give a Date, milliseconds since 1970, or a string of ISO 8601.`);
  }
  return ms;
}
