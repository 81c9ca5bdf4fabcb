// Who sends bad rows: partner files with their share of bad rows, and each topic's days.
import { Handshake } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount, formatShare } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { DataTable, type Column } from '../../parts/data_table';
import { Spark } from '../../parts/spark';
import { Empty, Failed, Loading } from '../../parts/states';
import { usePartners } from '../../server/queries';
import type { Partner, PartnerFile } from '../../server/types_quality';
import { setUrl, useUrlParam } from '../../url-state';

const kWindows = [{ hours: 24, title: 'last day' }, { hours: 168, title: 'last week' }, { hours: 720, title: 'last 30 days' }, { hours: 9600, title: 'last 400 days' }];

const kColumns: Column<PartnerFile>[] = [
  { title: 'File', cell: (row) => row.file || <span className="muted">no file</span> },
  { title: 'Verdict', cell: (row) => <Badge tone={row.alert ? 'bad' : row.bad > 0 ? 'warn' : 'ok'}>{row.alert ? 'above the limit' : row.bad > 0 ? 'some bad rows' : 'good'}</Badge> },
  { title: 'Rows', number: true, cell: (row) => formatCount(row.rows) },
  { title: 'Bad', number: true, cell: (row) => formatCount(row.bad) },
  { title: 'Share', number: true, help: 'Share of bad rows; what it surely is lies within the range (90 %)', cell: (row) => formatShare(row.share) },
  { title: 'Range', number: true, wide: true, cell: (row) => `${formatShare(row.low)} to ${formatShare(row.high)}` },
  { title: 'Came', cell: (row) => <Ago time={row.last_at} /> },
];

function PartnerPanel({ partner, query }: { partner: Partner; query: ReturnType<typeof usePartners> }): ReactElement {
  const shares = partner.days.map(({ rows, bad }) => (rows === 0 ? 0 : (100 * bad) / rows));
  return (
    <section className="panel" aria-label={`Files of ${partner.topic}`}>
      <div className="page-head">
        <h2>{partner.topic} <span className="muted">{formatCount(partner.bad)} of {formatCount(partner.rows)} rows are bad</span></h2>
        <Badge tone={partner.alert ? 'bad' : 'ok'}>{partner.alert ? 'above the limit' : 'within the limit'}</Badge>
        <span className="detail-buttons"><Spark values={shares} low={0} high={Math.max(1, ...shares)} bad={partner.alert} /></span>
      </div>
      <DataTable
        caption={`Files of ${partner.topic}`} query={query} rows={partner.files} columns={kColumns}
        keyOf={(row) => row.file} empty={<Empty icon={Handshake} title="No rows in this time" />}
      />
    </section>
  );
}

export function Partners(): ReactElement {
  const asked = Number(useUrlParam('hours') ?? '24');
  const hours = kWindows.some((one) => one.hours === asked) ? asked : 24;
  const query = usePartners(hours);
  if (!query.data) return query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading />;
  return (
    <div className="monitors">
      <label className="choice partner-window">
        Window
        <select value={hours} onChange={(event) => setUrl({ hours: event.target.value })}>
          {kWindows.map((one) => <option key={one.hours} value={one.hours}>{one.title}</option>)}
        </select>
      </label>
      {query.data.length === 0
        ? <Empty icon={Handshake} title="No partner files">Topics with a drop folder (files: in sources/) are shown here once something came.</Empty>
        : query.data.map((partner) => <PartnerPanel key={partner.topic} partner={partner} query={query} />)}
    </div>
  );
}
