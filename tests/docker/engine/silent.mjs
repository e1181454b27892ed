// A collector that accepts connections and never answers.
//   node silent.mjs <port> <address>
import { createServer } from "node:net";

createServer(socket => socket.resume().on("error", () => {})).listen(Number(process.argv[2]), process.argv[3]);
