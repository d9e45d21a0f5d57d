// A journey through the client that @hey-api/openapi-ts generates. Usage: node journey_hey_api.js URL TOKEN
import { createClient, createConfig } from './hey/client/index.js';
import { claim, getCase, getEvents, resolve, sendSignals } from './hey/index.js';
import type { Signal } from './hey/index.js';

declare const process: { argv: string[] };
const [, , url, token] = process.argv;
const client = createClient(createConfig({ baseUrl: url, auth: token }));
const at = new Date().toISOString();
const order = `hey-${Date.now()}`;

const placed: Signal = {
  type: 'order.placed', source: 'shop', id: `${order}-placed`, order, event_time: at,
  customer: { id: `c-${order}` }, lines: [{ sku: 'SKU-1', price: { amount: '12.50', currency: 'EUR' } }],
};
const unavailable: Signal = {
  type: 'stock.unavailable', source: 'wms', id: 's-1', order, event_time: at, skus: ['SKU-1'],
};
const sent = await sendSignals({ client, body: [placed, unavailable], throwOnError: true });
if (!('items' in sent.data)) throw new Error('a batch is answered with its items');
const opened = sent.data.items.flatMap((item) => item.cases ?? []).find((one) => one.kind === 'stock_unavailable');
if (opened === undefined) throw new Error('no case was opened');

const path = { case_id: opened.case };
const read = await getCase({ client, path, throwOnError: true });
const claimed = await claim({ client, path, headers: { 'If-Match': read.response.headers.get('ETag') ?? '' }, throwOnError: true });
const done = await resolve({
  client, path, headers: { 'If-Match': claimed.response.headers.get('ETag') ?? '' }, throwOnError: true,
  body: { reason: 'operational_error', root_cause: 'upstream_data', evidence: ['wms/s-1'], note: 'another warehouse had it' },
});
const refused = await claim({ client, path, headers: { 'If-Match': '"1"' } });
if (refused.error?.type !== '/problems/case-changed') throw new Error(JSON.stringify(refused.error));

const kinds: string[] = [];
let after = 0;
for (;;) {
  const feed = await getEvents({ client, query: { after, limit: 200 }, throwOnError: true });
  for (const line of feed.data.items) {
    if (line.event.type === 'case.resolved' && line.stream === opened.case) kinds.push(line.event.resolution.reason);
  }
  if (feed.data.next_after === after) break;
  after = feed.data.next_after;
}
console.log(JSON.stringify({ state: done.data.state, reasons: kinds }));
