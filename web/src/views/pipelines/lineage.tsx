// Which tables are made of which, and the columns of one by the columns that go into them.
import { Waypoints, X } from 'lucide-react';
import type { ReactElement } from 'react';
import { Graph } from '../../parts/graph';
import { Empty, Failed, Loading } from '../../parts/states';
import { useLineage } from '../../server/queries';
import type { Lineage, LineageNode } from '../../server/types_lineage';
import { setUrl, useUrlParam } from '../../url-state';
import { columnsInto, known, relatedTo } from './lineage_of';

const kSize = { width: 184, height: 52 };
const kKinds: Record<LineageNode['kind'], string> = { topic: 'topic', bronze: 'as it came', streaming: 'streaming model', batch: 'batch model' };

function Node({ node, chosen, dim }: { node: LineageNode; chosen: boolean; dim: boolean }): ReactElement {
  return (
    <button
      type="button" className={`lineage-node${chosen ? ' lineage-chosen' : ''}${dim ? ' lineage-dim' : ''}`} aria-pressed={chosen}
      onClick={() => setUrl({ table: chosen ? null : node.id })}
    >
      <strong>{node.id.replace(/^topic\./, '')}</strong>
      <span className="muted">{kKinds[node.kind]}{node.columns.length > 0 && `, ${node.columns.length} columns`}</span>
    </button>
  );
}

function Columns({ lineage, table }: { lineage: Lineage; table: string }): ReactElement {
  const node = lineage.nodes.find(({ id }) => id === table);
  const into = columnsInto(lineage, table);
  const rows = lineage.edges.filter(({ to }) => to === table).flatMap(({ from, rows: columns }) => (columns ?? []).map((one) => `${from}.${one}`));
  const names = [...new Set([...(node?.columns ?? []), ...into.keys()])];
  return (
    <section className="panel" aria-label={`Columns of ${table}`}>
      <div className="page-head">
        <h2>{table}</h2>
        <span className="detail-buttons">
          <button type="button" className="button-icon" aria-label="Close" onClick={() => setUrl({ table: null })}><X size={18} aria-hidden="true" /></button>
        </span>
      </div>
      <div className="table-box" role="region" aria-label="Where the columns come from" tabIndex={0}>
        <table>
          <thead><tr><th scope="col">Column</th><th scope="col">Made of</th></tr></thead>
          <tbody>
            {names.map((name) => (
              <tr key={name}><td><code>{name}</code></td><td>{into.get(name)?.join(', ') ?? <span className="muted">nothing that is known</span>}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > 0 && <p className="muted">Which rows there are is decided by {[...new Set(rows)].join(', ')}</p>}
    </section>
  );
}

export function LineageGraph(): ReactElement {
  const query = useLineage();
  const chosen = useUrlParam('table');
  if (!query.data) return query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading />;
  const lineage = known(query.data);
  if (lineage.nodes.length === 0)
    return <Empty icon={Waypoints} title="No tables">Write a topic in sources/ and a model in models/.</Empty>;
  const related = chosen ? relatedTo(lineage, chosen) : null;
  return (
    <div className="lineage">
      <Graph
        label="Tables and what they are made of"
        nodes={lineage.nodes.map((node) => ({ id: node.id, ...kSize, content: <Node node={node} chosen={node.id === chosen} dim={related !== null && !related.has(node.id)} /> }))}
        edges={lineage.edges.map(({ from, to }) => ({ from, to, dashed: related !== null && !(related.has(from) && related.has(to)) }))}
      />
      {chosen && lineage.nodes.some(({ id }) => id === chosen) && <Columns lineage={lineage} table={chosen} />}
    </div>
  );
}
