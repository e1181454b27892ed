// A service for the image to stand in front of: /flaky fails once, everything else says where it came from.
import { createServer } from "node:http";

let calls = 0;
const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    if (request.url === "/flaky" && ++calls === 1) response.statusCode = 503;
    response.end(request.url === "/flaky" ? `call ${calls}` : request.url);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
