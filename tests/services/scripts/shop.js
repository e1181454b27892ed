// A shop on plain node, which requires nothing but node itself: node shop.js <port> <payments> <shipping> <mails>.
const http = require('node:http');

const [port, payments, shipping, mails] = process.argv.slice(2);

async function post(address, path, body) {
  const response = await fetch(address + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

async function checkout(order) {
  const charge = await post(payments, 'charges', { number: order.number, amount: order.amount });
  const label = await post(shipping, 'labels', { number: order.number });
  await post(mails, 'mails', { number: order.number, text: `Your parcel is ${label.tracking}.` });
  return { order: order.number, charge: charge.id, tracking: label.tracking };
}

http.createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  try {
    const answer = JSON.stringify(await checkout(JSON.parse(body)));
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(answer);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}).listen(Number(port), '127.0.0.1');
