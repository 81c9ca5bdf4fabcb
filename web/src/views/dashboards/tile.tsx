// One key figure: the first value of its SQL, with what it means below (a second column, `detail`).
import type { ReactElement } from 'react';
import { formatValue, toNumber, type Format } from '../../format/format';
import { asRows } from '../../server/client';
import { useSql } from '../../server/queries';
import type { TileSpec } from '../../server/types';
import { kViews, showView } from '../../url-state';
import './tile.css';

const kRefreshSeconds = 4;

function Figure({ spec }: { spec: TileSpec }): ReactElement {
  const query = useSql(spec.sql, (spec.refresh ?? kRefreshSeconds) * 1_000, 1);
  if (query.isPending) return <strong className="tile-value"><span className="skeleton" /></strong>;
  if (query.error && !query.data) {
    return (
      <>
        <strong className="tile-value">–</strong>
        <span className="tile-detail tile-failed" title={query.error.message}>Cannot be read</span>
      </>
    );
  }
  const row = query.data ? (asRows(query.data)[0] ?? {}) : {};
  const first = query.data?.rows[0]?.[0];
  const none = first === null || first === undefined;
  const tone = spec.alarm && (toNumber(first) ?? 0) > 0 ? ` tile-${spec.alarm}` : '';
  const below = none ? 'No data yet' : typeof row.detail === 'string' ? row.detail : (spec.help ?? '');
  return (
    <>
      <strong className={`tile-value${tone}${query.error ? ' tile-stale' : ''}`}>
        {formatValue(first, spec.format as Format)}
      </strong>
      <span className="tile-detail">{query.error ? 'Not up to date' : below}</span>
    </>
  );
}

export function Tile({ spec, small = false }: { spec: TileSpec; small?: boolean }): ReactElement {
  const view = kViews.find((name) => name === spec.link);
  const inside = (
    <>
      <span className="tile-title">{spec.title}</span>
      <Figure spec={spec} />
    </>
  );
  return (
    <li className={small ? 'tile tile-small' : 'tile'} title={spec.help}>
      {view ? <button type="button" onClick={() => showView(view)}>{inside}</button> : <div>{inside}</div>}
    </li>
  );
}
