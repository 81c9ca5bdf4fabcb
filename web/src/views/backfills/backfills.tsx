// History that is computed anew beside production: what would change, and the swap in and back.
import { History, Plus } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { DataTable, type Column } from '../../parts/data_table';
import { Empty } from '../../parts/states';
import { useBackfills } from '../../server/queries';
import type { Backfill } from '../../server/types_batch';
import { setUrl, useUrlParam } from '../../url-state';
import { BackfillDetails } from './details';
import { StartDialog } from './start_dialog';
import { kStateTones, progressOf, spanText } from './words';
import './backfills.css';

const kColumns: Column<Backfill>[] = [
  {
    title: 'Model',
    cell: (row) => (
      <button type="button" className="link" onClick={() => setUrl({ backfill: row.backfill })}>
        {row.model}<span className="visually-hidden">, {row.backfill}</span>
      </button>
    ),
  },
  { title: 'State', cell: (row) => <Badge tone={kStateTones[row.state] ?? 'idle'}>{row.state}</Badge> },
  { title: 'Partitions', cell: spanText },
  {
    title: 'Done', number: true,
    cell: (row) => {
      const { done, all } = progressOf(row);
      return `${formatCount(done)} of ${formatCount(all)}`;
    },
  },
  { title: 'Rows', number: true, wide: true, cell: (row) => formatCount(progressOf(row).rows) },
  { title: 'Started', number: true, cell: (row) => <Ago time={row.started_at} /> },
];

export function Backfills(): ReactElement {
  const query = useBackfills();
  const chosen = useUrlParam('backfill');
  const [asking, setAsking] = useState(false);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Backfills</h1>
        <span className="detail-buttons">
          <button type="button" className="button" onClick={() => setAsking(true)}><Plus size={16} aria-hidden="true" />New backfill</button>
        </span>
      </div>
      {chosen && <BackfillDetails key={chosen} id={chosen} />}
      <DataTable
        caption="Backfills"
        query={query}
        rows={query.data}
        columns={kColumns}
        keyOf={(row) => row.backfill}
        empty={(
          <Empty icon={History} title="No backfill yet">
            Mend a model, then begin one here or by waybill backfill MODEL --from DAY --to DAY. It computes beside production and shows what would change.
          </Empty>
        )}
      />
      {asking && (
        <StartDialog
          onCancel={() => setAsking(false)}
          onStarted={(id) => {
            setAsking(false);
            setUrl({ backfill: id }, true);
          }}
        />
      )}
    </div>
  );
}
