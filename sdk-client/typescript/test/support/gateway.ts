import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Why tests with a real gateway are skipped; `false` where they are not. They fail where they are required and cannot be run. */
export const skipped: string | false =
  process.env.GATEWAY || process.env.DURABLE_TESTS_REQUIRE?.split(",").includes("typescript") ? false : "GATEWAY names no gateway.dll";

export interface Gateway {
  readonly url: string;
  readonly control: string;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** Starts the gateway of the environment variable `GATEWAY` in front of a service, with a store of its own. */
export async function startGateway(upstream: string): Promise<Gateway> {
  const dll = process.env.GATEWAY;
  if (!dll) throw new Error("The environment variable GATEWAY names no gateway.dll.");
  const folder = mkdtempSync(join(tmpdir(), "durable-ts-"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const control = `http://127.0.0.1:${await freePort()}`;
  const settings = {
    "Durable:Listeners:Public": url,
    "Durable:Listeners:Control": control,
    "Durable:Policies:default:Retry:Delay": "00:00:00.050",
    "Durable:Policies:default:HoldClientFor": "00:00:00",
    "Durable:Policies:default:AllowCancel": "true",
  };
  const args = [resolve(dll), "--upstream", upstream, ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`)];
  const process_ = spawn("dotnet", args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [process_.stdout, process_.stderr]) stream.on("data", (chunk) => (said += chunk));
  const stop = async () => {
    await ended(process_);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    if (process_.exitCode !== null) break;
    const ready = await fetch(`${control}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return { url, control, stop };
    await new Promise((done) => setTimeout(done, 100));
  }
  await stop();
  throw new Error(`The gateway did not start: ${said}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((done) => child.once("exit", done));
  child.kill();
  await exit;
}
