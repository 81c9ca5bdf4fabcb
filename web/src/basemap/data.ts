// The base map's shapes and labels, from files that ship with the page: Natural Earth by way of world-atlas,
// US states by way of us-atlas, cities and towns from GeoNames (tools/make-places.mjs). No tile server is asked.
import type { Feature, FeatureCollection, Point, Polygon, Position } from 'geojson';
import { feature, mesh } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import statesUrl from 'us-atlas/states-10m.json?url';
import countriesFineUrl from 'world-atlas/countries-10m.json?url';
import countriesUrl from 'world-atlas/countries-50m.json?url';
import { unrolled, unrolledRing } from './antimeridian';
import citiesUrl from './made/cities.json?url';
import townsUrl from './made/towns.json?url';

type Named = GeometryCollection<{ name: string }>;
type World = Topology<{ countries: Named; land: Named }>;

export interface WorldShapes {
  land: FeatureCollection;
  borders: GeoJSON.MultiLineString;
}

async function load<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`base map file ${url} cannot be read: ${response.status}`);
  return (await response.json()) as T;
}

function shapesOf(world: World): WorldShapes {
  const land = feature(world, world.objects.land);
  const polygons = land.features.flatMap(({ geometry }) =>
    geometry.type === 'MultiPolygon' ? geometry.coordinates : geometry.type === 'Polygon' ? [geometry.coordinates] : []);
  const borders = mesh(world, world.objects.countries, (a, b) => a !== b);
  return {
    land: {
      type: 'FeatureCollection',
      features: polygons.map((rings) => ({
        type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: rings.map(unrolledRing) },
      })),
    },
    borders: { type: 'MultiLineString', coordinates: borders.coordinates.map(unrolled) },
  };
}

function areaAndCentre(ring: Position[]): { area: number; centre: Position } {
  let area = 0;
  let x = 0;
  let y = 0;
  for (let i = 1; i < ring.length; i++) {
    const [x0, y0] = ring[i - 1] as [number, number];
    const [x1, y1] = ring[i] as [number, number];
    const cross = x0 * y1 - x1 * y0;
    area += cross / 2;
    x += (x0 + x1) * cross;
    y += (y0 + y1) * cross;
  }
  return { area: Math.abs(area), centre: area === 0 ? ring[0]! : [x / (6 * area), y / (6 * area)] };
}

function countryLabel(country: Feature): Feature<Point> | null {
  const { geometry } = country;
  const polygons: Position[][][] =
    geometry.type === 'Polygon' ? [(geometry as Polygon).coordinates]
    : geometry.type === 'MultiPolygon' ? geometry.coordinates : [];
  const largest = polygons.map(([outer]) => areaAndCentre(outer!)).sort((a, b) => b.area - a.area)[0];
  if (!largest) return null;
  const zoom = largest.area > 300 ? 1 : largest.area > 60 ? 2 : largest.area > 12 ? 3 : largest.area > 2 ? 4 : 6;
  return {
    type: 'Feature',
    properties: { name: country.properties?.name as string, zoom, rank: -largest.area },
    geometry: { type: 'Point', coordinates: largest.centre },
  };
}

export async function loadWorld(): Promise<WorldShapes & { countries: FeatureCollection<Point> }> {
  const world = await load<World>(countriesUrl);
  const countries = feature(world, world.objects.countries);
  const labels = countries.features.map(countryLabel).filter((label) => label !== null);
  return { ...shapesOf(world), countries: { type: 'FeatureCollection', features: labels } };
}

/** Coasts and borders for close views; five times the size, so only loaded when one is opened. */
export async function loadFineWorld(): Promise<WorldShapes> {
  return shapesOf(await load<World>(countriesFineUrl));
}

export async function loadRegions(): Promise<GeoJSON.MultiLineString> {
  const us = await load<Topology<{ states: Named }>>(statesUrl);
  return mesh(us, us.objects.states, (a, b) => a !== b);
}

export async function loadPlaces(size: 'cities' | 'towns'): Promise<FeatureCollection<Point>> {
  const url = size === 'cities' ? citiesUrl : townsUrl;
  const rows = await load<[name: string, lon: number, lat: number, zoom: number][]>(url);
  return {
    type: 'FeatureCollection',
    features: rows.map(([name, lon, lat, zoom], rank) => ({
      type: 'Feature',
      properties: { name, zoom, rank },
      geometry: { type: 'Point', coordinates: [lon, lat] },
    })),
  };
}
