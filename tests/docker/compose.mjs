// What tests/docker/check asks of the Compose file: that it is well-formed, and that what it names is there.
//   node compose.mjs <folder with node_modules> <compose file>
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, file] = process.argv.slice(2);
const { parseDocument } = await import(pathToFileURL(createRequire(join(resolve(tools), "package.json")).resolve("yaml")));
const problems = [];
const expect = (condition, text) => condition || problems.push(text);
const yaml = path => {
  const document = parseDocument(readFileSync(path, "utf8"), { uniqueKeys: true });
  for (const error of document.errors) problems.push(`${path}: ${error.message}`);
  return document.toJS();
};
// Comments as the gateway takes them: a line's end, outside of strings.
const json = path => {
  try {
    return JSON.parse(readFileSync(path, "utf8").replace(/("(?:[^"\\]|\\.)*")|\/\/.*$/gm, (_, text) => text ?? ""));
  } catch (error) {
    problems.push(`${path}: ${error.message}`);
  }
};

const folder = dirname(file);
const compose = yaml(file);
const mounts = {};
const known = [
  "build",
  "cap_drop",
  "command",
  "depends_on",
  "environment",
  "healthcheck",
  "image",
  "ports",
  "read_only",
  "restart",
  "security_opt",
  "stop_grace_period",
  "volumes",
];
const published = [];
for (const [name, service] of Object.entries(compose.services)) {
  for (const key of Object.keys(service)) expect(known.includes(key), `${name}: ${key} is not known to this test`);
  expect(/:[^:]+$/.test(service.image ?? "") && !service.image.endsWith(":latest"), `${name}: an image without a version`);
  if (service.build) {
    const context = join(folder, service.build.context);
    expect(
      existsSync(join(context, service.build.dockerfile ?? "Dockerfile")),
      `${name}: no ${service.build.dockerfile ?? "Dockerfile"} in ${context}`,
    );
  }
  for (const other of Array.isArray(service.depends_on) ? service.depends_on : Object.keys(service.depends_on ?? {})) {
    expect(other in compose.services, `${name}: depends on ${other}, which is no service`);
    if (service.depends_on[other]?.condition === "service_healthy")
      expect(compose.services[other].healthcheck, `${name}: waits for the health of ${other}, which has no check`);
  }
  for (const port of service.ports ?? []) published.push(String(port).split(":").at(-2));
  for (const volume of service.volumes ?? []) {
    const [source, target, mode] = volume.split(":");
    if (!/^[./]/.test(source)) {
      expect(compose.volumes && source in compose.volumes, `${name}: no volume ${source}`);
      continue;
    }
    const path = join(folder, source);
    expect(mode === "ro", `${name}: ${source} could be written`);
    if (!existsSync(path)) problems.push(`${name}: ${source} is not there`);
    else for (const each of walk(path)) (mounts[name] ??= {})[each === path ? target : target + each.slice(path.length)] = each;
  }
}
expect(new Set(published).size === published.length, "two services publish one port");
for (const volume of Object.keys(compose.volumes ?? {}))
  expect(
    Object.values(compose.services).some(service => service.volumes?.some(each => each.startsWith(volume + ":"))),
    `volume ${volume}: nobody has it`,
  );

// Every mounted file can be read, and every path that a command or a setting names is mounted.
for (const files of Object.values(mounts))
  for (const path of Object.values(files)) ({ ".json": json, ".yaml": yaml, ".yml": yaml })[extname(path)]?.(path);
const mounted = (name, target) => Object.keys(mounts[name] ?? {}).some(path => path === target || path.startsWith(target + "/"));
expect(mounted("gateway", compose.services.gateway.command[1]), "the gateway's --config is not mounted");
for (const [name, flag] of [
  ["prometheus", "--config.file="],
  ["collector", "--config="],
])
  expect(
    mounted(name, compose.services[name].command.find(arg => arg.startsWith(flag))?.slice(flag.length)),
    `${name}: its configuration is not mounted`,
  );
expect(
  mounted("grafana", compose.services.grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH),
  "grafana: the home dashboard is not mounted",
);

// Hosts are services, and ports the ones that they listen on.
const host = (address, where) => expect(address in compose.services, `${where}: ${address} is no service`);
const gateway = json(mounts.gateway["/etc/durable-gateway/gateway.json"]);
for (const cluster of Object.values(gateway.ReverseProxy.Clusters))
  for (const { Address } of Object.values(cluster.Destinations)) host(new URL(Address).hostname, "gateway.json");
host(compose.services.gateway.environment.Durable__Store__ConnectionString.split(":")[0], "gateway");
host(new URL(compose.services.gateway.environment.Durable__AdvertisedAddress).hostname, "gateway");
host(new URL(compose.services.gateway.environment.OTEL_EXPORTER_OTLP_ENDPOINT).hostname, "gateway");
const prometheus = yaml(mounts.prometheus["/etc/prometheus/prometheus.yml"]);
for (const { targets } of prometheus.scrape_configs.flatMap(job => job.static_configs))
  for (const target of targets) host(target.split(":")[0], "prometheus.yml");
for (const pattern of prometheus.rule_files)
  expect(
    Object.keys(mounts.prometheus).some(path => path.startsWith(dirname(pattern)) && path.endsWith(".yml")),
    `prometheus.yml: ${pattern} is nothing`,
  );
const collector = yaml(mounts.collector["/etc/otelcol/collector.yaml"]);
for (const [name, pipeline] of Object.entries(collector.service.pipelines))
  for (const kind of ["receivers", "processors", "exporters"])
    for (const each of pipeline[kind]) expect(each in collector[kind], `collector.yaml: ${name} has no ${kind} ${each}`);
const grafana = Object.entries(mounts.grafana);
for (const [target, path] of grafana.filter(([target]) => target.includes("/datasources/")))
  for (const { url } of yaml(path).datasources) host(new URL(url).hostname, target);
for (const [target, path] of grafana.filter(([target]) => target.includes("/provisioning/dashboards/")))
  for (const { options } of yaml(path).providers)
    expect(mounted("grafana", options.path), `${target}: nothing is mounted at ${options.path}`);

for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);

function walk(path) {
  return statSync(path).isDirectory() ? readdirSync(path).flatMap(name => walk(join(path, name))) : [path];
}
