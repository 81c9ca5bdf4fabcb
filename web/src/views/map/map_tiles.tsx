// The few numbers of the overview that a dispatcher wants beside the map.
import type { ReactElement } from 'react';
import { useDashboard } from '../../server/queries';
import { Tile } from '../dashboards/tile';

export function MapTiles(): ReactElement | null {
  const { data } = useDashboard('overview');
  const tiles = data?.tiles?.filter((tile) => tile.map) ?? [];
  if (tiles.length === 0) return null;
  return (
    <ul className="map-tiles" aria-label="Key figures">
      {tiles.map((tile) => (
        <Tile key={tile.title} spec={tile} small />
      ))}
    </ul>
  );
}
