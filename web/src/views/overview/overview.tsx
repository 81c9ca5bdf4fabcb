// The dashboard of the project (dashboards/overview.yaml): key figures and charts that keep themselves fresh.
import { LayoutDashboard } from 'lucide-react';
import type { ReactElement } from 'react';
import { useDashboard } from '../../server/queries';
import { Empty, Failed, Loading } from '../../parts/states';
import { Chart } from './chart';
import { Tile } from './tile';
import './overview.css';

export function Overview(): ReactElement {
  const { data, error, refetch } = useDashboard('overview');
  if (!data) {
    return <div className="page">{error ? <Failed error={error} retry={() => void refetch()} /> : <Loading rows={6} />}</div>;
  }
  const { title, tiles = [], charts = [] } = data;
  return (
    <div className="page">
      <h1>{title}</h1>
      {tiles.length + charts.length === 0 && (
        <Empty icon={LayoutDashboard} title="The dashboard is empty">
          Write tiles and charts into dashboards/overview.yaml of the project.
        </Empty>
      )}
      <ul className="tiles" aria-label="Key figures">
        {tiles.map((tile) => <Tile key={tile.title} spec={tile} />)}
      </ul>
      <div className="charts">
        {charts.map((chart) => <Chart key={chart.title} spec={chart} />)}
      </div>
    </div>
  );
}
