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

const kTasks = [['extract', []], ['bronze', ['extract']], ['silver', ['bronze']], ['legs', ['bronze']], ['on_time', ['legs']], ['delivery_performance', ['silver']], ['dashboard', ['on_time', 'delivery_performance']]];
const run = (day) => {
  const failed = day === 4;
  const tasks = kTasks.map(([task], i) => {
    const state = day === 0 && i > 3 ? (i === 4 ? 'running' : 'waiting') : failed && task === 'legs' ? 'failed' : failed && i > 3 ? 'upstream_failed' : 'success';
    const begun = !['waiting', 'upstream_failed'].includes(state);
    return { task, state, attempt: begun ? (failed && task === 'legs' ? 3 : 1) : 0, generation: 1, started_at: begun ? ago(day * 86_400 + 60 - i * 9) : null, ended_at: begun && state !== 'running' ? ago(day * 86_400 + 52 - i * 9) : null, ...(state === 'failed' ? { message: '412 of 3 210 rows break the suite legs.json: expect_column_values_to_not_be_null(arrived_at)' } : {}) };
  });
  return { dag: 'daily', run: `scheduled-${day}`, kind: 'scheduled', state: day === 0 ? 'running' : failed ? 'failed' : 'success', interval: { start: ago(day * 86_400 + 86_400), end: ago(day * 86_400) }, parameters: {}, created_at: ago(day * 86_400), started_at: ago(day * 86_400 + 60), ended_at: day === 0 ? null : ago(day * 86_400), counts: { success: 7 }, tasks, ...(day === 0 ? { expected_end_at: ago(-40) } : {}) };
};
const overview = (name) => ({ dag: name, description: name === 'daily' ? '02:00: extract -> bronze -> silver -> gold -> dashboard' : '', file: `dags/${name}.yaml`, implicit: false, paused: name !== 'daily', schedule: '0 2 * * *', time_zone: 'UTC', tasks: 7, next_at: name === 'daily' ? ago(-20_000) : null, last_run: name === 'daily' ? run(0) : null });
export const dags = () => ['daily', 'weekly_report'].map(overview);
export const dag = () => ({ ...overview('daily'), graph: kTasks.map(([task, depends_on]) => ({ task, kind: 'model', depends_on, trigger: 'all_success', retries: 3, timeout_seconds: 3600, pool: '', priority: 0 })), runs: Array.from({ length: 14 }, (_, day) => run(day)) });

const diff = { old_rows: 31_204, new_rows: 31_210, same: 30_000, added: 10, removed: 4, changed: 1_200, columns: { on_time_share: 1_200, legs: 0 }, schema: ['+ cause VARCHAR'], samples: [{ what: 'changed', expected: true, old: { day: '2013-03-04', on_time_share: 0.71 }, new: { day: '2013-03-04', on_time_share: 0.74 } }, { what: 'added', expected: false, old: null, new: { day: '2013-03-09', on_time_share: 0.8 } }] };
export const backfills = () => ['ready', 'running', 'failed', 'done'].map((state, i) => ({
  backfill: `b-${i}`, model: 'gold.on_time', from: '2013-03-01', to: '2013-03-31', expect: i ? '' : 'new.on_time_share >= old.on_time_share', parallel: 10, state, error: state === 'failed' ? 'gold.on_time 2013-03-07: Conversion Error: could not read "n/a" as a number' : '',
  tables: [{ table: 'gold.on_time', model_version: 4, model_hash: 'ab12', partitions: 31, done: state === 'running' ? 12 : state === 'failed' ? 30 : 31, rows: 31_210, failed: state === 'failed' ? [{ partition: 'day=2013-03-07', error: 'Conversion Error: could not read "n/a" as a number' }] : [] }],
  report: ['ready', 'done'].includes(state) ? { tables: [{ table: 'gold.on_time', partitions: 31, diff, quality: { suite: 'legs', expectations: 12, failed: [], warnings: [] } }], problems: [], rows: 31_210, bytes: 1_204_000, work_ms: 4_120 } : null,
  published: state === 'done' ? [{ table: 'gold.on_time', version: 42, operation: 'backfill' }] : [], started_at: ago(600 * (i + 1)), ended_at: i ? ago(500) : null,
}));
export const estimate = ({ model }) => ({ model, tables: [model, 'gold.months'], partitions: 31, first: 'day=2013-03-01', last: 'day=2013-03-31', rows_now: 28_834, bytes_now: 1_204_000, input_bytes: 9_300_000, sample_rows: 958, estimated_seconds: 1.9, downstream: [{ table: 'gold.months', rows_now: 12, bytes_now: 2_100 }], inputs: { 'silver.hops': 17 } });
