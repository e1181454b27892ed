// Exchanges messages with ws-server.js, and prints a line for each check: node ws-client.js <url>
const { createHash, randomBytes } = require('node:crypto');
const WebSocket = require('ws');

const base = process.argv[2].replace('http', 'ws');
const say = (what, seen) => console.log(`${what}\t${JSON.stringify(seen)}`);
const next = (emitter, event) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error(`no ${event} in 10 s`)), 10_000);
  emitter.once(event, (...values) => { clearTimeout(timer); resolve(values); });
});
const hash = data => createHash('sha256').update(data).digest('hex').slice(0, 16);

async function open(path, options) {
  const socket = new WebSocket(base + path, ['chat.v1', 'chat.v2'], options);
  const greeting = next(socket, 'message');
  await next(socket, 'open');
  return [socket, String((await greeting)[0])];
}

async function echo(socket, data, options) {
  const answer = next(socket, 'message');
  socket.send(data, options ?? {});
  const [echoed, binary] = await answer;
  if (!Buffer.from(data).equals(echoed)) throw new Error('the echo differs');
  return binary;
}

async function main() {
  const [socket, greeting] = await open('/chat%2Froom?x=%20y', { headers: { Cookie: 'a=1; b=2' }, origin: 'http://elsewhere.test' });
  say('handshake', greeting);
  say('subprotocol', socket.protocol);
  say('extensions', socket.extensions);
  say('text', String(await echo(socket, 'grüße, 世界 🎉')));
  say('empty message', String(await echo(socket, '')));
  say('binary', String(await echo(socket, Buffer.from([0, 1, 0xfe, 0xff]))));
  say('binary of 1 MB, deflated', String(await echo(socket, Buffer.alloc(1_000_000, 'ab'), { compress: true })));
  say('binary of 4 MB, random', String(await echo(socket, randomBytes(4_000_000), { compress: false })));

  const answer = next(socket, 'message');
  for (const [i, part] of ['frag', 'men', 'ted'].entries()) socket.send(part, { fin: i === 2 });
  say('fragments', String((await answer)[0]));

  const pong = next(socket, 'pong');
  socket.ping('are you there');
  say('ping', String((await pong)[0]));

  const received = [];
  const all = new Promise(resolve => socket.on('message', data => received.push(String(data)) === 500 && resolve()));
  for (let i = 0; i < 500; i++) socket.send(`m${i}`);
  await all;
  say('500 messages in order', hash(received.join()));

  const closed = next(socket, 'close');
  socket.close(4001, 'enough');
  say('close by the client', (await closed).map(String));

  const bye = new WebSocket(base + '/bye');
  say('close by the service', (await next(bye, 'close')).map(String));

  const refused = new WebSocket(base + '/refused');
  refused.on('error', () => { });
  const [, response] = await next(refused, 'unexpected-response');
  let body = '';
  for await (const chunk of response) body += chunk;
  say('refused handshake', [response.statusCode, response.headers['www-authenticate'], body]);

  const ten = await Promise.all(Array.from({ length: 10 }, (_, i) => open(`/many?${i}`)));
  say('ten at once', (await Promise.all(ten.map(([each], i) => echo(each, `socket ${i}`)))).map(String));
  for (const [each] of ten) each.terminate();
}

main().then(() => process.exit(0), error => { say('failed', error.message); process.exit(1); });
