// For work on the page alone: speaks docs/http-api.md with MADE-UP trucks and numbers. Never part of the
// built page and of no test of the product.
//
//   node dev/made-up-server.mjs [--trucks 2000] [--port 8080] [--empty]     serves dist/ as well
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { parse } from 'yaml';
import { answerSql } from './made-up-sql.mjs';
import { backfills, dag, dags, estimate, steer, streams } from './made-up-plans.mjs';
import { quality, trust } from './made-up-quality.mjs';
import { Trucks } from './made-up-trucks.mjs';

const argument = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const empty = process.argv.includes('--empty');
const trucks = new Trucks(empty ? 0 : argument('trucks', 2000));
const port = argument('port', 8080);
const here = fileURLToPath(new URL('.', import.meta.url));
const kTypes = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
const kPolicy = "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; child-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'";

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const started = Date.now();
const models = ['bronze.positions', 'bronze.scans', 'silver.positions', 'silver.scans', 'silver.orders', 'gold.truck_latest', 'gold.shipment_status', 'gold.hub_throughput'];
const seconds = () => Math.floor((Date.now() - started) / 1000);

const status = () => ({
  version: '0.1.0', started_at: ago(seconds()), now: ago(0), project: 'logistics',
  pipelines: empty ? [] : [
    ...models.map((name, i) => ({
      name, mode: 'streaming', state: 'running', epoch: 812 + seconds(), models: [name], lag_records: (i * 37) % 90,
      lag_seconds: 0.3 + i * 0.1, records_per_second: 198 + (i * 13) % 20, committed_at: ago(0.6), freshness_seconds: 0.8 + i * 0.3,
    })),
    { name: 'gold.on_time', mode: 'daily at 02:00', state: 'idle', epoch: 1, models: ['gold.on_time'], lag_records: 0, lag_seconds: 0, records_per_second: 0, committed_at: ago(4000), freshness_seconds: null },
    { name: 'silver.deliveries', mode: 'streaming', state: 'failed', error: 'commit refused: the disk is full; free space in data/lake and it goes on', epoch: 4, models: ['silver.deliveries'], lag_records: 10324, lag_seconds: 91, records_per_second: 0, committed_at: ago(91), freshness_seconds: 91 },
  ],
  tables: empty ? [] : models.map((name, i) => ({ name, version: 812 + seconds(), rows: 120_000 * (i + 1) + 200 * seconds(), files: 12 + i, bytes: 4_321_000 * (i + 1), committed_at: ago(0.6) })),
  fleet: { trucks: trucks.n, active: trucks.n },
});
const runs = () => empty ? [] : Array.from({ length: 100 }, (_, i) => {
  const model = models[i % models.length];
  return { run: `r-${seconds() - i}`, model, model_version: 1, mode: 'streaming', interval: `0:${i}..${i + 200}`, in: 203, out: 200, late: i % 5 === 0 ? 1 : 0, dead: i % 7 === 0 ? 1 : 0, filtered: { duplicate: 2 }, started_at: ago(i * 0.4), elapsed_ms: 24 + (i % 9), table_version: 900 - i, state: 'committed' };
});
const audit = () => ({
  balanced: true,
  lines: empty ? [] : models.flatMap((model) => [0, 1, 2, 3].map((partition) => ({ model, topic: model.split('.')[1], partition, in: 50_300, out: 50_000, late: 40, dead: 10, filtered: { duplicate: 250 }, balanced: true }))),
  checks: [{ check: 'every run committed once', ok: true, detail: '4 312 runs, 4 312 commits' }, { check: 'bronze holds every record of the log', ok: true, detail: '1 203 441 records' }],
});
const letters = () => empty ? [] : Array.from({ length: 24 }, (_, i) => ({
  id: `d-${i}`, model: 'silver.deliveries', topic: 'deliveries', partition: i % 2, offset: 100 + i, file: i % 3 ? 'scms.csv' : null, line: i % 3 ? 40 + i : null,
  field: i % 2 ? 'weight_kilograms' : null, reason: i % 2 ? 'is not a number: "Weight Captured Separately"' : 'does not fit the schema: 31 columns instead of 33', raw: `${i},SC-${i},Weight Captured Separately,2013-0${1 + (i % 9)}-01`, time: ago(60 * i),
}));
const alerts = () => empty ? [] : [
  { id: 'a-1', severity: 'critical', summary: 'silver.deliveries: 6.1 % of 10 324 rows broke a rule (limit 5 %)', since: ago(600) },
  { id: 'a-2', severity: 'warning', summary: 'positions: nothing arrived for 5 minutes', since: ago(9000), resolved_at: ago(8400) },
];
const kBoards = join(here, '../../projects/logistics/dashboards');
const dashboard = (name) => parse(readFileSync(join(kBoards, `${name}.yaml`), 'utf8'));
const dashboards = () => readdirSync(kBoards).sort().map((file) => file.replace('.yaml', '')).map((name) => ({ name, title: dashboard(name).title }));

function lookup(name, id) {
  if (name === 'trucks') return trucks.row(id);
  if (name === 'shipments' && /^S-\d+$/.test(id) && !empty) return { shipment_id: id, event_time: ago(1234), status: 'in_transit', hub_id: 'DELEJ', truck_id: 'T-00042', carrier: 'Nordfracht' };
  return null;
}

function answer(url, body) {
  const path = url.pathname;
  if (path === '/v1/status') return status();
  if (path === '/v1/runs') return runs();
  if (path === '/v1/audit') return audit();
  if (path === '/v1/alerts') return alerts();
  if (path === '/v1/dead-letters') return letters().filter(({ reason }) => reason.includes(url.searchParams.get('reason') ?? ''));
  if (path === '/v1/dead-letters/redrive') return { redriven: body.ids.length };
  const part = trust(path, empty) ?? quality(path, body);
  if (part !== undefined) return part;
  if (path === '/v1/backfills' && body) return body.dry_run ? estimate(body) : backfills()[1];
  if (path === '/v1/backfills') return empty ? [] : backfills().map(({ report, ...one }) => one);
  if (path.startsWith('/v1/backfills/')) return backfills().find(({ backfill }) => path.split('/')[3] === backfill);
  if (path === '/v1/dags') return empty ? [] : dags();
  if (path === '/v1/dags/next') return [1, 2, 3].map((day) => ({ dag: 'daily', at: ago(-80_000 - day * 86_400), interval: { start: ago(0), end: ago(0) }, paused: false }));
  if (path.endsWith('/log')) return { log: '02:00:00 attempt 1 of on_time\n02:00:00 reads silver.legs version 12\n02:00:03 commits gold.on_time version 41, 365 rows\n' };
  if (path.startsWith('/v1/dags/')) return dag();
  if (path === '/v1/streams') return empty ? [] : streams();
  const model = /^\/v1\/models\/([\w.]+)\/(pause|resume|rewind)$/.exec(path);
  if (model) return steer(model[1], model[2]);
  if (path === '/v1/dashboards') return dashboards();
  const board = /^\/v1\/dashboards\/([a-z_-]+)$/.exec(path);
  if (board) return existsSync(join(kBoards, `${board[1]}.yaml`)) ? dashboard(board[1]) : undefined;
  if (path === '/v1/fleet') return trucks.list(Number(url.searchParams.get('limit') ?? 1000));
  if (path === '/v1/sql') return answerSql(body.sql, trucks, empty);
  const found = /^\/v1\/(\w+)\/([^/]+)$/.exec(path);
  return found ? lookup(found[1], decodeURIComponent(found[2])) : undefined;
}

function serveFile(path, response) {
  const file = join(here, '../dist', normalize(path === '/' ? '/index.html' : path));
  if (!existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { 'Content-Type': kTypes[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': kPolicy });
  createReadStream(file).pipe(response);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://x');
  if (!url.pathname.startsWith('/v1/')) return serveFile(url.pathname, response);
  let text = '';
  for await (const chunk of request) text += chunk;
  if (url.pathname === '/v1/topics/positions/records') {
    for (const record of [JSON.parse(text)].flat()) trucks.put(record);
    return response.end('{"topic":"positions","records":1,"partitions":{},"durability":"none, made up"}');
  }
  const result = answer(url, text ? JSON.parse(text) : null);
  const code = result === undefined || result === null ? 404 : (result.status >= 400 ? result.status : 200);
  response.writeHead(code, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(code === 404 ? { title: 'not found', detail: `nothing at ${url.pathname}` } : result));
});

new WebSocketServer({ server, path: '/v1/fleet/feed' }).on('connection', (socket) => {
  const view = trucks.view((frame) => socket.send(frame));
  socket.on('message', (text) => view.lookAt(JSON.parse(text)));
  const timer = setInterval(() => socket.bufferedAmount < 1e6 && view.step(), 250);
  socket.on('close', () => clearInterval(timer));
});
server.listen(port, '127.0.0.1', () => console.log(`made-up Waybill on http://127.0.0.1:${port}`));
