// Made-up running plans, DAGs and backfills.
const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const started = Date.now();
let paused = new Set();

const kPlans = {
  positions: [['silver.positions', ['bronze.positions'], [['de-duplicated', 81234]]], ['gold.truck_latest', ['silver.positions'], [['latest by key', 2000]]], ['silver.stuck_trucks', ['silver.positions'], [['pattern', 5311]]]],
  scans: [['silver.scans', ['bronze.scans'], [['de-duplicated', 51234]]], ['gold.hub_throughput', ['silver.scans'], [['aggregate by parts', 1234]]], ['gold.shipment_status', ['silver.scans', 'gold.promises'], [['inner join', 12034], ['computed anew by key', 30041]]], ['silver.missed_scans', ['silver.scans'], [['pattern', 901]]]],
  orders: [['silver.orders', ['bronze.orders'], [['row by row']]]],
};

export const streams = () => Object.entries(kPlans).map(([topic, models], n) => ({
  name: topic, mode: 'streaming', state: n === 2 ? 'failed' : 'running', ...(n === 2 ? { error: 'cannot commit silver.orders: the disk is full; free space on that disk' } : {}),
  epoch: 812, models: models.map(([name]) => name), lag_records: n * 412, lag_seconds: n, records_per_second: 201.3, committed_at: ago(0.4), freshness_seconds: 0.4,
  here: true, now: ago(0), topics: [{ topic, partitions: 4, records: 90_000 + Math.round((Date.now() - started) / 5), taken: 90_000 + Math.round((Date.now() - started) / 5) - n * 412 }],
  plan: models.map(([model, reads, stages], i) => {
    const rows = 80_000 + Math.round((Date.now() - started) / (5 + i * 3));
    return {
      model, mode: 'streaming', shape: stages[0][0], state_of_work: paused.has(model) ? 'paused' : 'with every epoch', behind: paused.has(model),
      ...(stages[0][0] === 'row by row' ? {} : { watermark: ago(61) }), reads: reads.map((table) => ({ table, static: table === 'gold.promises' })),
      stages: stages.map(([stage, held], s) => ({ stage, name: `${model} ${s}`, reads: s ? `${model} ${s - 1}` : reads[0], sql: 'SELECT hub_id, time_bucket(INTERVAL 5 MINUTE, event_time) AS window_start, count(*) AS scans FROM silver.scans GROUP BY ALL', ...(held ? { state: `${held} rows`, rows: held, bounded_by: 'ttl 7 days' } : {}) })),
      state_bytes: i * 1_234_567, rows: { in: rows, out: rows - 80, late: i === 1 ? 67 : 0, dead: n === 0 ? 13 : 0, filtered: { duplicate: 67 } },
      last: { epoch: 812, elapsed_ms: 12.4 + i * 8, in: 201, out: 200, late: 0, dead: 0, filtered: {} },
    };
  }),
}));
export const steer = (model, command) => {
  if (command === 'pause') paused.add(model);
  if (command === 'resume') paused.delete(model);
  return streams().flatMap(({ plan }) => plan).find((one) => one.model === model);
};
