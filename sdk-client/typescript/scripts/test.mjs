// Compiles the tests and runs them: node scripts/test.mjs [name of a test file…]
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
rmSync(".test", { recursive: true, force: true });
execFileSync(process.execPath, [tsc, "-p", "test"], { stdio: "inherit" });
const wanted = process.argv.slice(2);
const files = readdirSync(".test/test")
  .filter((file) => file.endsWith(".test.js") && (wanted.length === 0 || wanted.some((name) => file.includes(name))))
  .map((file) => join(".test", "test", file));
process.exit(spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" }).status ?? 1);
