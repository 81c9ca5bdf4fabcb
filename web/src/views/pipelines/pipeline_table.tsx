// Every pipeline with how far it is behind.
import { Workflow } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount, formatSpan } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge, type Tone } from '../../parts/badge';
import { DataTable, type Column } from '../../parts/data_table';
import { Empty } from '../../parts/states';
import { useStatus } from '../../server/queries';
import type { Pipeline } from '../../server/types';

const kTones: Record<string, Tone> = { running: 'ok', idle: 'idle', failed: 'bad' };

const seconds = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : formatSpan(value * 1_000);

const kColumns: Column<Pipeline>[] = [
  {
    title: 'Pipeline',
    cell: (row) => (
      <>
        <strong>{row.name}</strong>
        {row.error && <p className="row-error">{row.error}</p>}
        {!row.error && row.models?.join() !== row.name && <p className="muted">{row.models?.join(', ')}</p>}
      </>
    ),
  },
  { title: 'Mode', cell: (row) => row.mode, wide: true },
  { title: 'State', cell: (row) => <Badge tone={kTones[row.state] ?? 'idle'}>{row.state}</Badge> },
  {
    title: 'Lag', number: true, help: 'Records waiting, and how long the oldest of them waits',
    cell: (row) => `${formatCount(row.lag_records)} · ${seconds(row.lag_seconds)}`,
  },
  {
    title: 'Freshness', number: true, help: 'Time since the newest commit',
    cell: (row) => seconds(row.freshness_seconds),
  },
  { title: 'Records/s', number: true, cell: (row) => formatCount(row.records_per_second) },
  { title: 'Epoch', number: true, wide: true, cell: (row) => formatCount(row.epoch) },
  { title: 'Committed', number: true, wide: true, cell: (row) => <Ago time={row.committed_at} /> },
];

export function PipelineTable(): ReactElement {
  const query = useStatus();
  return (
    <DataTable
      caption="Pipelines"
      query={query}
      rows={query.data?.pipelines}
      columns={kColumns}
      keyOf={(row) => row.name}
      empty={<Empty icon={Workflow} title="No pipelines">Write a model into models/ of the project.</Empty>}
    />
  );
}
