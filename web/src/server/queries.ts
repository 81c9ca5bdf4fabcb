// Server state for React: what is asked, how often, and what is kept while the next answer is under way.
import {
  keepPreviousData, QueryClient, useMutation, useQuery, useQueryClient, type UseQueryResult,
} from '@tanstack/react-query';
import { asRows, isMissingTable, server, ServerError, sqlText } from './client';
import type { Alert, Audit, Dashboard, DashboardName, DeadLetter, Row, Run, SqlResult, Status } from './types';
import type { Backfill, BackfillRequest, BackfillVerb, DagDetails, DagOverview, NextRun } from './types_batch';
import type { FailingRows, Monitor, Partner, RedriveRequest, Suite, Trend, ValidationHead } from './types_quality';
import type { Lineage } from './types_lineage';
import type { Comparison, Subject, Subjects } from './types_schemas';
import type { ModelCommand, Stream } from './types_streams';

const kFastMs = 2_000;
const kSteadyMs = 5_000;
/** The audit holds the pipelines while it reads. */
const kRareMs = 60_000;
const kTrackHours = 6;
const kTrackPointsMax = 5_000;
const kFoundMax = 8;
const kValidations = 500;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => failures < 2 && error instanceof ServerError && error.status === 0,
      placeholderData: keepPreviousData,
      networkMode: 'always',
      refetchOnWindowFocus: true,
    },
  },
});

function usePolled<T>(
  key: unknown[], ask: (signal: AbortSignal) => Promise<T>, everyMs: number, enabled = true,
): UseQueryResult<T> {
  return useQuery({ queryKey: key, queryFn: ({ signal }) => ask(signal), refetchInterval: everyMs, enabled });
}

export const useStatus = (): UseQueryResult<Status> => usePolled(['status'], server.status, kFastMs);
export const useRuns = (limit: number): UseQueryResult<Run[]> =>
  usePolled(['runs', limit], (signal) => server.runs(limit, signal), kFastMs);
export const useAudit = (): UseQueryResult<Audit> => usePolled(['audit'], server.audit, kRareMs);
export const useAlerts = (): UseQueryResult<Alert[]> => usePolled(['alerts'], server.alerts, kSteadyMs);
export const useDeadLetters = (limit: number, reason: string): UseQueryResult<DeadLetter[]> =>
  usePolled(['dead-letters', limit, reason], (signal) => server.deadLetters(limit, reason, signal), kSteadyMs);

export const useStreams = (): UseQueryResult<Stream[]> => usePolled(['streams'], server.streams, kFastMs);

export const useDags = (): UseQueryResult<DagOverview[]> => usePolled(['dags'], server.dags, kFastMs);
export const useDag = (dag: string): UseQueryResult<DagDetails> =>
  usePolled(['dags', dag], (signal) => server.dag(dag, signal), kFastMs);
export const useNextRuns = (dag: string, limit: number): UseQueryResult<NextRun[]> =>
  usePolled(['next-runs', dag, limit], (signal) => server.nextRuns(dag, limit, signal), kRareMs);

export const useTaskLog = (dag: string, run: string, task: string, attempt: number, running: boolean): UseQueryResult<{ log: string }> => useQuery({
  queryKey: ['task-log', dag, run, task, attempt],
  queryFn: ({ signal }) => server.taskLog(dag, run, task, attempt, signal),
  refetchInterval: running ? kFastMs : kSteadyMs,
  placeholderData: undefined,
});

export function useSteerDag(dag: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (verb: 'run' | 'pause' | 'resume') => server.steerDag(dag, verb),
    onSettled: () => client.invalidateQueries({ queryKey: ['dags'] }),
  });
}

export function useSteerRun(dag: string, run: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ verb, body }: { verb: 'clear' | 'mark'; body: Record<string, unknown>; done: string }) => server.steerRun(dag, run, verb, body),
    onSettled: () => client.invalidateQueries({ queryKey: ['dags'] }),
  });
}

export const useBackfills = (): UseQueryResult<Backfill[]> => usePolled(['backfills'], server.backfills, kFastMs);

/** With its report. */
export const useBackfill = (id: string): UseQueryResult<Backfill> => useQuery({
  queryKey: ['backfills', id],
  queryFn: ({ signal }) => server.backfill(id, signal),
  refetchInterval: kFastMs,
  placeholderData: undefined,
});

export function useSteerBackfill() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, verb }: { id: string; verb: BackfillVerb }) => server.steerBackfill(id, verb),
    onSettled: () => client.invalidateQueries({ queryKey: ['backfills'] }),
  });
}

/** Reads and tells; nothing is written. */
export const useEstimateBackfill = () => useMutation({ mutationFn: (request: BackfillRequest) => server.estimateBackfill(request) });

export function useStartBackfill() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (request: BackfillRequest) => server.startBackfill(request),
    onSettled: () => client.invalidateQueries({ queryKey: ['backfills'] }),
  });
}

export function useSteer() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ model, command }: { model: string; command: ModelCommand }) => server.steer(model, command),
    onSettled: () => client.invalidateQueries({ queryKey: ['streams'] }),
  });
}

export const useDashboards = (): UseQueryResult<DashboardName[]> => usePolled(['dashboards'], server.dashboards, kRareMs);

export function useDashboard(name: string): UseQueryResult<Dashboard> {
  return useQuery({
    queryKey: ['dashboard', name],
    queryFn: ({ signal }) => server.dashboard(name, signal),
    staleTime: 60_000,
    refetchInterval: (query) => (query.state.status === 'error' ? kSteadyMs : false),
  });
}

/** The result of reading SQL, asked again every `everyMs`. An empty result where the table is not there yet. */
export function useSql(sql: string, everyMs: number, limit = 1_000): UseQueryResult<SqlResult> {
  return usePolled(['sql', sql, limit], (signal) => readSql(sql, limit, signal), everyMs);
}

async function readSql(sql: string, limit: number, signal: AbortSignal): Promise<SqlResult> {
  try {
    return await server.sql(sql, limit, signal);
  } catch (error) {
    if (isMissingTable(error)) return { columns: [], rows: [], truncated: false, elapsed_ms: 0 };
    throw error;
  }
}

export function useLookup(name: 'trucks' | 'shipments', id: string): UseQueryResult<Row | null> {
  return useQuery({
    queryKey: ['lookup', name, id],
    queryFn: ({ signal }) => server.lookup(name, id, signal),
    refetchInterval: kFastMs,
    placeholderData: undefined,
  });
}

const table = async (sql: string, limit: number, signal: AbortSignal): Promise<Row[]> =>
  asRows(await readSql(sql, limit, signal));

/** Where the truck was in the last hours of its own time, oldest first. */
export function useTrack(truck: string | null): UseQueryResult<Row[]> {
  const id = sqlText(truck ?? '');
  const sql = `SELECT * FROM (SELECT event_time, lat, lon, speed_kmh, status FROM silver.positions
    WHERE truck_id = ${id} AND event_time >= (SELECT max(event_time) FROM silver.positions
      WHERE truck_id = ${id}) - INTERVAL '${kTrackHours} hours'
    ORDER BY event_time DESC LIMIT ${kTrackPointsMax}) ORDER BY event_time`;
  return useQuery({
    queryKey: ['track', truck],
    queryFn: ({ signal }) => table(sql, kTrackPointsMax, signal),
    refetchInterval: kSteadyMs,
    enabled: truck !== null,
    placeholderData: undefined,
  });
}

export function useScans(shipment: string): UseQueryResult<Row[]> {
  const sql = `SELECT event_time, scan_type, hub_id, truck_id, carrier FROM silver.scans
    WHERE shipment_id = ${sqlText(shipment)} ORDER BY event_time DESC LIMIT 200`;
  return useQuery({
    queryKey: ['scans', shipment],
    queryFn: ({ signal }) => table(sql, 200, signal),
    refetchInterval: kSteadyMs,
    placeholderData: undefined,
  });
}

export function useOrder(shipment: string): UseQueryResult<Row | null> {
  const sql = `SELECT * FROM silver.orders WHERE shipment_id = ${sqlText(shipment)}
    ORDER BY event_time DESC LIMIT 1`;
  return useQuery({
    queryKey: ['order', shipment],
    queryFn: async ({ signal }) => (await table(sql, 1, signal))[0] ?? null,
    staleTime: 30_000,
    placeholderData: undefined,
  });
}

export interface Found {
  kind: 'truck' | 'shipment';
  id: string;
  detail: string;
}

/** Trucks and shipments whose id starts with the words; an exact id is found before its first commit. */
export function useFound(words: string): UseQueryResult<Found[]> {
  return useQuery({
    queryKey: ['found', words],
    queryFn: ({ signal }) => find(words, signal),
    enabled: words !== '',
    staleTime: 5_000,
  });
}

async function find(words: string, signal: AbortSignal): Promise<Found[]> {
  const starts = (column: string): string => `starts_with(lower(${column}), ${sqlText(words.toLowerCase())})`;
  const [truck, shipment, trucks, shipments] = await Promise.all([
    server.lookup('trucks', words, signal),
    server.lookup('shipments', words, signal),
    table(`SELECT truck_id AS id, status FROM gold.truck_latest WHERE ${starts('truck_id')}
      ORDER BY truck_id LIMIT ${kFoundMax}`, kFoundMax, signal),
    table(`SELECT shipment_id AS id, status FROM gold.shipment_status WHERE ${starts('shipment_id')}
      ORDER BY shipment_id LIMIT ${kFoundMax}`, kFoundMax, signal),
  ]);
  const found = new Map<string, Found>();
  const add = (kind: Found['kind'], id: unknown, detail: unknown): void => {
    if (typeof id === 'string') found.set(`${kind}/${id}`, { kind, id, detail: typeof detail === 'string' ? detail : '' });
  };
  if (truck) add('truck', words, truck.status);
  if (shipment) add('shipment', words, shipment.status);
  for (const row of trucks) add('truck', row.id, row.status);
  for (const row of shipments) add('shipment', row.id, row.status);
  return [...found.values()];
}

export function useRedrive() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (request: RedriveRequest) => server.redrive(request),
    onSettled: () => client.invalidateQueries({ queryKey: ['dead-letters'] }),
  });
}

export const useSuites = (): UseQueryResult<Suite[]> => usePolled(['suites'], server.suites, kRareMs);
export const useValidations = (): UseQueryResult<ValidationHead[]> =>
  usePolled(['validations'], (signal) => server.validations(kValidations, signal), kSteadyMs);
export const useTrends = (suite: string): UseQueryResult<Trend[]> =>
  usePolled(['validations', 'trends', suite], (signal) => server.trends(suite, signal), kSteadyMs);

/** Asked once: it reads the whole table. */
export const useFailingRows = (suite: string, table: string, expectation: number): UseQueryResult<FailingRows> => useQuery({
  queryKey: ['failing-rows', suite, table, expectation],
  queryFn: ({ signal }) => server.failingRows(suite, table, expectation, signal),
  placeholderData: undefined,
});

export function useValidate() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ suite, table }: { suite: string; table: string }) => server.validate(suite, table),
    onSettled: () => client.invalidateQueries({ queryKey: ['validations'] }),
  });
}

export const useMonitors = (): UseQueryResult<Monitor[]> => usePolled(['monitors'], server.monitors, kSteadyMs);

export function useMeasure() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => server.measure(name),
    onSettled: () => client.invalidateQueries({ queryKey: ['monitors'] }),
  });
}

/** Reads the topics' tables. */
export const usePartners = (hours: number): UseQueryResult<Partner[]> =>
  usePolled(['partners', hours], (signal) => server.partners(hours, signal), kRareMs);

export const useLineage = (): UseQueryResult<Lineage> => usePolled(['lineage'], server.lineage, kRareMs);

export const useSubjects = (): UseQueryResult<Subjects> => usePolled(['subjects'], server.subjects, kSteadyMs);
export const useSubject = (name: string): UseQueryResult<Subject> => useQuery({
  queryKey: ['subjects', name],
  queryFn: ({ signal }) => server.subject(name, signal),
  refetchInterval: kSteadyMs,
  placeholderData: undefined,
});
export const useComparison = (name: string, from: number, to: number): UseQueryResult<Comparison> => useQuery({
  queryKey: ['subjects', name, from, to],
  queryFn: ({ signal }) => server.compareSchemas(name, from, to, signal),
  enabled: from !== to,
  placeholderData: undefined,
});
