// The scenario service of tests/conformance/PROGRAM.md. ADAPTER is the host that its handler runs in: fetch, express, fastify, nest or
// nest-fastify.
import { hosts } from "./hosts.js";

const name = process.env.ADAPTER || "fetch";
const start = hosts[name];
if (!start) throw new Error(`ADAPTER is '${name}', and not one of ${Object.keys(hosts).join(", ")}.`);
await start(Number(process.env.PORT));
console.log("listening");
