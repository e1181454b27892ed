// Stands in for the OpenTelemetry collector: takes OTLP over gRPC on 4317, prints what comes, and serves metrics on 8889.
import { createServer as createHttp2 } from "node:http2";
import { createServer } from "node:http";

const received = {};
const emptyMessage = Buffer.from([0, 0, 0, 0, 0]);

createHttp2()
  .on("stream", (stream, headers) => {
    let size = 0;
    stream.on("data", data => (size += data.length));
    stream.on("end", () => {
      const path = headers[":path"];
      received[path] = (received[path] ?? 0) + 1;
      console.log(path, size, "bytes");
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(emptyMessage);
    });
    stream.on("error", () => {});
  })
  .listen(4317, "0.0.0.0");

createServer((_, response) =>
  response.end(
    "collector_up 1\n" +
      Object.entries(received)
        .map(([path, count]) => `collector_requests{path="${path}"} ${count}\n`)
        .join(""),
  ),
).listen(8889, "0.0.0.0");

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
console.log("listening");
