// The dashboards of the project (dashboards/*.yaml): key figures and panels that keep themselves fresh.
import { LayoutDashboard } from 'lucide-react';
import { useMemo, type ReactElement } from 'react';
import { useDashboard, useDashboards } from '../../server/queries';
import type { ChartSpec, Dashboard, TileSpec } from '../../server/types';
import { useUrlParam, useUrlSearch } from '../../url-state';
import { Empty, Failed, Loading } from '../../parts/states';
import { Chart } from './chart';
import { BoardTabs, ParameterChoice, parameterKey, RangeChoice, ShareLink } from './controls';
import { fillSql, rangeOf, type Range } from './range';
import { Tile } from './tile';
import './dashboards.css';

const kFirst = 'overview';

/** The values of the dashboard's parameters as the URL has them; a text that changes only when one of them does. */
function useParameters(data: Dashboard | undefined): Record<string, string | null> {
  const search = useUrlSearch();
  return useMemo(() => {
    const params = new URLSearchParams(search);
    return Object.fromEntries((data?.parameters ?? []).map(({ name }) => [name, params.get(parameterKey(name))]));
  }, [search, data]);
}

function Panels({ data, range, parameters }: {
  data: Dashboard; range: Range; parameters: Record<string, string | null>;
}): ReactElement {
  const filled = useMemo(() => {
    const fill = <T extends { sql: string }>(spec: T): T => ({ ...spec, sql: fillSql(spec.sql, range, parameters) });
    return { tiles: (data.tiles ?? []).map<TileSpec>(fill), charts: (data.charts ?? []).map<ChartSpec>(fill) };
  }, [data, range, parameters]);
  if (filled.tiles.length + filled.charts.length === 0) {
    return (
      <Empty icon={LayoutDashboard} title="The dashboard is empty">
        Write tiles and charts into its file in dashboards/ of the project.
      </Empty>
    );
  }
  return (
    <>
      {filled.tiles.length > 0 && (
        <ul className="tiles" aria-label="Key figures">
          {filled.tiles.map((tile) => <Tile key={tile.title} spec={tile} />)}
        </ul>
      )}
      <div className="charts">
        {filled.charts.map((chart) => <Chart key={chart.title} spec={chart} />)}
      </div>
    </>
  );
}

export function Dashboards(): ReactElement {
  const name = useUrlParam('board') ?? kFirst;
  const asked = useUrlParam('range');
  const boards = useDashboards().data ?? [];
  const { data, error, refetch } = useDashboard(name);
  const parameters = useParameters(data);
  const range = rangeOf(asked ?? data?.range);
  return (
    <div className="page">
      {boards.length > 1 && <BoardTabs boards={boards} chosen={name} />}
      {!data ? (error ? <Failed error={error} retry={() => void refetch()} /> : <Loading rows={6} />) : (
        <>
          <header className="board-head">
            <div>
              <h1>{data.title}</h1>
              {data.help && <p className="muted">{data.help}</p>}
            </div>
            <div className="board-controls">
              {data.parameters?.map((spec) => (
                <ParameterChoice key={spec.name} spec={spec} value={parameters[spec.name] ?? null} />
              ))}
              {data.range && <RangeChoice range={range} />}
              <ShareLink />
            </div>
          </header>
          <Panels data={data} range={range} parameters={parameters} />
        </>
      )}
    </div>
  );
}
