// A service that fails the first call of each path under /flaky, and takes four seconds for those under /slow.
//   node flaky.mjs <port> <address>
import { createServer } from "node:http";

const calls = new Map();
createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    const count = (calls.get(request.url) ?? 0) + 1;
    calls.set(request.url, count);
    if (request.url.startsWith("/flaky") && count === 1) {
      response.statusCode = 503;
      response.setHeader("Retry-After", "3");
    }
    if (request.url.startsWith("/slow")) setTimeout(() => response.end("slow"), 4000);
    else response.end(`call ${count}`);
  });
}).listen(Number(process.argv[2]), process.argv[3]);
