// Requests events from sse-server.js one by one, and prints what it received: node sse-client.js <url> <stream>
const [base, stream] = process.argv.slice(2);
const say = (what, seen) => console.log(`${what}\t${JSON.stringify(seen)}`);
const late = ms => new Promise((_, reject) => setTimeout(() => reject(new Error(`nothing came in ${ms} ms`)), ms).unref());

async function read(reader, rest) {
  const decoder = new TextDecoder();
  while (!rest.text.includes('\n\n')) {
    const { done, value } = await Promise.race([reader.read(), late(5000)]);
    if (done) return null;
    rest.text += decoder.decode(value, { stream: true });
  }

  const end = rest.text.indexOf('\n\n');
  const event = rest.text.slice(0, end);
  rest.text = rest.text.slice(end + 2);
  return event;
}

async function main() {
  const ask = id => fetch(`${base}/next?stream=${stream}&id=${id}`);
  const response = await Promise.race([fetch(`${base}/events?stream=${stream}`, { headers: { Accept: 'text/event-stream' } }), late(5000)]);
  say('head before the first event', [
    response.status, response.headers.get('content-type'), response.headers.get('cache-control'), response.headers.get('x-accel-buffering'),
  ]);
  const reader = response.body.getReader();
  const rest = { text: '' };
  for (let id = 1; id <= 5; id++) {
    await ask(id);
    say(`event ${id}, before the next is made`, await read(reader, rest));
  }

  await ask('end');
  say('end', [await read(reader, rest), await read(reader, rest)]);

  const again = new AbortController();
  const resumed = await fetch(`${base}/events?stream=${stream}`, { headers: { 'Last-Event-ID': '5' }, signal: again.signal });
  say('Last-Event-ID', await read(resumed.body.getReader(), { text: '' }));
  again.abort();
  let open = 'true';
  for (let tries = 0; tries < 100 && open === 'true'; tries++) {
    open = await (await fetch(`${base}/open?stream=${stream}`)).text();
    await new Promise(resolve => setTimeout(resolve, 20));
  }

  say('the service hears that the client has gone', open === 'false' ? 'yes' : 'no');
}

main().then(() => process.exit(0), error => { say('failed', error.message); process.exit(1); });
