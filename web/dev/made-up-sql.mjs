// Made-up answers to the page's own queries, told apart by the words in them.
const table = (names, rows) => ({ columns: names.map((name) => ({ name, type: 'VARCHAR' })), rows, truncated: false, elapsed_ms: 3 });
const iso = (ms) => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
const kHubs = ['DEHAM', 'NLRTM', 'FRPAR', 'DEFRA', 'ITMIL', 'PLWAW', 'ESMAD', 'DEBER', 'BEANR', 'ATVIE'];

function series(sql) {
  const now = Date.now();
  if (sql.includes('INTERVAL 3 HOUR')) return table(['window_start', 'scans'], Array.from({ length: 36 }, (_, i) => [iso(Math.floor(now / 3e5) * 3e5 - (35 - i) * 3e5), Math.round(180 + 60 * Math.sin(i / 5) + (i * 37) % 23)]));
  if (sql.includes('INTERVAL 24 HOUR')) return table(['hour', 'what', 'amount'], Array.from({ length: 48 }, (_, i) => [iso(Math.floor(now / 36e5) * 36e5 - (23 - (i >> 1)) * 36e5), i % 2 ? 'shipments' : 'scans', Math.round((2000 + 900 * Math.sin(i / 8)) * (i % 2 ? 0.8 : 1))]));
  if (sql.includes('GROUP BY hub_id')) return table(['hub_id', 'scans'], kHubs.map((hub, i) => [hub, 410 - i * 31]));
  if (sql.includes('GROUP BY status')) return table(['status', 'trucks'], [['moving', 1361], ['stopped', 402], ['jammed', 205], ['broken_down', 32]]);
  if (sql.includes('GROUP BY day')) return table(['day', 'on_time_share'], Array.from({ length: 365 }, (_, i) => [new Date(Date.UTC(2013, 0, 1 + i)).toISOString().slice(0, 10), 0.78 + 0.1 * Math.sin(i / 25) + ((i * 7919) % 17) / 150]));
  return table(['quarter', 'shipment_mode', 'late'], ['Air', 'Truck', 'Air Charter', 'Ocean'].flatMap((mode, m) => Array.from({ length: 36 }, (_, i) => [iso(Date.UTC(2006, i * 3, 1)), mode, Math.round((24 - m * 5) * (1 + Math.sin(i / 4 + m)))])));
}

function figure(sql, trucks) {
  const drift = Math.floor(Date.now() / 4000) % 7;
  const [value, detail] =
    sql.includes("'broken_down'") ? [32, '205 in a jam']
    : sql.includes('known') ? [trucks.n - 40 + drift, `of ${trucks.n} known`]
    : sql.includes('promised_at') ? [17, 'longest by 3.4 h']
    : sql.includes('sum(scans)') ? [2412 + drift * 3, 'at 79 hubs']
    : sql.includes('out for delivery') ? [3120 + drift, '212 out for delivery']
    : sql.includes('in all') ? [841 + drift, '12903 in all']
    : sql.includes('gold.on_time') ? [0.7613, 'over 365 days']
    : sql.includes('delivery_performance') ? [0.8851, '1186 late of 10324'] : [24, null];
  return table(['value', 'detail'], [[value, detail]]);
}

function track(sql, trucks) {
  const row = trucks.row(/truck_id = '([^']*)'/.exec(sql)[1]);
  if (!row) return table([], []);
  return table(['event_time', 'lat', 'lon', 'speed_kmh', 'status'], Array.from({ length: 200 }, (_, i) => {
    const back = 199 - i;
    return [iso(Date.parse(row.event_time) - back * 60_000), row.lat - back * 0.006 * Math.cos((row.heading * Math.PI) / 180), row.lon - back * 0.009 * Math.sin((row.heading * Math.PI) / 180), Math.max(0, 80 + 10 * Math.sin(i / 3) - (i > 90 && i < 110 ? 90 : 0)), 'moving'];
  }));
}

export function answerSql(sql, trucks, empty) {
  if (empty) return { status: 400, title: 'bad SQL', detail: 'Catalog Error: Table with name x does not exist!' };
  if (sql.includes('silver.positions')) return track(sql, trucks);
  if (sql.includes('FROM silver.scans')) return table(['event_time', 'scan_type', 'hub_id', 'truck_id', 'carrier'], ['departure', 'arrival', 'departure', 'pickup'].map((type, i) => [iso(Date.now() - 1_234_000 - i * 7_000_000), type, kHubs[(i + 1) >> 1], 'T-00042', 'Nordfracht']));
  if (sql.includes('SELECT * FROM silver.orders')) return table(['shipment_id', 'customer', 'carrier', 'origin_hub', 'dest_hub', 'promised_at', 'weight_kg'], [['S-1001', 'Alder & Sons', 'Nordfracht', 'DEHAM', 'ITMIL', iso(Date.now() + 5 * 36e5), 812]]);
  const prefix = /starts_with\(lower\((\w+)\), '([^']*)'\)/.exec(sql);
  if (prefix) {
    if (prefix[1] === 'shipment_id') return table(['id', 'status'], 's-1001'.startsWith(prefix[2]) ? [['S-1001', 'in_transit'], ['S-1002', 'at_hub']] : []);
    return table(['id', 'status'], trucks.all.filter(({ id }) => id.toLowerCase().startsWith(prefix[2])).slice(0, 8).map(({ id }) => [id, trucks.row(id).status]));
  }
  return /GROUP BY (window_start|hub_id|hour|status|day|quarter)/.test(sql) ? series(sql) : figure(sql, trucks);
}
