// From a row to the dashboard that tells more of it.
import type { ChartSpec, Row } from '../../server/types';
import { openDashboard } from './controls';

/** What a click on the row does; undefined where the panel leads nowhere. */
export function drillOf(spec: ChartSpec, row: Row): (() => void) | undefined {
  if (!spec.drill) return undefined;
  const { dashboard, ...columns } = spec.drill;
  const values = Object.fromEntries(
    Object.entries(columns).map(([parameter, column]) => [parameter, row[column] === null ? null : String(row[column])]),
  );
  return () => openDashboard(dashboard, values);
}
