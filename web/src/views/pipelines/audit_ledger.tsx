// The ledger: in = out + late + dead + filtered, for every model and partition.
import { Scale, ShieldAlert, ShieldCheck } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount } from '../../format/format';
import { Badge } from '../../parts/badge';
import { DataTable, type Column } from '../../parts/data_table';
import { Empty } from '../../parts/states';
import { useAudit } from '../../server/queries';
import type { Audit, AuditLine } from '../../server/types';
import { filteredText } from './filtered';

const kColumns: Column<AuditLine>[] = [
  { title: 'Model', cell: (row) => <strong>{row.model}</strong> },
  {
    title: 'Balance',
    cell: (row) => <Badge tone={row.balanced ? 'ok' : 'bad'}>{row.balanced ? 'balanced' : 'not balanced'}</Badge>,
  },
  { title: 'Input', cell: (row) => `${row.topic} / ${row.partition}` },
  { title: 'In', number: true, cell: (row) => formatCount(row.in) },
  { title: 'Out', number: true, cell: (row) => formatCount(row.out) },
  { title: 'Late', number: true, cell: (row) => formatCount(row.late) },
  { title: 'Dead', number: true, cell: (row) => formatCount(row.dead) },
  { title: 'Filtered', number: true, wide: true, cell: (row) => filteredText(row.filtered) },
];

function Verdict({ audit }: { audit: Audit }): ReactElement {
  const rows = audit.lines.reduce((sum, line) => sum + line.in, 0);
  const Icon = audit.balanced ? ShieldCheck : ShieldAlert;
  return (
    <div className={`verdict verdict-${audit.balanced ? 'ok' : 'bad'}`} role="status">
      <Icon size={24} aria-hidden="true" />
      <div>
        <h2>{audit.balanced ? 'Balanced: every row is accounted for' : 'Not balanced: rows are missing or doubled'}</h2>
        <p>
          {formatCount(rows)} rows in, over {formatCount(audit.lines.length)} lines; in = out + late + dead + filtered.
        </p>
      </div>
    </div>
  );
}

// Checks that hold are folded away; one that fails stands open.
function Checks({ checks }: { checks: Audit['checks'] }): ReactElement {
  const failing = checks.filter(({ ok }) => !ok).length;
  return (
    <details className="checks" open={failing > 0}>
      <summary>
        {failing === 0 ? `All ${formatCount(checks.length)} checks hold` : `${formatCount(failing)} of ${formatCount(checks.length)} checks fail`}
      </summary>
      <ul>
        {[...checks].sort((a, b) => Number(a.ok) - Number(b.ok)).map(({ check, ok, detail }) => (
          <li key={check}>
            <Badge tone={ok ? 'ok' : 'bad'}>{ok ? 'holds' : 'fails'}</Badge>
            <strong>{check}</strong>
            <span className="muted">{detail}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

export function AuditLedger(): ReactElement {
  const query = useAudit();
  const audit = query.data;
  // What is wrong stands on top.
  const lines = audit && [...audit.lines].sort((a, b) => Number(a.balanced) - Number(b.balanced));
  return (
    <>
      {audit && <Verdict audit={audit} />}
      {audit && audit.checks.length > 0 && <Checks checks={audit.checks} />}
      <DataTable
        caption="Audit ledger"
        query={query}
        rows={lines}
        columns={kColumns}
        keyOf={(row) => `${row.model}/${row.topic}/${row.partition}`}
        empty={<Empty icon={Scale} title="The ledger has no lines yet">They are written with the first run.</Empty>}
      />
    </>
  );
}
