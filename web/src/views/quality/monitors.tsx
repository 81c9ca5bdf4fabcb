// What tables are like day by day, with the band that is usual, and the days that were not.
import { Activity, RotateCw } from 'lucide-react';
import type { ReactElement } from 'react';
import { formatCount, formatShare } from '../../format/format';
import { Ago } from '../../parts/ago';
import { Badge } from '../../parts/badge';
import { Outcome } from '../../parts/outcome';
import { Empty, Failed, Loading } from '../../parts/states';
import { useMeasure, useMonitors } from '../../server/queries';
import type { Monitor, MonitorPoint, MonitorSeries } from '../../server/types_quality';
import { bandShapes, kBandHeight, kBandWidth } from './band';

const kNames: Record<string, string> = {
  volume: 'Rows a day', silence_hours: 'Hours without rows at the end of the day', null_share: 'Share of missing values',
  mean: 'Mean', ks: 'Distance of the distribution (KS)', psi: 'Distance of the distribution (PSI)',
};

function valueText(measure: string, value: number): string {
  if (measure === 'volume') return formatCount(value);
  if (measure === 'null_share') return formatShare(value);
  return value.toPrecision(3);
}

function pointText(measure: string, point: MonitorPoint): string {
  const usual = point.high === undefined ? 'too few days to judge'
    : `usually ${valueText(measure, Math.max(0, point.low ?? 0))} to ${valueText(measure, point.high)}`;
  return `${point.day}: ${valueText(measure, point.value)}, ${usual}${point.backfilled ? ', written anew' : ''}`;
}

function SeriesChart({ series }: { series: MonitorSeries }): ReactElement {
  const { measure, column, points } = series;
  const newest = points.at(-1);
  const shapes = bandShapes(points);
  return (
    <figure className="monitor-series">
      <figcaption>
        <h3>{column && <code>{column}</code>} {kNames[measure] ?? measure}</h3>
        {newest && <Badge tone={newest.found ? 'bad' : newest.high === undefined ? 'idle' : 'ok'}>{newest.found ? 'unusual' : newest.high === undefined ? 'too few days' : 'usual'}</Badge>}
      </figcaption>
      {newest && (
        <>
          <svg viewBox={`0 0 ${kBandWidth} ${kBandHeight}`} role="img" aria-label={`${kNames[measure] ?? measure} ${column}: ${pointText(measure, newest)}`}>
            {shapes.band && <polygon className="monitor-band" points={shapes.band} />}
            <polyline className="monitor-line" points={shapes.line} />
            {shapes.marks.map(({ x, y, point }) => (
              <circle key={point.day} cx={x} cy={y} r={3} className={point.found ? 'monitor-found' : point.backfilled ? 'monitor-anew' : 'monitor-newest'}>
                <title>{pointText(measure, point)}</title>
              </circle>
            ))}
          </svg>
          <p className="muted">{pointText(measure, newest)}</p>
        </>
      )}
    </figure>
  );
}

function MonitorPanel({ monitor }: { monitor: Monitor }): ReactElement {
  const measure = useMeasure();
  const found = monitor.series.filter(({ points }) => points.at(-1)?.found).length;
  const empty = monitor.series.every(({ points }) => points.length === 0);
  return (
    <section className="panel" aria-label={`Monitor ${monitor.monitor}`}>
      <div className="page-head">
        <h2>{monitor.table} <span className="muted">{monitor.monitor}</span></h2>
        <Badge tone={monitor.error ? 'warn' : empty ? 'idle' : found > 0 ? 'bad' : 'ok'}>{monitor.error ? 'cannot be measured' : empty ? 'no day yet' : found > 0 ? `${found} unusual` : 'as usual'}</Badge>
        <span className="detail-buttons">
          <span className="muted">measured <Ago time={monitor.measured_at} /></span>
          <button type="button" className="button" disabled={measure.isPending} onClick={() => measure.mutate(monitor.monitor)}>
            <RotateCw size={16} aria-hidden="true" /> Measure now
          </button>
        </span>
      </div>
      <Outcome mutation={measure} done={measure.data && `measured up to ${measure.data.newest ?? 'now'}`} />
      {empty && !monitor.error && <p className="muted">A day is judged when it has ended and settled; from 14 days on it is compared.</p>}
      {monitor.error && <p className="row-error">{monitor.error}</p>}
      <div className="monitor-grid">
        {monitor.series.filter(({ points }) => points.length > 0).map((series) => <SeriesChart key={`${series.measure}/${series.column}`} series={series} />)}
      </div>
    </section>
  );
}

export function Monitors(): ReactElement {
  const query = useMonitors();
  if (!query.data) return query.error ? <Failed error={query.error} retry={() => void query.refetch()} /> : <Loading />;
  if (query.data.length === 0)
    return (
      <Empty icon={Activity} title="No monitors">
        Write quality/NAME.yaml with a table, its time column, and the columns whose nulls, means and distributions matter.
      </Empty>
    );
  return <div className="monitors">{query.data.map((monitor) => <MonitorPanel key={monitor.monitor} monitor={monitor} />)}</div>;
}
