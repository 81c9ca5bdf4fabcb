// The shapes of /v1/quality and /v1/dead-letters/redrives (docs/http-api.md).

export interface Expectation {
  type: string;
  kwargs: Record<string, unknown>;
  severity?: string;
  meta?: { notes?: unknown };
}

export interface Suite {
  file: string;
  name: string;
  rules: number;
  /** Tables that the suite guards. */
  models: string[];
  expectations: Expectation[];
}

export interface ValidationHead {
  id: string;
  time: string;
  suite: string;
  table: string;
  version: number;
  success: boolean;
  statistics: {
    evaluated_expectations: number;
    successful_expectations: number;
    unsuccessful_expectations: number;
    success_percent: number | null;
  };
}

export interface Trend {
  suite: string;
  table: string;
  type: string;
  kwargs: Record<string, unknown>;
  /** Oldest first. */
  points: { time: string; success: boolean; unexpected_percent: number | null; observed_value: unknown }[];
}

export interface FailingRows {
  success: boolean;
  result: { unexpected_count?: number; element_count?: number; unexpected_rows?: Record<string, unknown>[] };
}

export interface RedriveRequest {
  ids: string[];
  repair?: string;
  dry_run?: boolean;
}

export interface Redriven {
  redriven: number;
  skipped: number;
  in_doubt: string[];
  would_redrive?: number;
  examples?: { id: string; from: string; to: string }[];
}

export interface MonitorPoint {
  day: string;
  value: number;
  found: boolean;
  method: string;
  backfilled?: boolean;
  expected?: number;
  low?: number;
  high?: number;
  score?: number;
}

export interface MonitorSeries {
  measure: string;
  column: string;
  /** Oldest first. */
  points: MonitorPoint[];
}

export interface Monitor {
  monitor: string;
  file: string;
  table: string;
  severity: string;
  false_alarms: number;
  every_seconds: number;
  measured_at: string | null;
  newest?: string;
  silent_hours?: number;
  error?: string;
  series: MonitorSeries[];
}

export interface PartnerFile {
  file: string;
  rows: number;
  bad: number;
  share: number;
  low: number;
  high: number;
  alert: boolean;
  first_at: string;
  last_at: string;
}

export interface Partner {
  topic: string;
  rows: number;
  bad: number;
  share: number;
  alert: boolean;
  days: { day: string; rows: number; bad: number }[];
  files: PartnerFile[];
}
