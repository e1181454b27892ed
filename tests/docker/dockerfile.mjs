// Reads a Dockerfile as far as tests/docker/check needs it, which is as far as ours go.
//   node dockerfile.mjs lint <Dockerfile> <context>             what is wrong with it, beyond what a linter knows
//   node dockerfile.mjs context <Dockerfile> <context> <to>     copies what the ignore file lets into the context
//   node dockerfile.mjs stage <Dockerfile> <name> <context> <to> a shell script that does what the stage's lines say, under <to>
//   node dockerfile.mjs env|user|entrypoint|healthcheck <Dockerfile>  of the last stage, one to a line
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

const [command, file, ...rest] = process.argv.slice(2);
const stages = parse(readFileSync(file, "utf8"));
const last = stages.at(-1);
const commands = { lint, context, stage, env, user, entrypoint, healthcheck };
commands[command](...rest);

function parse(text) {
  const stages = [];
  let pending = "";
  for (const line of text.split("\n")) {
    if (/^\s*(#.*)?$/.test(line)) continue;
    pending += line.replace(/\\$/, " ");
    if (line.endsWith("\\")) continue;
    const [, op, args] = /^\s*(\w+)\s+(.*)$/s.exec(pending);
    pending = "";
    if (op.toUpperCase() === "FROM") stages.push({ name: / AS (\S+)/i.exec(args)?.[1], from: args.replace(/ AS .*/i, ""), lines: [] });
    else stages.at(-1).lines.push({ op: op.toUpperCase(), args: args.trim() });
  }
  return stages;
}

function copies(stage) {
  return stage.lines
    .filter(line => ["COPY", "ADD"].includes(line.op))
    .map(line => {
      const words = line.args.split(/\s+/);
      const flags = Object.fromEntries(words.filter(word => word.startsWith("--")).map(word => word.slice(2).split("=")));
      const paths = words.filter(word => !word.startsWith("--"));
      return { op: line.op, from: flags.from, chown: flags.chown, sources: paths.slice(0, -1), target: paths.at(-1) };
    });
}

function values(stage, op) {
  return stage.lines.filter(line => line.op === op).map(line => line.args);
}

function lint(root) {
  const problems = [];
  const let_in = new Set(visible(root));
  for (const each of stages) {
    for (const copy of copies(each)) {
      if (copy.op === "ADD") problems.push("ADD, where COPY would do");
      if (copy.from) {
        if (!stages.some(stage => stage.name === copy.from)) problems.push(`COPY --from=${copy.from}: no such stage`);
        continue;
      }
      for (const source of copy.sources) {
        const path = source.replace(/\/$/, "");
        if (path === ".") continue;
        if (!existsSync(join(root, path))) problems.push(`COPY ${source}: is not there`);
        else if (![...let_in].some(name => name === path || name.startsWith(path + "/")))
          problems.push(`COPY ${source}: the ignore file keeps it out`);
      }
    }
    if (!/:[^:]+$/.test(each.from)) problems.push(`FROM ${each.from}: no tag`);
  }
  const id = values(last, "USER").at(-1) ?? "";
  if (!/^[1-9]\d*(:[1-9]\d*)?$/.test(id)) problems.push(`USER ${id}: is not the number of a user who is not root`);
  if (values(last, "RUN").length > 0) problems.push("RUN in the last stage, which has no shell");
  for (const args of [
    ...values(last, "ENTRYPOINT"),
    ...values(last, "CMD"),
    ...values(last, "HEALTHCHECK").map(args => args.replace(/^.*?CMD /, "")),
  ])
    if (!args.startsWith("[")) problems.push(`${args}: wants a shell`);
  if (
    values(last, "VOLUME").length &&
    !copies(last).some(copy => copy.target.replace(/\/$/, "") === values(last, "VOLUME")[0] && copy.chown === id)
  )
    problems.push("the volume's directory does not belong to the user");
  for (const problem of problems) console.error(problem);
  console.log(`${stages.length} stages, ${let_in.size} files in the context`);
  process.exit(problems.length ? 1 : 0);
}

/** The files that the ignore file lets in: the last pattern that fits decides. */
function visible(root) {
  const own = `${file}.dockerignore`;
  const patterns = readFileSync(existsSync(own) ? own : join(root, ".dockerignore"), "utf8")
    .split("\n")
    .map(line => line.trim())
    .filter(line => line && !line.startsWith("#"))
    .map(line => {
      const keep = line.startsWith("!");
      const glob = line.replace(/^!/, "").replace(/^\/|\/$/g, "");
      const source = glob
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replace(/\*\*\//g, "\u0001")
        .replace(/\*\*/g, "\u0002")
        .replace(/\*/g, "[^/]*")
        .replace(/\?/g, "[^/]")
        .replaceAll("\u0001", "(?:.*/)?")
        .replaceAll("\u0002", ".*");
      return { keep, fits: new RegExp(`^${source}(?:/.*)?$`) };
    });
  const kept = path => patterns.reduce((decided, { keep, fits }) => (fits.test(path) ? keep : decided), true);
  const files = [];
  (function walk(folder) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder ? `${folder}/${entry.name}` : entry.name;
      if (path === ".git" || entry.name === "node_modules") continue;
      if (entry.isDirectory()) walk(path);
      else if (kept(path)) files.push(path);
    }
  })("");
  return files;
}

function context(root, to) {
  for (const path of visible(root)) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(root, path), join(to, path));
  }
}

function stage(name, from, to) {
  const quote = text => `'${text.replaceAll("'", "'\\''")}'`;
  const wanted = stages.find(each => each.name === name);
  let cwd = "/";
  const script = ["set -eu"];
  for (const { op, args } of wanted.lines) {
    if (op === "WORKDIR") {
      cwd = join(cwd, args);
      script.push(`mkdir -p ${quote(to + cwd)}`, `cd ${quote(to + cwd)}`);
    } else if (op === "ARG") {
      script.push(`export ${args.includes("=") ? args.replace(/^(\w+)=(.*)$/, (_, key, value) => `${key}="\${${key}:-${value}}"`) : args}`);
    } else if (op === "RUN") {
      script.push(`echo ${quote(`+ ${args}`)}`, `sh -c ${quote(args)}`);
    } else if (op === "COPY") {
      const [copy] = copies({ lines: [{ op, args }] });
      const target = copy.target.startsWith("/") ? to + copy.target : copy.target;
      script.push(`mkdir -p ${quote(copy.target.endsWith("/") ? target : dirname(target))}`);
      // As Docker does it: of a directory its content, of a file itself.
      for (const source of copy.sources)
        script.push(
          `cp -R ${quote(source === "." || source.endsWith("/") ? `${join(from, source)}/.` : join(from, source))} ${quote(target)}`,
        );
    } else {
      throw new Error(`${op} is not known to this test`);
    }
  }
  console.log(script.join("\n"));
}

function env() {
  for (const args of values(last, "ENV")) for (const word of args.split(/\s+/)) console.log(word);
}

function user() {
  console.log(values(last, "USER").at(-1));
}

function entrypoint() {
  console.log(JSON.parse(values(last, "ENTRYPOINT")[0]).join("\n"));
}

function healthcheck() {
  console.log(JSON.parse(values(last, "HEALTHCHECK")[0].replace(/^.*?CMD /, "")).join("\n"));
}
