import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";

/** What the examples speak of and do not show. */
const PRELUDE = `
declare global {
  type Context = import("hono").Context;
  type NextRequest = Request;
  interface Order { id: string; total: number; approver: string; customer: string; notes: string; opensAt: Date }
  interface Charge { id: string }
  interface Label { trackingNumber: string }
  interface Trip { to: string }
  interface Payment { orderId: string; amount: number }
  interface Decision { ok: boolean }
  interface Invoice { no: number }
  interface Rate { eur: number }
  type With = { signal: AbortSignal };
  const app: import("express").Express;
  const fastify: import("fastify").FastifyInstance;
  const order: Order, charge: Charge, trip: Trip, code: number, signal: AbortSignal;
  const url: string, method: string, headers: Headers, body: string;
  const orders: { load(id: string): Promise<Order> };
  const payments: { charge(order: Order): Promise<Charge>; refund(charge: Charge): Promise<void>; pay(trip: Trip): Promise<void> };
  const terminal: { charge(total: number): Promise<void> };
  const shipping: { label(order: Order, charge: Charge, options?: With): Promise<Label> };
  const airline: { reserve(trip: Trip): Promise<string>; book(trip: Trip): Promise<string>; cancel(flight: string): Promise<void> };
  const hotels: { reserve(trip: Trip): Promise<string>; book(trip: Trip): Promise<string>; cancel(hotel: string): Promise<void> };
  const mail: { send(to: string, text: string, options: With): Promise<void> };
  const openai: (model: string) => { modelId: string };
  const generateText: (call: { model: { modelId: string }; prompt: string }) => Promise<{ text: string }>;
  const handler: (req: Request) => Promise<Response>;
  const show: (text: string) => void;
  const checkOut: (id: string, with_: typeof payments, step: import("@durable-gateway/client").Step) => Promise<string>;
}
export {};
`;

test("The examples of the README compile as they are shown", () => {
  const folder = ".test/readme";
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const blocks = [...readFileSync("README.md", "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block as string);
  assert.ok(blocks.length === 26, `${blocks.length} examples were found, not 26`);
  writeFileSync(join(folder, "prelude.ts"), PRELUDE);
  blocks.forEach((block, index) => {
    const imports = [...block.matchAll(/^import .*\n/gm)].join("");
    const rest = block.replace(/^import .*\n/gm, "");
    const names = ["durable", "step", "StepError", "NonRetriableError"].filter((name) => !new RegExp(`\\b${name}\\b.*from`).test(imports));
    const usual = `import { ${names.join(", ")} } from "@durable-gateway/client";\n`;
    writeFileSync(
      join(folder, `example-${index}.ts`),
      imports + usual + (/^export /m.test(rest) ? rest : `export async function example() {\n${rest}}\n`),
    );
  });
  const compilerOptions = {
    rootDir: "../..",
    noUnusedLocals: false,
    noUnusedParameters: false,
    noEmit: true,
    paths: { "@durable-gateway/client": ["../../src/node.ts"], "@durable-gateway/client/*": ["../../src/*.ts"] },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include: ["."] }));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  try {
    execFileSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    assert.fail((error as { stdout: string }).stdout);
  }
});
