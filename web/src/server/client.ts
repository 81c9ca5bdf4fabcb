// The one place that speaks HTTP to Waybill. Every failure is a ServerError with words for a person.
import type {
  Alert, Audit, Dashboard, DashboardName, DeadLetter, FleetEntry, Row, Run, SqlResult, Status,
} from './types';
import type { Backfill, BackfillEstimate, BackfillRequest, BackfillVerb, DagDetails, DagOverview, NextRun } from './types_batch';
import type { FailingRows, Monitor, Partner, Redriven, RedriveRequest, Suite, Trend, ValidationHead } from './types_quality';
import type { Lineage } from './types_lineage';
import type { Comparison, Subject, Subjects } from './types_schemas';
import type { ModelCommand, Stream, StreamModel } from './types_streams';

const kTimeoutMs = 20_000;

export class ServerError extends Error {
  constructor(
    message: string,
    /** 0: no answer came. */
    readonly status: number,
    readonly mend: string | undefined,
  ) {
    super(message);
  }
}

interface Problem {
  title?: string;
  detail?: string;
  mend?: string;
}

async function problemOf(response: Response): Promise<ServerError> {
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const message = problem.detail ?? problem.title ?? `the server answered ${response.status}`;
  return new ServerError(message, response.status, problem.mend);
}

async function call<T>(path: string, signal?: AbortSignal, body?: unknown): Promise<T> {
  const limit = AbortSignal.timeout(kTimeoutMs);
  let response: Response;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      signal: signal && 'any' in AbortSignal ? AbortSignal.any([signal, limit]) : (signal ?? limit),
      ...(body === undefined
        ? {}
        : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    const slow = error instanceof DOMException && error.name === 'TimeoutError';
    throw new ServerError(
      slow ? `No answer within ${kTimeoutMs / 1_000} s` : 'Waybill cannot be reached',
      0,
      'Check that `waybill up` is running; this page tries again by itself.',
    );
  }
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as T;
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) return null;
    throw error;
  }
}

// Scalars of YAML may come as text.
function readDashboard(dashboard: Dashboard): Dashboard {
  const seconds = <T extends { refresh?: unknown }>(part: T): T => ({
    ...part, refresh: part.refresh === undefined ? undefined : Number(part.refresh),
  });
  return {
    title: dashboard.title,
    help: dashboard.help,
    range: dashboard.range,
    parameters: dashboard.parameters,
    tiles: dashboard.tiles?.map((tile) => ({ ...seconds(tile), map: String(tile.map) === 'true' })),
    charts: dashboard.charts?.map((chart) => ({ ...seconds(chart), wide: String(chart.wide) === 'true' })),
  };
}

export const server = {
  status: (signal?: AbortSignal) => call<Status>('v1/status', signal),
  runs: (limit: number, signal?: AbortSignal) => call<Run[]>(`v1/runs?limit=${limit}`, signal),
  audit: (signal?: AbortSignal) => call<Audit>('v1/audit', signal),
  alerts: (signal?: AbortSignal) => call<Alert[]>('v1/alerts', signal),
  dashboards: (signal?: AbortSignal) => call<DashboardName[]>('v1/dashboards', signal),
  dashboard: async (name: string, signal?: AbortSignal) =>
    readDashboard(await call<Dashboard>(`v1/dashboards/${encodeURIComponent(name)}`, signal)),
  streams: (signal?: AbortSignal) => call<Stream[]>('v1/streams', signal),
  steer: (model: string, command: ModelCommand) =>
    call<StreamModel>(`v1/models/${encodeURIComponent(model)}/${command}`, undefined, {}),
  dags: (signal?: AbortSignal) => call<DagOverview[]>('v1/dags', signal),
  dag: (dag: string, signal?: AbortSignal) => call<DagDetails>(`v1/dags/${encodeURIComponent(dag)}`, signal),
  nextRuns: (dag: string, limit: number, signal?: AbortSignal) =>
    call<NextRun[]>(`v1/dags/next?dag=${encodeURIComponent(dag)}&limit=${limit}`, signal),
  steerDag: (dag: string, verb: string) => call<unknown>(`v1/dags/${encodeURIComponent(dag)}/${verb}`, undefined, {}),
  steerRun: (dag: string, run: string, verb: string, body: Record<string, unknown>) =>
    call<unknown>(`v1/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}/${verb}`, undefined, body),
  taskLog: (dag: string, run: string, task: string, attempt: number, signal?: AbortSignal) => call<{ log: string }>(
    `v1/dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}/tasks/${encodeURIComponent(task)}/log${attempt ? `?attempt=${attempt}` : ''}`, signal),
  backfills: (signal?: AbortSignal) => call<Backfill[]>('v1/backfills', signal),
  backfill: (id: string, signal?: AbortSignal) => call<Backfill>(`v1/backfills/${encodeURIComponent(id)}`, signal),
  estimateBackfill: (request: BackfillRequest) => call<BackfillEstimate>('v1/backfills', undefined, { ...request, dry_run: true }),
  startBackfill: (request: BackfillRequest) => call<Backfill>('v1/backfills', undefined, request),
  steerBackfill: (id: string, verb: BackfillVerb) =>
    call<Backfill>(`v1/backfills/${encodeURIComponent(id)}/${verb}`, undefined, {}),
  deadLetters: (limit: number, reason: string, signal?: AbortSignal) =>
    call<DeadLetter[]>(`v1/dead-letters?limit=${limit}${reason ? `&reason=${encodeURIComponent(reason)}` : ''}`, signal),
  redrive: (request: RedriveRequest) => call<Redriven>('v1/dead-letters/redrives', undefined, request),
  suites: (signal?: AbortSignal) => call<Suite[]>('v1/quality/suites', signal),
  validations: (limit: number, signal?: AbortSignal) => call<ValidationHead[]>(`v1/quality/history?limit=${limit}`, signal),
  trends: (suite: string, signal?: AbortSignal) => call<Trend[]>(`v1/quality/trends?suite=${encodeURIComponent(suite)}&limit=40`, signal),
  validate: (suite: string, table: string) => call<ValidationHead>('v1/quality/validate', undefined, { suite, table }),
  failingRows: (suite: string, table: string, expectation: number, signal?: AbortSignal) => call<FailingRows>(
    `v1/quality/rows?suite=${encodeURIComponent(suite)}&table=${encodeURIComponent(table)}&expectation=${expectation}&limit=100`, signal),
  monitors: (signal?: AbortSignal) => call<Monitor[]>('v1/quality/monitors', signal),
  measure: (name: string) => call<Monitor>(`v1/quality/monitors/${encodeURIComponent(name)}/run`, undefined, {}),
  partners: (hours: number, signal?: AbortSignal) => call<Partner[]>(`v1/quality/partners?hours=${hours}`, signal),
  lineage: (signal?: AbortSignal) => call<Lineage>('v1/lineage', signal),
  subjects: (signal?: AbortSignal) => call<Subjects>('v1/schemas', signal),
  subject: (name: string, signal?: AbortSignal) => call<Subject>(`v1/schemas/${encodeURIComponent(name)}`, signal),
  compareSchemas: (name: string, from: number, to: number, signal?: AbortSignal) =>
    call<Comparison>(`v1/schemas/${encodeURIComponent(name)}/compare?from=${from}&to=${to}`, signal),
  lookup: (name: string, id: string, signal?: AbortSignal) =>
    orNull(call<Row>(`v1/${name}/${encodeURIComponent(id)}`, signal)),
  fleet: (limit: number, signal?: AbortSignal) =>
    call<FleetEntry[]>(`v1/fleet?bbox=-180,-85,180,85&limit=${limit}`, signal),
  sql: (sql: string, limit: number, signal?: AbortSignal) => call<SqlResult>('v1/sql', signal, { sql, limit }),
};

/** A SQL string literal. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Rows as objects by column name. */
export function asRows(result: SqlResult): Row[] {
  return result.rows.map((row) => Object.fromEntries(result.columns.map(({ name }, i) => [name, row[i]])));
}

/** A table that has no commit yet is not an error to a reader: there is nothing in it. */
export function isMissingTable(error: unknown): boolean {
  return error instanceof ServerError && error.status !== 0 && /does not exist/i.test(error.message);
}
