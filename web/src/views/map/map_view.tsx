// The live map: base map, fleet, legend, tiles along the top, a card under the pointer.
import { useEffect, useRef, useState, type ReactElement } from 'react';
import 'maplibre-gl/dist/maplibre-gl.css';
import { kKinds } from '../../fleet/kinds';
import type { Picked } from '../../fleet/messages';
import { chosenTruck, fleetSummary, forgetFleet } from '../../fleet/store';
import { toNumber } from '../../format/format';
import { server } from '../../server/client';
import { useTrack } from '../../server/queries';
import { useTheme } from '../../theme';
import { choose, setUrl, urlParam, useChosen, useUrlParam } from '../../url-state';
import { HoverCard } from './hover_card';
import { Legend } from './legend';
import { LiveMap, type Place } from './live_map';
import { MapTiles } from './map_tiles';
import { exposeForTests } from './test_hook';
import './map.css';

function placeFromUrl(): Place | null {
  const [lat, lon] = (urlParam('at') ?? '').split(',').map(Number);
  const zoom = Number(urlParam('z') ?? Number.NaN);
  if (lat === undefined || lon === undefined || ![lat, lon, zoom].every(Number.isFinite)) return null;
  return { lat, lon, zoom };
}

const placeToUrl = ({ lat, lon, zoom }: Place): void =>
  setUrl({ at: `${lat.toFixed(4)},${lon.toFixed(4)}`, z: zoom.toFixed(2) });

// Shows where the trucks are, without the few far outliers.
async function fitFleet(live: LiveMap): Promise<void> {
  const trucks = await server.fleet(1_000).catch(() => []);
  if (trucks.length === 0 || placeFromUrl()) return;
  const spread = (values: number[]): [number, number] => {
    const sorted = values.sort((a, b) => a - b);
    return [sorted[Math.floor(sorted.length * 0.02)]!, sorted[Math.ceil(sorted.length * 0.98) - 1]!];
  };
  const [west, east] = spread(trucks.map(({ lon }) => lon));
  const [south, north] = spread(trucks.map(({ lat }) => lat));
  live.fit(west, south, east, north);
}

/** From here on a chosen truck that is in sight does not move the map. */
const kCloseZoom = 6;

const cover = (): { right: number; bottom: number } =>
  window.innerWidth < 720 ? { right: 0, bottom: window.innerHeight * 0.5 } : { right: 392, bottom: 0 };

export function MapView(): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const [live, setLive] = useState<LiveMap | null>(null);
  const [hovered, setHovered] = useState<Picked | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const theme = useTheme();
  const hidden = useUrlParam('hide') ?? '';

  useEffect(() => {
    const place = placeFromUrl();
    const map = new LiveMap(box.current!, place, {
      onPlace: placeToUrl,
      onHover: setHovered,
      onPick: (truck) => choose(truck ? { kind: 'truck', id: truck.name } : null),
      onSummary: fleetSummary.set,
      onChosen: chosenTruck.set,
      onProblem: setProblem,
    });
    if (!place && !urlParam('truck')) void fitFleet(map);
    const hide = exposeForTests(map);
    setLive(map);
    return () => {
      hide();
      map.remove();
      forgetFleet();
      setLive(null);
    };
  }, []);

  useEffect(() => {
    if (live) void live.map.once('idle', () => undefined);
    if (live?.map.isStyleLoaded()) live.dress();
    else live?.map.once('load', () => live.dress());
  }, [live, theme]);

  useEffect(() => {
    const names = hidden.split(',');
    live?.hide(kKinds.flatMap((kind, i) => (names.includes(kind) ? [i] : [])));
  }, [live, hidden]);

  useShownTruck(live);
  return (
    <section className="map-view" aria-label="Live map">
      <div ref={box} className="map-box" />
      <MapTiles />
      <Legend hidden={hidden} />
      {hovered && <HoverCard truck={hovered} />}
      {problem && <p className="map-problem" role="alert">{problem}</p>}
    </section>
  );
}

// The chosen truck's ring and track; the map moves to it once, when it is chosen.
function useShownTruck(live: LiveMap | null): void {
  const chosen = useChosen();
  const truck = chosen?.kind === 'truck' ? chosen.id : null;
  const track = useTrack(truck);
  const shown = useRef<string | null>(null);

  useEffect(() => {
    live?.choose(truck);
    if (!truck) shown.current = null;
    if (!live || !truck || shown.current === truck) return;
    shown.current = truck;
    void server.lookup('trucks', truck).catch(() => null).then((row) => {
      const lat = toNumber(row?.lat);
      const lon = toNumber(row?.lon);
      if (lat === null || lon === null) return;
      const close = live.map.getZoom() >= kCloseZoom;
      if (!close || !live.sees(lon, lat, cover())) live.goTo(lon, lat, cover());
    });
  }, [live, truck]);

  const points = truck ? track.data : undefined;
  useEffect(() => {
    const line = (points ?? []).flatMap((row): [number, number][] => {
      const lon = toNumber(row.lon);
      const lat = toNumber(row.lat);
      return lon === null || lat === null ? [] : [[lon, lat]];
    });
    live?.showTrack(line);
  }, [live, points]);
}
