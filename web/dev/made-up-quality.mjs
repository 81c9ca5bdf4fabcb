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
