// The schema registry: subjects, what they ask of new versions, and who uses them.
import { Braces } from 'lucide-react';
import type { ReactElement } from 'react';
import { Badge } from '../../parts/badge';
import { DataTable, type Column } from '../../parts/data_table';
import { Empty } from '../../parts/states';
import { useSubjects } from '../../server/queries';
import type { SubjectHead, Subjects } from '../../server/types_schemas';
import { setUrl, useUrlParam } from '../../url-state';
import { SubjectView } from './subject_view';
import './schemas.css';

const none = <span className="muted">none</span>;

const kColumns: Column<SubjectHead>[] = [
  { title: 'Subject', cell: (row) => <button type="button" className="link" onClick={() => setUrl({ subject: row.subject }, true)}>{row.subject}</button> },
  { title: 'Type', cell: (row) => row.type ?? none },
  { title: 'Versions', number: true, cell: (row) => (row.deleted ? <Badge tone="idle">deleted</Badge> : row.versions.length) },
  { title: 'Newest id', number: true, wide: true, cell: (row) => row.id ?? none },
  { title: 'Compatibility', help: 'What a new version must be compatible with', cell: (row) => <>{row.level} {!row.own_level && <span className="muted">(of all)</span>}</> },
  { title: 'Mode', wide: true, cell: (row) => (row.mode === 'READWRITE' ? <span className="muted">{row.mode}</span> : <Badge tone="warn">{row.mode}</Badge>) },
  { title: 'Topics', cell: (row) => row.topics.join(', ') || none },
  { title: 'Models', wide: true, cell: (row) => row.models.join(', ') || none },
];

function Elsewhere({ subjects }: { subjects: Subjects }): ReactElement | null {
  if (subjects.elsewhere.length === 0) return null;
  return (
    <section className="panel" aria-label="Registries elsewhere">
      <h2>Registries elsewhere</h2>
      <ul className="plain-list">
        {subjects.elsewhere.map(({ topic, subject, registry }) => (
          <li key={topic}>{topic} <span className="muted">reads {subject} of</span> <code>{registry}</code></li>
        ))}
      </ul>
    </section>
  );
}

export function Schemas(): ReactElement {
  const query = useSubjects();
  const chosen = useUrlParam('subject');
  if (chosen) return <div className="page"><SubjectView key={chosen} name={chosen} /></div>;
  const { data } = query;
  return (
    <div className="page">
      <div className="page-head">
        <h1>Schemas</h1>
        {data?.embedded && <span className="muted">{data.level} unless a subject says otherwise{data.listener && `, registry at ${data.listener}`}</span>}
      </div>
      <DataTable
        caption="Subjects" query={query} rows={data?.subjects} columns={kColumns} keyOf={(row) => row.subject}
        empty={(
          <Empty icon={Braces} title={data?.embedded === false ? 'No registry of its own' : 'No subjects'}>
            {data?.embedded === false
              ? 'With several workers the schemas are in a registry elsewhere.'
              : 'Register a schema with any client of a Confluent registry, or with waybill schemas register SUBJECT FILE.'}
          </Empty>
        )}
      />
      {data?.truncated && <p className="muted">Only the first subjects are shown.</p>}
      {data && <Elsewhere subjects={data} />}
    </div>
  );
}
