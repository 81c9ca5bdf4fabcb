// One chart of the dashboard: title, legend with the values under the pointer, and the drawing.
import { ChartColumn } from 'lucide-react';
import { lazy, Suspense, useMemo, useState, type ReactElement } from 'react';
import { formatValue, formatWords, toNumber, type Format } from '../../format/format';
import { asRows } from '../../server/client';
import { useSql } from '../../server/queries';
import type { ChartSpec, Row } from '../../server/types';
import { Empty, Failed, Loading } from '../../parts/states';
import { drillOf } from './drill';
import { Plot } from './plot';
import { seriesOf, type Series } from './series';
import { TablePanel } from './table_panel';

const kRefreshSeconds = 5;
const kRowsMax = 5_000;
const kNoRows: Row[] = [];
// Only dashboards with a map load the map's library.
const MapPanel = lazy(() => import('./map_panel').then(({ MapPanel: panel }) => ({ default: panel })));

function when(spec: ChartSpec, seconds: number): string {
  const zone = spec.zone === 'utc' ? 'UTC' : undefined;
  const day: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', year: 'numeric' };
  const clock: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
  return new Intl.DateTimeFormat('en-GB', { ...(zone ? day : clock), timeZone: zone }).format(seconds * 1_000);
}

function ChartLegend({ spec, series, at }: { spec: ChartSpec; series: Series; at: number | null }): ReactElement {
  const index = at ?? series.x.length - 1;
  const time = series.x[index];
  return (
    <ul className="chart-legend">
      <li className="muted">{time === undefined ? '' : `${at === null ? 'Newest, ' : ''}${when(spec, time)}`}</li>
      {series.lines.map((line, i) => (
        <li key={line.name}>
          <i style={{ background: `var(--series-${i + 1})` }} />
          {series.lines.length > 1 && <span>{labelOf(line.name)}</span>}
          <strong>{formatValue(line.y[index], spec.format as Format)}</strong>
        </li>
      ))}
    </ul>
  );
}

/** Codes stay as they are; words of a status are made readable. */
const labelOf = (value: unknown): string => (/^[a-z_]+$/.test(String(value)) ? formatWords(value) : String(value));

function Ranked({ spec, rows }: { spec: ChartSpec; rows: Row[] }): ReactElement {
  const largest = Math.max(...rows.map((row) => toNumber(row[spec.y]) ?? 0), 1e-9);
  return (
    <ol className="ranked">
      {rows.map((row) => {
        const value = toNumber(row[spec.y]) ?? 0;
        const open = drillOf(spec, row);
        const name = labelOf(row[spec.x]);
        return (
          <li key={String(row[spec.x])}>
            <span title={name}>{open ? <button type="button" className="link" onClick={open}>{name}</button> : name}</span>
            <i><b style={{ width: `${(value / largest) * 100}%` }} /></i>
            <strong>{formatValue(value, spec.format as Format)}</strong>
          </li>
        );
      })}
    </ol>
  );
}

function Drawing({ spec, rows }: { spec: ChartSpec; rows: Row[] }): ReactElement {
  const [at, setAt] = useState<number | null>(null);
  const series = useMemo(() => seriesOf(rows, spec), [rows, spec]);
  return (
    <>
      <ChartLegend spec={spec} series={series} at={at} />
      <Plot spec={spec} series={series} onCursor={setAt} />
    </>
  );
}

export function Chart({ spec }: { spec: ChartSpec }): ReactElement {
  const query = useSql(spec.sql, (spec.refresh ?? kRefreshSeconds) * 1_000, kRowsMax);
  const rows = useMemo(() => (query.data ? asRows(query.data) : kNoRows), [query.data]);
  return (
    <figure className={spec.wide ? 'chart chart-wide' : 'chart'} aria-label={spec.title}>
      <figcaption>
        <h2>{spec.title}</h2>
        {spec.help && <p className="muted">{spec.help}</p>}
      </figcaption>
      <div className="chart-body">
        {query.isPending ? <Loading rows={5} />
        : query.error && !query.data ? <Failed error={query.error} retry={() => void query.refetch()} />
        : rows.length === 0 ? <Empty icon={ChartColumn} title="No data yet">It is drawn as soon as rows are there.</Empty>
        : spec.kind === 'ranked' ? <Ranked spec={spec} rows={rows} />
        : spec.kind === 'table' ? <TablePanel spec={spec} rows={rows} />
        : spec.kind === 'map' ? <Suspense fallback={<Loading rows={5} />}><MapPanel spec={spec} rows={rows} /></Suspense>
        : <Drawing spec={spec} rows={rows} />}
      </div>
    </figure>
  );
}
