// The base map's MapLibre style, coloured from the design tokens. Without a `glyphs` URL MapLibre draws
// its labels with the page's own font.
import type { GeoJSONSourceSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl';
import { token } from '../theme';

const empty: GeoJSONSourceSpecification = { type: 'geojson', data: { type: 'FeatureCollection', features: [] } };
const kFont = ['Inter Variable', 'sans-serif'];

export const kTrackSource = 'track';

function placeLayers(source: 'cities' | 'towns', minzoom: number): LayerSpecification[] {
  return [
    {
      id: `${source}-dots`, type: 'circle', source, minzoom: Math.max(minzoom, 4.4),
      filter: ['<=', ['get', 'zoom'], ['zoom']],
      paint: { 'circle-radius': 1.75, 'circle-color': token('map-label'), 'circle-opacity': 0.7 },
    },
    {
      id: `${source}-labels`, type: 'symbol', source, minzoom,
      filter: ['<=', ['get', 'zoom'], ['zoom']],
      layout: {
        'text-field': ['get', 'name'], 'text-font': kFont,
        'text-size': ['interpolate', ['linear'], ['zoom'], 3, 11, 10, source === 'cities' ? 14 : 12],
        'text-variable-anchor': ['left', 'right', 'top', 'bottom'], 'text-radial-offset': 0.5,
        'text-justify': 'auto', 'text-padding': 6, 'symbol-sort-key': ['get', 'rank'],
      },
      paint: { 'text-color': token('map-label'), 'text-halo-color': token('map-label-halo'), 'text-halo-width': 1.25 },
    },
  ];
}

function labelLayers(): LayerSpecification[] {
  return [
    ...placeLayers('towns', 7),
    ...placeLayers('cities', 2.8),
    // The last is placed first: countries before cities before towns.
    {
      id: 'country-labels', type: 'symbol', source: 'countries', maxzoom: 6.5,
      filter: ['<=', ['get', 'zoom'], ['zoom']],
      layout: {
        'text-field': ['get', 'name'], 'text-font': kFont, 'text-transform': 'uppercase',
        'text-letter-spacing': 0.14, 'text-size': ['interpolate', ['linear'], ['zoom'], 2, 10, 6, 13],
        'text-max-width': 7, 'symbol-sort-key': ['get', 'rank'],
      },
      paint: {
        'text-color': token('map-label-country'), 'text-halo-color': token('map-label-halo'), 'text-halo-width': 1,
      },
    },
  ];
}

function trackLayers(): LayerSpecification[] {
  return [
    {
      id: 'track-halo', type: 'line', source: kTrackSource,
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': token('halo'), 'line-width': 6, 'line-opacity': 0.7 },
    },
    {
      id: 'track-line', type: 'line', source: kTrackSource,
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': token('accent'), 'line-width': 2.5 },
    },
    {
      id: 'track-start', type: 'circle', source: kTrackSource, filter: ['==', ['geometry-type'], 'Point'],
      paint: {
        'circle-radius': 4, 'circle-color': token('surface'),
        'circle-stroke-color': token('accent'), 'circle-stroke-width': 2,
      },
    },
  ];
}

export function baseStyle(): StyleSpecification {
  return {
    version: 8,
    sources: {
      land: { ...empty, attribution: 'Natural Earth' }, borders: empty, regions: empty,
      countries: empty, cities: { ...empty, attribution: 'GeoNames (CC BY 4.0)' }, towns: empty, [kTrackSource]: empty,
    },
    layers: [
      { id: 'water', type: 'background', paint: { 'background-color': token('map-water') } },
      { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': token('map-land') } },
      {
        id: 'regions', type: 'line', source: 'regions', minzoom: 3,
        paint: { 'line-color': token('map-region'), 'line-width': 1 },
      },
      {
        id: 'borders', type: 'line', source: 'borders',
        paint: {
          'line-color': token('map-border'),
          'line-width': ['interpolate', ['linear'], ['zoom'], 1, 0.5, 6, 1.25],
        },
      },
      ...labelLayers(),
      ...trackLayers(),
    ],
  };
}
