// Starts a gateway with what a rendered workload would give it, until it answers: whether the chart's variables and its file are
// such as the gateway takes.
//   node start.mjs <folder with node_modules> <rendered file> <gateway program or gateway.dll>
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, file, program] = process.argv.slice(2);
const { parseAllDocuments } = await import(pathToFileURL(createRequire(join(tools, "package.json")).resolve("yaml")));
const objects = parseAllDocuments(readFileSync(file, "utf8"))
  .map(document => document.toJS())
  .filter(Boolean);
const workload = objects.find(object => ["Deployment", "StatefulSet"].includes(object.kind));
const gateway = workload.spec.template.spec.containers.find(container => container.name === "gateway");
const settings = objects.find(object => object.kind === "ConfigMap" && object.metadata.name === workload.metadata.name).data[
  "gateway.json"
];

const folder = mkdtempSync(join(tmpdir(), "durable-gateway-start-"));
writeFileSync(join(folder, "gateway.json"), settings);
const [publicPort, controlPort] = [await freePort(), await freePort()];
const secret = ({ name, key }) => {
  const own = objects.find(object => object.kind === "Secret" && object.metadata.name === name)?.data[key];
  if (own) return Buffer.from(own, "base64").toString();
  if (/keys/.test(name)) return Buffer.alloc(32, key).toString("base64");
  return /redis/.test(name) && key !== "password" ? "redis:6379,password=secret" : "secret";
};

const podIp = gateway.env.some(variable => variable.value?.includes("[$(POD_IP)]")) ? "::1" : "127.0.0.1";
const env = { PATH: process.env.PATH, HOME: folder, DOTNET_ROOT: process.env.DOTNET_ROOT ?? "" };
for (const { name, value, valueFrom } of gateway.env) {
  const plain = valueFrom?.secretKeyRef
    ? secret(valueFrom.secretKeyRef)
    : valueFrom?.fieldRef
      ? valueFrom.fieldRef.fieldPath === "status.podIP"
        ? podIp
        : "pod"
      : value.replace(/\$\((\w+)\)/g, (all, other) => env[other] ?? all);
  env[name] = plain.replace("*:8080", `*:${publicPort}`).replace("*:8081", `*:${controlPort}`);
}
if (env.Durable__Store__DataDirectory) env.Durable__Store__DataDirectory = join(folder, "data");

const args = gateway.args.map(arg => (arg === "/etc/durable-gateway/gateway.json" ? join(folder, "gateway.json") : arg));
const command = program.endsWith(".dll") ? ["dotnet", resolve(program)] : [resolve(program)];
const child = spawn(command[0], [...command.slice(1), ...args], { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
let said = "",
  status;
child.stdout.on("data", data => (said += data));
child.stderr.on("data", data => (said += data));
const ended = new Promise(done => child.on("exit", code => done((status = code ?? -1))));

let alive = false;
for (const until = Date.now() + 30_000; !alive && status === undefined && Date.now() < until; ) {
  alive = await fetch(`http://127.0.0.1:${controlPort}/healthz`).then(
    response => response.ok,
    () => false,
  );
  if (!alive) await new Promise(done => setTimeout(done, 100));
}
child.kill("SIGTERM");
const patience = setTimeout(() => child.kill("SIGKILL"), 20_000);
await ended;
clearTimeout(patience);
rmSync(folder, { recursive: true, force: true });
if (!alive || status !== 0) {
  console.error(`${alive ? "" : "did not start; "}status ${status}\n${said}`);
  process.exit(1);
}
console.log("starts, answers, ends with 0");

function freePort() {
  return new Promise(done => {
    const server = createServer().listen(0, () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
