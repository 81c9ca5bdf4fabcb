// The shapes of docs/http-api.md.

export interface SqlResult {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  truncated: boolean;
  elapsed_ms: number;
}

export interface Pipeline {
  name: string;
  mode: string;
  state: 'running' | 'idle' | 'failed';
  error?: string;
  epoch: number;
  models: string[];
  lag_records: number;
  lag_seconds: number;
  records_per_second: number;
  committed_at: string | null;
  freshness_seconds: number | null;
}

export interface LakeTable {
  name: string;
  version: number;
  rows: number;
  files: number;
  bytes: number;
  committed_at: string | null;
}

export interface Status {
  version: string;
  started_at: string;
  now: string;
  project: string;
  pipelines: Pipeline[];
  tables: LakeTable[];
  fleet: { trucks: number; active: number } | null;
}

export interface Run {
  run: string;
  model: string;
  model_version: number;
  mode: string;
  interval: { source: string; partition: number; from: number; to: number }[] | Record<string, unknown>;
  in: number;
  out: number;
  late: number;
  dead: number;
  filtered: Record<string, number>;
  started_at: string;
  elapsed_ms: number;
  table_version: number | null;
  state: string;
}

export interface AuditLine {
  model: string;
  topic: string;
  partition: number;
  in: number;
  out: number;
  late: number;
  dead: number;
  filtered: Record<string, number>;
  balanced: boolean;
}

export interface Audit {
  balanced: boolean;
  lines: AuditLine[];
  checks: { check: string; ok: boolean; detail: string }[];
}

export interface DeadLetter {
  id: string;
  model: string;
  topic: string;
  partition: number;
  offset: number;
  file: string | null;
  line: number | null;
  field: string | null;
  reason: string;
  raw: string;
  time: string;
}

export interface Alert {
  id: string;
  severity: string;
  summary: string;
  since: string;
  resolved_at?: string | null;
}

export interface TileSpec {
  title: string;
  sql: string;
  format?: string;
  help?: string;
  /** The colour of any value above 0. */
  alarm?: 'warn' | 'bad';
  /** Where a click leads. */
  link?: string;
  refresh?: number;
  /** Shown on the live map as well. */
  map?: boolean;
}

/** What a click on a row leads to: another dashboard, its parameters taken from the row's columns. */
export interface Drill {
  dashboard: string;
  [parameter: string]: string;
}

export interface ColumnSpec {
  name: string;
  title?: string;
  format?: string;
  /** `truck` or `shipment`: the value opens its details. */
  opens?: 'truck' | 'shipment';
}

export interface ChartSpec {
  title: string;
  sql: string;
  kind: 'line' | 'bars' | 'ranked' | 'table' | 'map';
  /** For `map`: the columns of longitude and latitude. */
  x: string;
  y: string;
  series?: string;
  /** For `map`: the columns with a place's name, and its size. */
  label?: string;
  size?: string;
  /** For `table`. */
  columns?: ColumnSpec[];
  /** Over the whole width. */
  wide?: boolean;
  drill?: Drill;
  format?: string;
  help?: string;
  refresh?: number;
  /** `utc` for days; the viewer's own otherwise. */
  zone?: string;
}

export interface ParameterSpec {
  name: string;
  title: string;
  /** Its first column has the values. */
  sql: string;
}

export interface DashboardName {
  name: string;
  title: string;
}

export interface Dashboard {
  title: string;
  help?: string;
  /** The range that is shown first; without one the dashboard has no choice of range. */
  range?: string;
  parameters?: ParameterSpec[];
  tiles?: TileSpec[];
  charts?: ChartSpec[];
}

export type Row = Record<string, unknown>;

export interface FleetEntry {
  id: string;
  lat: number;
  lon: number;
  speed_kmh: number;
  heading: number | null;
  status: string;
  event_time: string;
}
