// A WebSocket service on the ws package: node ws-server.js <port>
const http = require('node:http');
const { WebSocketServer } = require('ws');

const server = http.createServer((request, response) => response.end('up'));
const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: { threshold: 100 },
  handleProtocols: protocols => protocols.has('chat.v2') ? 'chat.v2' : false,
});
server.on('upgrade', (request, socket, head) => {
  if (request.url.startsWith('/refused')) {
    socket.end('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="ws"\r\n'
      + 'Content-Length: 9\r\nConnection: close\r\n\r\nnot today');
    return;
  }

  sockets.handleUpgrade(request, socket, head, client => {
    if (request.url.startsWith('/bye')) {
      client.close(4002, 'the service is tired');
      return;
    }

    const { origin, cookie } = request.headers;
    client.send(JSON.stringify({ url: request.url, origin, cookie, extensions: client.extensions }));
    client.on('message', (data, binary) => client.send(data, { binary }));
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
