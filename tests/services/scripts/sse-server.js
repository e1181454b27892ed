// A service of events on plain node: node sse-server.js <port>. An event is sent when a client asks for the next one.
const http = require('node:http');

const streams = new Map();
http.createServer((request, response) => {
  const url = new URL(request.url, 'http://x');
  const name = url.searchParams.get('stream');
  if (url.pathname === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache', 'X-Accel-Buffering': 'no' });
    response.flushHeaders();
    streams.set(name, response);
    const last = request.headers['last-event-id'];
    if (last) response.write(`id: ${Number(last) + 1}\ndata: continued after ${last}\n\n`);
    request.on('close', () => streams.delete(name));
  } else if (url.pathname === '/next') {
    const stream = streams.get(name);
    const id = url.searchParams.get('id');
    if (id === 'end') stream.end(': bye\n\n');
    else stream.write(`event: tick\nid: ${id}\ndata: grüße ${id}\ndata: second line\n\n`);
    response.end('sent');
  } else if (url.pathname === '/open') {
    response.end(String(streams.has(name)));
  } else {
    response.end('up');
  }
}).listen(Number(process.argv[2]), '127.0.0.1');
