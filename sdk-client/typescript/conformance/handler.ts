import type { Step } from "../src/node.js";
import { Interpreter, Responding } from "./interpreter.js";
import { Journal } from "./journal.js";
import type { Program } from "./program.js";

const journal = new Journal(process.env.JOURNAL ?? "journal.jsonl");

export const options = { suspendAfter: 200, build: "conformance" } as const;

/** The handler that every host wraps: executes a program, and gives what it answers. */
export async function execute(program: Program, step: Step, lastEventId: unknown): Promise<Response> {
  const execution = journal.write({
    case: program.case,
    event: "handler",
    durable: step.info.isDurable,
    ...(step.info.isDurable ? { runId: step.info.id, attempt: step.info.attempt } : {}),
  });
  try {
    return Response.json(await new Interpreter(program, execution, step, journal, Number(lastEventId ?? 0)).all(program.do));
  } catch (error) {
    if (error instanceof Responding) return error.response;
    throw error;
  } finally {
    journal.write({ case: program.case, event: "end" });
  }
}
