// A journey through openapi-fetch with the types that openapi-typescript generates.
// Usage: node journey_openapi_fetch.js URL TOKEN
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

declare const process: { argv: string[] };
const [, , url, token] = process.argv;
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
const at = new Date().toISOString();
const order = `fetch-${Date.now()}`;

const signals: components['schemas']['Signal'][] = [
  {
    type: 'order.placed', source: 'shop', id: `${order}-placed`, order, event_time: at,
    customer: { id: `c-${order}` }, lines: [{ sku: 'SKU-1', price: { amount: '12.50', currency: 'EUR' } }],
  },
  { type: 'stock.unavailable', source: 'wms', id: 's-1', order, event_time: at, skus: ['SKU-1'] },
];
const sent = await client.POST('/v1/signals', { body: signals });
if (sent.data === undefined || !('items' in sent.data)) throw new Error(JSON.stringify(sent.error));
const opened = sent.data.items.flatMap((item) => item.cases ?? []).find((one) => one.kind === 'stock_unavailable');
if (opened === undefined) throw new Error('no case was opened');

const path = { case_id: opened.case };
const read = await client.GET('/v1/cases/{case_id}', { params: { path } });
const claimed = await client.POST('/v1/cases/{case_id}/claim', {
  params: { path, header: { 'If-Match': read.response.headers.get('ETag') ?? '' } },
});
const done = await client.POST('/v1/cases/{case_id}/resolve', {
  params: { path, header: { 'If-Match': claimed.response.headers.get('ETag') ?? '' } },
  body: { reason: 'operational_error', root_cause: 'upstream_data', evidence: ['wms/s-1'], note: 'another warehouse had it' },
});
if (done.data === undefined) throw new Error(JSON.stringify(done.error));

const reasons: string[] = [];
let after = 0;
for (;;) {
  const feed = await client.GET('/v1/events', { params: { query: { after, limit: 200 } } });
  if (feed.data === undefined) throw new Error(JSON.stringify(feed.error));
  for (const line of feed.data.items) {
    if (line.event.type === 'case.resolved' && line.stream === opened.case) reasons.push(line.event.resolution.reason);
  }
  if (feed.data.next_after === after) break;
  after = feed.data.next_after;
}
console.log(JSON.stringify({ state: done.data.state, reasons }));
