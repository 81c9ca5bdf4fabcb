// One subject: its versions, and what changed from one to another.
import { ArrowLeft } from 'lucide-react';
import type { ReactElement } from 'react';
import { Badge } from '../../parts/badge';
import { Failed, Loading } from '../../parts/states';
import { useComparison, useSubject } from '../../server/queries';
import type { SchemaVersion, Subject } from '../../server/types_schemas';
import { setUrl, useUrlParam } from '../../url-state';
import { diffLines, pretty, type DiffLine } from './diff';

const kSigns: Record<DiffLine['kind'], string> = { same: ' ', added: '+', removed: '−' };
const kWords: Record<DiffLine['kind'], string> = { same: '', added: 'added ', removed: 'removed ' };

function SchemaText({ lines, label }: { lines: DiffLine[]; label: string }): ReactElement {
  return (
    <div className="schema-text" role="region" aria-label={label} tabIndex={0}>
      {lines.map((line, i) => (
        <div key={i} className={`schema-line schema-${line.kind}`}>
          <span aria-hidden="true">{line.after ?? line.before}</span>
          <span aria-hidden="true">{kSigns[line.kind]}</span>
          {kWords[line.kind] && <span className="visually-hidden">{kWords[line.kind]}</span>}
          <code>{line.text}</code>
        </div>
      ))}
    </div>
  );
}

function Verdict({ name, from, to }: { name: string; from: number; to: number }): ReactElement | null {
  const query = useComparison(name, from, to);
  if (!query.data) return query.error ? <p className="muted">{query.error.message}</p> : null;
  const { compatible, level, problems } = query.data;
  return (
    <div className="schema-verdict">
      <Badge tone={compatible ? 'ok' : 'bad'}>{compatible ? 'compatible' : 'not compatible'}</Badge>
      <span className="muted">version {to} after version {from}, by {level}</span>
      {problems.length > 0 && <ul>{problems.map((one) => <li key={one}>{one}</li>)}</ul>}
    </div>
  );
}

function Choice({ label, value, versions, onChoose }: {
  label: string; value: number; versions: SchemaVersion[]; onChoose: (version: string) => void;
}): ReactElement {
  return (
    <label className="choice">
      {label}
      <select value={value} onChange={(event) => onChoose(event.target.value)}>
        {[...versions].reverse().map((one) => <option key={one.version} value={one.version}>{`${one.version} (id ${one.id})${one.deleted ? ', deleted' : ''}`}</option>)}
      </select>
    </label>
  );
}

function Users({ subject }: { subject: Subject }): ReactElement {
  const parts = [
    subject.topics.length > 0 && `topics ${subject.topics.join(', ')}`,
    subject.models.length > 0 && `models ${subject.models.join(', ')}`,
    (subject.referenced_by?.length ?? 0) > 0 && `schemas with the ids ${subject.referenced_by!.join(', ')}`,
  ].filter(Boolean);
  return <p className="muted">{parts.length > 0 ? `Used by ${parts.join('; ')}` : 'Nothing in this project uses it'}</p>;
}

export function SubjectView({ name }: { name: string }): ReactElement {
  const query = useSubject(name);
  const { data: subject } = query;
  const to = Number(useUrlParam('to')) || subject?.versions.at(-1)?.version || 0;
  const before = subject?.versions.filter(({ version }) => version < to).at(-1)?.version ?? to;
  const from = Number(useUrlParam('from')) || before;
  const newer = subject?.versions.find(({ version }) => version === to);
  const older = subject?.versions.find(({ version }) => version === from);
  return (
    <>
      <div className="page-head">
        <button type="button" className="button-icon" aria-label="All subjects" onClick={() => setUrl({ subject: null, from: null, to: null })}>
          <ArrowLeft size={20} aria-hidden="true" />
        </button>
        <h1>{name}</h1>
        {subject && newer && older && (
          <>
            <Choice label="From" value={from} versions={subject.versions} onChoose={(version) => setUrl({ from: version })} />
            <Choice label="To" value={to} versions={subject.versions} onChoose={(version) => setUrl({ to: version })} />
          </>
        )}
      </div>
      {!subject && (query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading />)}
      {subject && (
        <>
          <p>{newer?.type} <Badge tone={subject.deleted ? 'idle' : 'ok'}>{subject.deleted ? 'deleted' : subject.level}</Badge> <span className="muted">{subject.mode}</span></p>
          <Users subject={subject} />
        </>
      )}
      {newer && older && (
        <>
          {from !== to && <Verdict name={name} from={from} to={to} />}
          <SchemaText label={`Version ${to}`} lines={diffLines(pretty(older.schema, older.type), pretty(newer.schema, newer.type))} />
          {newer.references.length > 0 && (
            <p className="muted">Refers to {newer.references.map((one) => `${one.name} (${one.subject}, version ${one.version})`).join(', ')}</p>
          )}
        </>
      )}
    </>
  );
}
