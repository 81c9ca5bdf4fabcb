// The rows of a table that break an expectation, as they stand now.
import { ShieldCheck, X } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { DataTable } from '../../parts/data_table';
import { Empty } from '../../parts/states';
import { useFailingRows } from '../../server/queries';

const text = (value: unknown): string => (value === null || value === undefined ? 'null' : typeof value === 'object' ? JSON.stringify(value) : String(value));

export function FailingRowsPanel({ suite, table, expectation, title, onClose }: {
  suite: string; table: string; expectation: number; title: string; onClose: () => void;
}): ReactElement {
  const query = useFailingRows(suite, table, expectation);
  const rows = query.data ? query.data.result.unexpected_rows ?? [] : undefined;
  const columns = Object.keys(rows?.[0] ?? {}).map((name) => ({ title: name, cell: (row: Record<string, unknown>) => text(row[name]) }));
  const keyed = rows?.map((row, i) => ({ ...row, key: i }));
  return (
    <section className="panel" aria-label="Failing rows">
      <div className="page-head">
        <h2>{title} <span className="muted">in {table}{query.data?.result.unexpected_count !== undefined && `, ${formatCount(query.data.result.unexpected_count)} rows`}</span></h2>
        <span className="detail-buttons">
          <button type="button" className="button-icon" aria-label="Close" onClick={onClose}><X size={18} aria-hidden="true" /></button>
        </span>
      </div>
      <DataTable
        caption="Failing rows"
        query={query}
        rows={keyed}
        columns={columns}
        keyOf={(row) => String((row as { key: number }).key)}
        empty={<Empty icon={ShieldCheck} title={query.data?.success ? 'No row breaks it' : 'It is not about single rows'} />}
      />
    </section>
  );
}
