// A panel with places on a small map: a dot for each row, larger by its value.
import maplibregl, { type GeoJSONSource, type Map as MapLibre } from 'maplibre-gl';
import 'maplibre-gl/dist/maplibre-gl.css';
import { useEffect, useRef, type ReactElement } from 'react';
import { BaseMap } from '../../basemap/fill';
import { baseStyle } from '../../basemap/style';
import { formatValue, toNumber, type Format } from '../../format/format';
import type { ChartSpec, Row } from '../../server/types';
import { token, useTheme } from '../../theme';
import { drillOf } from './drill';

const kDots = 'dots';
const kRadius: [number, number] = [4, 18];

interface Dot {
  lon: number;
  lat: number;
  radius: number;
  text: string;
  row: Row;
}

function dotsOf(rows: Row[], spec: ChartSpec): Dot[] {
  const size = (row: Row): number => (spec.size ? (toNumber(row[spec.size]) ?? 0) : 1);
  const largest = Math.max(...rows.map(size), 1e-9);
  return rows.flatMap((row) => {
    const lon = toNumber(row[spec.x]);
    const lat = toNumber(row[spec.y]);
    if (lon === null || lat === null) return [];
    const label = spec.label ? String(row[spec.label] ?? '') : '';
    const value = spec.size ? formatValue(row[spec.size], spec.format as Format) : '';
    const radius = spec.size ? kRadius[0] + (kRadius[1] - kRadius[0]) * Math.sqrt(size(row) / largest) : kRadius[0] + 1;
    return [{ lon, lat, radius, text: [label, value].filter(Boolean).join(': '), row }];
  });
}

const collectionOf = (dots: Dot[]): GeoJSON.FeatureCollection => ({
  type: 'FeatureCollection',
  features: dots.map(({ lon, lat, radius }, index) => ({
    type: 'Feature', properties: { radius, index }, geometry: { type: 'Point', coordinates: [lon, lat] },
  })),
});

function fit(map: MapLibre, dots: Dot[]): void {
  if (dots.length === 0) return;
  const bounds = new maplibregl.LngLatBounds();
  dots.forEach(({ lon, lat }) => bounds.extend([lon, lat]));
  map.fitBounds(bounds, { padding: 40, maxZoom: 8, animate: false });
}

function addDots(map: MapLibre, dots: Dot[]): void {
  map.addSource(kDots, { type: 'geojson', data: collectionOf(dots) });
  map.addLayer({
    id: kDots, type: 'circle', source: kDots,
    paint: {
      'circle-radius': ['get', 'radius'], 'circle-color': token('series-1'), 'circle-opacity': 0.75,
      'circle-stroke-color': token('surface'), 'circle-stroke-width': 1.5,
    },
  });
}

export function MapPanel({ spec, rows }: { spec: ChartSpec; rows: Row[] }): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const made = useRef<MapLibre | null>(null);
  const dots = useRef<Dot[]>([]);
  dots.current = dotsOf(rows, spec);
  const theme = useTheme();

  useEffect(() => {
    const map = new maplibregl.Map({
      container: box.current!, style: baseStyle(), center: [10, 48], zoom: 3, maxZoom: 12, renderWorldCopies: false,
      dragRotate: false, pitchWithRotate: false, touchPitch: false, fadeDuration: 0, attributionControl: { compact: true },
      cooperativeGestures: true,
    });
    const popup = new maplibregl.Popup({ closeButton: false, closeOnClick: false, offset: 10 });
    const base = new BaseMap(map);
    map.once('load', () => {
      addDots(map, dots.current);
      fit(map, dots.current);
      void base.fill();
    });
    map.on('moveend', () => void base.refine());
    map.on('mousemove', kDots, (event) => {
      const dot = dots.current[Number(event.features?.[0]?.properties.index)];
      if (!dot) return;
      map.getCanvas().style.cursor = spec.drill ? 'pointer' : '';
      popup.setLngLat([dot.lon, dot.lat]).setText(dot.text).addTo(map);
    });
    map.on('mouseleave', kDots, () => {
      map.getCanvas().style.cursor = '';
      popup.remove();
    });
    map.on('click', kDots, (event) => {
      const dot = dots.current[Number(event.features?.[0]?.properties.index)];
      if (dot) drillOf(spec, dot.row)?.();
    });
    made.current = map;
    return () => {
      made.current = null;
      map.remove();
    };
    // The map is made anew for other colours, not for other rows.
  }, [theme, spec.title]);

  useEffect(() => {
    made.current?.getSource<GeoJSONSource>(kDots)?.setData(collectionOf(dots.current));
  }, [rows]);
  return <div ref={box} className="map-panel" role="region" aria-label={`Map: ${spec.title}, ${rows.length} places`} />;
}
