// What helm/check asks of rendered objects, beyond that they are as before:
//   node validate.mjs <folder with node_modules> <chart> <rendered file>...
// 1. Kubernetes' own schemas: types, required fields, formats (the validators of kubernetes-models).
// 2. No field that Kubernetes does not know, which it would drop without a word (its types, by the TypeScript compiler).
// 3. References: what a workload, Ingress, autoscaler or monitor names is there, and the pods are hardened.
// 4. values.schema.json and values.yaml have the same keys.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, chart, ...files] = process.argv.slice(2);
const { parseAllDocuments, parse } = await import(pathToFileURL(createRequire(join(tools, "package.json")).resolve("yaml")));
const problems = [];
let count = 0;

const packages = {
  "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
  "gateway.networking.k8s.io": "@kubernetes-models/gateway-api",
};
const place = ({ apiVersion, kind }) => {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return `${packages[group] ?? "kubernetes-models"}/${apiVersion}/${kind}`;
};

const typed = [];
for (const file of files) {
  const objects = parseAllDocuments(readFileSync(file, "utf8"), { uniqueKeys: true }).flatMap(document => {
    for (const error of document.errors) problems.push(`${file}: ${error.message}`);
    const object = document.toJS();
    return object ? [object] : [];
  });
  for (const object of objects) {
    count++;
    const where = `${basename(file)} ${object.kind}/${object.metadata?.name}`;
    const module = place(object);
    const path = join(tools, "node_modules", `${module}.js`);
    if (!existsSync(path)) {
      problems.push(`${where}: no schema for ${object.apiVersion} ${object.kind}`);
      continue;
    }
    try {
      const Model = (await import(pathToFileURL(path)))[object.kind];
      new Model(object).validate();
    } catch (error) {
      problems.push(`${where}: ${error.message}`);
    }
    if ("status" in object) problems.push(`${where}: has a status`);
    typed.push({ where, module, kind: object.kind, object });
  }
  references(basename(file), objects);
}

// One program with every object in it as a literal: the compiler names each field that its type has not.
const folder = join(tools, "typed");
mkdirSync(folder, { recursive: true });
const lines = typed.map(
  ({ module, kind, object }, i) => `{ const o: import(${JSON.stringify(module)}).I${kind} = ${JSON.stringify(object)}; void o; }`,
);
writeFileSync(join(folder, "objects.mts"), lines.join("\n") + "\nexport {};\n");
try {
  execFileSync(
    process.execPath,
    [
      join(tools, "node_modules/typescript/bin/tsc"),
      "--noEmit",
      "--skipLibCheck",
      "--strict",
      "--pretty",
      "false",
      "--target",
      "es2022",
      "--module",
      "nodenext",
      "--moduleResolution",
      "nodenext",
      join(folder, "objects.mts"),
    ],
    { stdio: ["ignore", "pipe", "pipe"], cwd: folder },
  );
} catch (error) {
  for (const line of error.stdout
    .toString()
    .split("\n")
    .filter(line => line.trim())) {
    const at = /objects\.mts\((\d+),/.exec(line);
    problems.push(at ? `${typed[at[1] - 1]?.where}: ${line.replace(/^.*?: error /, "")}` : line);
  }
}

function references(file, objects) {
  const named = (kind, name, namespace) =>
    objects.find(
      object =>
        object.kind === kind && object.metadata.name === name && (namespace === undefined || object.metadata.namespace === namespace),
    );
  const expect = (condition, text) => condition || problems.push(`${file}: ${text}`);
  const within = (wanted, labels) => Object.entries(wanted).every(([key, value]) => labels[key] === value);
  const workloads = objects.filter(object => ["Deployment", "StatefulSet"].includes(object.kind));
  expect(workloads.length === 1, `has ${workloads.length} workloads`);
  const workload = workloads[0];
  const { metadata, spec } = workload.spec.template;
  const gateway = spec.containers.find(container => container.name === "gateway");

  expect(within(workload.spec.selector.matchLabels, metadata.labels), "the workload does not select its own pods");
  for (const service of objects.filter(object => object.kind === "Service")) {
    expect(within(service.spec.selector, metadata.labels), `Service ${service.metadata.name} selects no pod`);
    for (const port of service.spec.ports)
      expect(
        gateway.ports.some(each => each.name === port.targetPort),
        `Service ${service.metadata.name}: no port ${port.targetPort}`,
      );
  }
  for (const test of objects.filter(object => object.kind === "Pod"))
    expect(!within(workload.spec.selector.matchLabels, test.metadata.labels), `the pod ${test.metadata.name} is taken for a gateway`);

  const volumes = [...(spec.volumes ?? []), ...(workload.spec.volumeClaimTemplates ?? []).map(claim => claim.metadata)].map(
    volume => volume.name,
  );
  expect(new Set(volumes).size === volumes.length, "two volumes have one name");
  for (const mount of gateway.volumeMounts) expect(volumes.includes(mount.name), `nothing is mounted at ${mount.mountPath}`);
  const own = workload.metadata.name;
  for (const volume of spec.volumes ?? [])
    if (volume.configMap?.name.startsWith(own)) expect(named("ConfigMap", volume.configMap.name), `no ConfigMap ${volume.configMap.name}`);
  for (const variable of gateway.env) {
    const ref = variable.valueFrom?.secretKeyRef;
    if (ref?.name.startsWith(own)) expect(named("Secret", ref.name)?.data[ref.key], `no Secret ${ref.name} with ${ref.key}`);
  }

  for (const ingress of objects.filter(object => object.kind === "Ingress"))
    for (const { service } of ingress.spec.rules.flatMap(rule => rule.http.paths.map(path => path.backend)))
      expect(
        named("Service", service.name)?.spec.ports.some(port => port.name === service.port.name),
        `Ingress: no Service ${service.name}:${service.port.name}`,
      );
  for (const route of objects.filter(object => object.kind === "HTTPRoute"))
    for (const ref of route.spec.rules.flatMap(rule => rule.backendRefs))
      expect(
        named("Service", ref.name)?.spec.ports.some(port => port.port === ref.port),
        `HTTPRoute: no Service ${ref.name}:${ref.port}`,
      );
  for (const scaler of objects.filter(object => object.kind === "HorizontalPodAutoscaler")) {
    expect(named(scaler.spec.scaleTargetRef.kind, scaler.spec.scaleTargetRef.name), "the autoscaler scales nothing");
    expect(workload.spec.replicas === undefined, "the autoscaler and the workload both say how many pods there are");
    expect(scaler.spec.metrics.length > 0, "the autoscaler looks at nothing");
  }
  for (const kind of ["PodDisruptionBudget", "NetworkPolicy"])
    for (const {
      spec: { selector, podSelector },
    } of objects.filter(object => object.kind === kind))
      expect(within((selector ?? podSelector).matchLabels, metadata.labels), `${kind} selects no pod`);
  for (const monitor of objects.filter(object => object.kind === "ServiceMonitor")) {
    const services = objects.filter(
      object => object.kind === "Service" && within(monitor.spec.selector.matchLabels, object.metadata.labels),
    );
    expect(
      services.length === 1 && services[0].spec.ports.some(port => port.name === monitor.spec.endpoints[0].port),
      "the ServiceMonitor finds not just the control service",
    );
    expect(
      services.every(service => monitor.spec.namespaceSelector.matchNames.includes(service.metadata.namespace)),
      "the ServiceMonitor looks in another namespace",
    );
  }
  for (const dashboards of objects.filter(object => object.metadata.name.endsWith("-dashboards")))
    for (const [name, text] of Object.entries(dashboards.data)) expect(JSON.parse(text).title, `the dashboard ${name} has no title`);

  const settings = JSON.parse(named("ConfigMap", own).data["gateway.json"]);
  expect(settings.Durable && settings.ReverseProxy, "gateway.json lacks a section");

  // Hardened, whatever else is set.
  for (const pod of [spec, ...objects.filter(object => object.kind === "Pod").map(object => object.spec)]) {
    expect(pod.securityContext.runAsNonRoot === true && pod.securityContext.runAsUser > 0, "may run as root");
    expect(pod.securityContext.seccompProfile.type === "RuntimeDefault", "has no seccomp profile");
    expect(pod.automountServiceAccountToken === false, "mounts a token");
    const { securityContext: own } = pod.containers[0];
    expect(
      own.readOnlyRootFilesystem && own.allowPrivilegeEscalation === false && own.capabilities.drop.includes("ALL"),
      "is not hardened",
    );
  }
  const value = name => gateway.env.findLast(variable => variable.name === name)?.value;
  const [hours, minutes, seconds] = value("Durable__ShutdownTimeout").split(":").map(Number);
  const pause = gateway.lifecycle?.preStop.sleep.seconds ?? 0;
  expect(
    spec.terminationGracePeriodSeconds >= pause + hours * 3600 + minutes * 60 + seconds + 10,
    "is killed before it has handed its runs back",
  );
  expect(
    gateway.env.findIndex(each => each.name === "POD_IP") < gateway.env.findIndex(each => each.name === "Durable__AdvertisedAddress"),
    "the pod's address is not known when it is used",
  );
}

// Keys of values.yaml that the schema lacks are refused by helm lint; here the other way round.
const schema = JSON.parse(readFileSync(join(chart, "values.schema.json"), "utf8"));
const values = parse(readFileSync(join(chart, "values.yaml"), "utf8"));
(function compare(node, value, path) {
  if (node.additionalProperties !== false || (path.length > 0 && value && Object.keys(value).length === 0)) return;
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const name = [...path, key].join(".");
    if (name === "global") continue;
    if (value === null || typeof value !== "object" || !(key in value)) problems.push(`values.schema.json: ${name} is not in values.yaml`);
    else compare(child, value[key], [...path, key]);
  }
})(schema, values, []);

for (const problem of problems) console.error(`  ${problem}`);
console.log(`${count} objects in ${files.length} files, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
