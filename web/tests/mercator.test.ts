import { expect, test } from 'vitest';
import { kWorld, mercatorLat, mercatorLon, mercatorX, mercatorY, unitsPerMetre } from '../src/fleet/mercator';

// EPSG:3857 metres of known places, from the projection's own definition: x = R·λ, y = R·ln tan(π/4 + φ/2).
const kHalf = Math.PI * 6_378_137;

test.each([
  ['Berlin', 13.405, 52.52, 1_492_237.8, 6_894_699.8],
  ['Quito', -78.4678, -0.1807, -8_734_995.5, -20_115.5],
  ['Reykjavik', -21.9426, 64.1466, -2_442_639.1, 9_387_089.6],
])('%s lies where EPSG:3857 puts it', (_, lon, lat, x, y) => {
  expect(mercatorX(lon)).toBeCloseTo(((x + kHalf) / (2 * kHalf)) * kWorld, -3);
  expect(mercatorY(lat)).toBeCloseTo(((kHalf - y) / (2 * kHalf)) * kWorld, -3);
});

test('a place comes back from its projection', () => {
  for (let lat = -85; lat <= 85; lat += 8.5) expect(mercatorLat(mercatorY(lat))).toBeCloseTo(lat, 9);
  for (let lon = -180; lon <= 180; lon += 22.5) expect(mercatorLon(mercatorX(lon))).toBeCloseTo(lon, 9);
});

test('beyond the projection the edge of the world is given', () => {
  expect(mercatorY(90)).toBeCloseTo(0, 0);
  expect(mercatorY(-90)).toBeCloseTo(kWorld, 0);
});

test('a metre is twice as long on the map at 60 degrees as at the equator', () => {
  expect(unitsPerMetre(mercatorY(60)) / unitsPerMetre(mercatorY(0))).toBeCloseTo(2, 6);
});
