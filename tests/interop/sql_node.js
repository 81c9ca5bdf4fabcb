// node's `pg` against Waybill: types, prepared statements, cursors, pools, errors.
//
//   NODE_PATH=node_modules node sql_node.js PORT
//
// prints a line per case, "ok NAME" or "FAILED NAME: reason".
const assert = require('assert');
const { Client, Pool } = require('pg');
const Cursor = require('pg-cursor');

const where = { host: '127.0.0.1', port: Number(process.argv[2]), user: 'tester', database: 'waybill' };

const cases = {
  'values come as JavaScript values': async (client) => {
    const { rows, fields } = await client.query("SELECT id, weight, hub, delivered, note, customer, event_time, '{\"a\": [1]}'::json AS j FROM w.shipments WHERE id = 5");
    assert.deepStrictEqual({ ...rows[0], event_time: rows[0].event_time.toISOString() },
      { id: '5', weight: 42.5, hub: 5, delivered: true, note: null, customer: 'C5', event_time: '2024-01-01T01:00:55.000Z', j: { a: [1] } });
    assert.deepStrictEqual(fields.map((field) => field.dataTypeID), [20, 701, 23, 16, 25, 25, 1184, 114]);
  },
  'parameters are bound': async (client) => {
    const { rows } = await client.query('SELECT id FROM w.shipments WHERE hub = $1 AND weight > $2 AND customer = ANY($3) ORDER BY id', [3, 10.5, ['C1', 'C3']]);
    assert.ok(rows.length > 0 && rows.every((row) => Number(row.id) % 7 === 3));
  },
  'named statements are prepared once': async (client) => {
    for (let i = 1; i < 20; i++) {
      const { rows } = await client.query({ name: 'one', text: 'SELECT customer, $2::text AS t FROM w.shipments WHERE id = $1', values: [i, 'x'] });
      assert.deepStrictEqual(rows, [{ customer: `C${i % 17}`, t: 'x' }]);
    }
  },
  'rows come as arrays when asked': async (client) => {
    const { rows } = await client.query({ text: 'SELECT hub, city FROM w.hubs ORDER BY hub LIMIT 1', rowMode: 'array' });
    assert.deepStrictEqual(rows, [[1, 'Köln']]);
  },
  'a cursor reads in pieces': async (client) => {
    const cursor = client.query(new Cursor('SELECT id FROM w.shipments ORDER BY id', []));
    const ids = [];
    for (;;) {
      const rows = await cursor.read(33);
      if (rows.length === 0) break;
      ids.push(...rows.map((row) => Number(row.id)));
    }
    await cursor.close();
    assert.deepStrictEqual(ids, Array.from({ length: 200 }, (_, i) => i + 1));
  },
  'several statements in one text give several results': async (client) => {
    const results = await client.query('SELECT 1 AS a; SELECT 2 AS b');
    assert.deepStrictEqual(results.map((result) => result.rows), [[{ a: 1 }], [{ b: 2 }]]);
  },
  'errors carry code, position and hint': async (client) => {
    await assert.rejects(client.query('SELECT nope FROM w.hubs'), (error) => error.code === '42703' && error.position === '8');
    await assert.rejects(client.query('SELECT 1 FROM w.hub'), (error) => error.code === '42P01' && /w\.hubs/.test(error.hint));
    assert.deepStrictEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }]);
  },
  'notices tell the versions that were read': async (client) => {
    const notices = [];
    client.on('notice', (notice) => notices.push(notice.message));
    await client.query('SET waybill.show_versions = on');
    await client.query('SELECT count(*) FROM w.hubs h JOIN w.shipments s USING (hub)');
    assert.ok(notices.some((text) => /w\.hubs@\d+, w\.shipments@\d+/.test(text)), notices.join());
    assert.match((await client.query('SHOW waybill.versions')).rows[0]['waybill.versions'], /^w\.hubs@\d+, w\.shipments@\d+$/);
  },
  'a pool works': async () => {
    const pool = new Pool({ ...where, max: 4 });
    const counts = await Promise.all(Array.from({ length: 12 }, () => pool.query('SELECT count(*)::int AS n FROM w.hubs')));
    assert.ok(counts.every((result) => result.rows[0].n === 6));
    await pool.end();
  },
};

(async () => {
  let failed = 0;
  for (const [name, run] of Object.entries(cases)) {
    const client = new Client(where);
    try {
      await client.connect();
      await run(client);
      console.log(`ok     node: ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED node: ${name}: ${error.message}`);
    } finally {
      await client.end().catch(() => {});
    }
  }
  console.log(`${Object.keys(cases).length - failed} passed, ${failed} failed`);
})();
