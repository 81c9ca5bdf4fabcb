// Made-up validations and redrives.
const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const kExpectations = [
  { type: 'expect_column_values_to_not_be_null', kwargs: { column: 'shipment_id' } },
  { type: 'expect_column_values_to_be_between', kwargs: { column: 'weight_kg', min_value: 0, max_value: 40000, mostly: 0.99 }, severity: 'warning' },
  { type: 'expect_column_values_to_be_in_set', kwargs: { column: 'scan_type', value_set: ['pickup', 'arrival', 'departure', 'out_for_delivery', 'delivered'] } },
];
const kSuites = ['deliveries', 'scans', 'legs'].map((name, i) => ({ file: `${name}.json`, name, rules: 3, models: i === 2 ? [] : [`silver.${name}`], expectations: kExpectations }));
const validation = (suite, i) => ({
  id: `${suite}-${i}`, time: ago(i * 3600), suite, table: `silver.${suite}`, version: 400 - i, success: suite === 'scans' || i % 5 === 1,
  statistics: { evaluated_expectations: 3, successful_expectations: suite === 'scans' ? 3 : 2 + (i % 5 === 1), unsuccessful_expectations: 1, success_percent: suite === 'scans' ? 100 : i % 5 === 1 ? 100 : 66.7 },
});

export function quality(path, body) {
  if (path === '/v1/quality/suites') return kSuites;
  if (path === '/v1/quality/history') return ['deliveries', 'scans'].flatMap((suite) => Array.from({ length: 24 }, (_, i) => validation(suite, i)));
  if (path === '/v1/quality/trends') return kExpectations.map(({ type, kwargs }, n) => ({ suite: 'deliveries', table: 'silver.deliveries', type, kwargs, points: Array.from({ length: 24 }, (_, i) => ({ time: ago((24 - i) * 3600), success: n !== 1, unexpected_percent: n === 1 ? 3 + 2 * Math.sin(i / 3) : 0, observed_value: null })) }));
  if (path === '/v1/quality/validate') return validation(body.suite, 0);
  if (path === '/v1/quality/rows') return { success: false, result: { unexpected_count: 412, element_count: 10324, unexpected_rows: Array.from({ length: 8 }, (_, i) => ({ shipment_id: `SC-${i}`, weight_kg: 48_000 + i, scan_type: 'arrival', event_time: ago(i * 60) })) } };
  if (path === '/v1/dead-letters/redrives') return body.dry_run ? { redriven: 0, skipped: 1, in_doubt: [], would_redrive: body.ids.length, examples: [{ id: 'd-1', from: '1,SC-1,Weight Captured Separately', to: body.repair ? '1,SC-1,' : '1,SC-1,Weight Captured Separately' }] } : { redriven: body.ids.length, skipped: 0, in_doubt: [] };
  return undefined;
}

const day = (i) => new Date(Date.now() - i * 86_400_000).toISOString().slice(0, 10);
const series = (measure, column, of, spread, { found = false, few = false } = {}) => ({
  measure, column,
  points: Array.from({ length: 57 }, (_, i) => {
    const usual = of(i);
    const value = i === 56 && found ? usual * 0.3 : usual + spread * Math.sin(i * 2.1);
    return few ? { day: day(56 - i), value, found: false, method: 'too few days' }
      : { day: day(56 - i), value, found: (i === 56 && found) || i === 31, method: 'weekday', ...(i > 14 ? { low: usual - 2.4 * spread, high: usual + 2.4 * spread, expected: usual, score: 0 } : {}), ...(i === 40 ? { backfilled: true } : {}) };
  }),
});
const kMonitors = [
  { monitor: 'deliveries', file: 'quality/deliveries.yaml', table: 'silver.deliveries', severity: 'warning', false_alarms: 0.001, every_seconds: 900, measured_at: ago(300), newest: day(1), silent_hours: 1.2,
    series: [series('volume', '', (i) => (i % 7 === 3 ? 400 : 4000), 120, { found: true }), series('silence_hours', '', () => 0.4, 0.05), series('null_share', 'weight_kg', () => 0.02, 0.004), series('mean', 'weight_kg', () => 412, 9), series('ks', 'weight_kg', () => 0.03, 0.006), series('psi', 'mode', () => 0.01, 0.002, { few: true })] },
  { monitor: 'scans', file: 'quality/scans.yaml', table: 'silver.scans', severity: 'warning', false_alarms: 0.001, every_seconds: 900, measured_at: ago(40), error: 'quality/scans.yaml:1: silver.scans has no column \'weight\'', series: [] },
];
const partner = (topic, rows, bad) => ({
  topic, rows, bad, share: bad / rows, alert: bad / rows > 0.05, days: Array.from({ length: 9 }, (_, i) => ({ day: day(9 - i), rows: rows / 9, bad: (bad / 9) * (1 + Math.sin(i)) })),
  files: ['2026-11-23', '2026-11-22', '2026-11-21'].map((name, i) => { const n = Math.round(bad / (i + 1) / 2); return { file: `${topic}-${name}.csv`, rows: Math.round(rows / 3), bad: n, share: (3 * n) / rows, low: (2 * n) / rows, high: (4 * n) / rows, alert: (2 * n) / rows > 0.05, first_at: ago(3000 + 86_400 * i), last_at: ago(2900 + 86_400 * i) }; }),
});
const avro = (fields) => JSON.stringify({ type: 'record', name: 'Scan', fields: fields.map(([name, type, more]) => ({ name, type, ...more })) });
const kVersions = [avro([['id', 'string'], ['hub', 'string']]), avro([['id', 'string'], ['hub', 'string'], ['weight', 'double', { default: 0 }]]), avro([['id', 'string'], ['weight', 'double', { default: 0 }], ['region', ['null', 'string'], { default: null }]])];
const head = (subject, type, topics) => ({ subject, type, id: 3, level: 'BACKWARD', own_level: subject === 'scans-value', mode: subject === 'legacy-value' ? 'READONLY' : 'READWRITE', deleted: false, versions: [1, 2, 3], topics, models: topics.map((one) => `silver.${one}`), referenced_by: [] });
const kSubjects = [head('scans-value', 'AVRO', ['scans']), head('positions-value', 'PROTOBUF', ['positions']), head('legacy-value', 'JSON', [])];

const table = (id, kind, columns) => ({ id, kind, columns });
const kLineage = {
  nodes: [table('topic.scans', 'topic', []), table('bronze.scans', 'bronze', ['id', 'hub', '_raw']), table('silver.scans', 'streaming', ['id', 'hub']), table('gold.hubs', 'streaming', ['hub', 'scans']), table('topic.hubs', 'topic', []), table('bronze.hubs', 'bronze', ['hub', 'city']), table('gold.cities', 'batch', ['city', 'scans'])],
  edges: [{ from: 'topic.scans', to: 'bronze.scans', columns: [] }, { from: 'topic.hubs', to: 'bronze.hubs', columns: [] }, { from: 'bronze.scans', to: 'silver.scans', columns: [{ from: 'id', to: 'id' }, { from: 'hub', to: 'hub' }] }, { from: 'silver.scans', to: 'gold.hubs', columns: [{ from: 'hub', to: 'hub' }], rows: ['hub'] }, { from: 'gold.hubs', to: 'gold.cities', columns: [{ from: 'scans', to: 'scans' }], rows: ['hub'] }, { from: 'bronze.hubs', to: 'gold.cities', columns: [{ from: 'city', to: 'city' }], rows: ['hub'] }],
};

export function trust(path, empty) {
  if (path === '/v1/quality/monitors') return empty ? [] : kMonitors;
  if (/^\/v1\/quality\/monitors\/\w+\/run$/.test(path)) return kMonitors[0];
  if (path === '/v1/quality/partners') return empty ? [] : [partner('deliveries', 10_324, 1_204), partner('flights', 336_776, 12)];
  if (path === '/v1/lineage') return empty ? { nodes: [], edges: [] } : kLineage;
  if (path === '/v1/schemas') return { embedded: true, listener: '127.0.0.1:8081', level: 'BACKWARD', mode: 'READWRITE', truncated: false, subjects: empty ? [] : kSubjects, elsewhere: empty ? [] : [{ topic: 'orders', subject: 'orders-value', registry: 'http://127.0.0.1:9081' }] };
  if (path.endsWith('/compare')) return { from: '2', to: '3', level: 'BACKWARD', compatible: false, problems: ["{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'hub' is missing'}", '{counterExample:{"id":"a"}, problem:\'Scan is missing the required field hub\'}'] };
  const subject = /^\/v1\/schemas\/([^/]+)$/.exec(path);
  if (subject) return { ...head(decodeURIComponent(subject[1]), 'AVRO', ['scans']), versions: kVersions.map((schema, i) => ({ version: i + 1, id: i + 1, type: 'AVRO', schema, references: [], deleted: false })) };
  return undefined;
}
