// The project's DAGs: what ran last, what runs next.
import { CalendarClock } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount, formatFull } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { DataTable, type Column } from '../../parts/data_table';
import { Empty } from '../../parts/states';
import { useDags } from '../../server/queries';
import type { DagOverview } from '../../server/types_batch';
import { setUrl, useUrlParam } from '../../url-state';
import { DagView } from './dag_view';
import { kRunTones } from './task_state';
import './jobs.css';

const kColumns: Column<DagOverview>[] = [
  {
    title: 'Job',
    cell: (row) => (
      <>
        <button type="button" className="link" onClick={() => setUrl({ dag: row.dag }, true)}>{row.dag}</button>
        {row.description && <p className="muted job-words">{row.description}</p>}
      </>
    ),
  },
  { title: 'Is', cell: (row) => <Badge tone={row.paused ? 'warn' : 'ok'}>{row.paused ? 'paused' : 'on'}</Badge> },
  {
    title: 'Last run',
    cell: (row) => (row.last_run
      ? <><Badge tone={kRunTones[row.last_run.state]}>{row.last_run.state}</Badge> <Ago time={row.last_run.started_at ?? row.last_run.created_at} /></>
      : <span className="muted">none yet</span>),
  },
  { title: 'Next run', cell: (row) => (row.next_at ? <span title={formatFull(row.next_at)}><Ago time={row.next_at} /></span> : <span className="muted">{row.paused ? 'paused' : 'by hand'}</span>) },
  { title: 'Schedule', wide: true, cell: (row) => (row.schedule ? <><code>{row.schedule}</code> <span className="muted">{row.time_zone}</span></> : <span className="muted">none</span>) },
  { title: 'Tasks', number: true, wide: true, cell: (row) => formatCount(row.tasks) },
];

export function Jobs(): ReactElement {
  const query = useDags();
  const chosen = useUrlParam('dag');
  return (
    <div className="page">
      {chosen ? <DagView key={chosen} name={chosen} /> : (
        <>
          <h1>Jobs</h1>
          <DataTable
            caption="Jobs"
            query={query}
            rows={query.data}
            columns={kColumns}
            keyOf={(row) => row.dag}
            empty={<Empty icon={CalendarClock} title="No jobs">Write tasks and what they wait for into dags/NAME.yaml of the project.</Empty>}
          />
        </>
      )}
    </div>
  );
}
