// Builds the package twice from the same sources: as ECMAScript modules and as CommonJS, each with its own declarations.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
process.chdir(root);
rmSync("dist", { recursive: true, force: true });
rmSync(".build", { recursive: true, force: true });

for (const [name, type] of [
  ["esm", "module"],
  ["cjs", "commonjs"],
]) {
  // The compiler goes by the package.json above a source.
  const copy = join(".build", name);
  mkdirSync(copy, { recursive: true });
  cpSync("src", join(copy, "src"), { recursive: true });
  writeFileSync(join(copy, "package.json"), JSON.stringify({ type }));
  writeFileSync(join(copy, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.json", include: ["src"] }));
  execFileSync(
    process.execPath,
    [
      tsc,
      "-p",
      copy,
      "--noEmit",
      "false",
      "--rootDir",
      join(copy, "src"),
      "--outDir",
      join("dist", name),
      "--types",
      "node",
      "--typeRoots",
      "node_modules/@types",
    ],
    { stdio: "inherit" },
  );
  writeFileSync(join("dist", name, "package.json"), `${JSON.stringify({ type })}\n`);
}
rmSync(".build", { recursive: true, force: true });
