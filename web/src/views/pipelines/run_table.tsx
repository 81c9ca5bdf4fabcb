// The newest runs: each says where all its rows went.
import { History } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount, formatSpan } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge, type Tone } from '../../parts/badge';
import { DataTable, type Column } from '../../parts/data_table';
import { Empty } from '../../parts/states';
import { useRuns } from '../../server/queries';
import type { Run } from '../../server/types';
import { filteredText } from './filtered';

const kRuns = 100;
const kTones: Record<string, Tone> = { committed: 'ok', done: 'ok', failed: 'bad', planned: 'idle', running: 'idle' };

function intervalText(interval: Run['interval']): string {
  if (!Array.isArray(interval)) return JSON.stringify(interval);
  return interval.map(({ source, partition, from, to }) => `${source}/${partition} ${from} to ${to}`).join(', ');
}

const kColumns: Column<Run>[] = [
  { title: 'Started', cell: (row) => <Ago time={row.started_at} /> },
  {
    title: 'Model',
    cell: (row) => <span title={`run ${row.run}: ${intervalText(row.interval)}`}>
      <strong>{row.model}</strong> <span className="muted">v{row.model_version}</span>
    </span>,
  },
  { title: 'State', cell: (row) => <Badge tone={kTones[row.state] ?? 'idle'}>{row.state}</Badge> },
  { title: 'In', number: true, cell: (row) => formatCount(row.in) },
  { title: 'Out', number: true, cell: (row) => formatCount(row.out) },
  { title: 'Late', number: true, cell: (row) => formatCount(row.late) },
  { title: 'Dead', number: true, cell: (row) => <span className={row.dead > 0 ? 'bad' : ''}>{formatCount(row.dead)}</span> },
  { title: 'Filtered', number: true, wide: true, cell: (row) => filteredText(row.filtered) },
  { title: 'Took', number: true, wide: true, cell: (row) => formatSpan(row.elapsed_ms) },
  { title: 'Table version', number: true, wide: true, cell: (row) => formatCount(row.table_version) },
];

export function RunTable(): ReactElement {
  const query = useRuns(kRuns);
  return (
    <DataTable
      caption="Newest runs"
      query={query}
      rows={query.data}
      columns={kColumns}
      keyOf={(row) => row.run}
      empty={<Empty icon={History} title="No run yet">The first is written when the first records arrive.</Empty>}
    />
  );
}
