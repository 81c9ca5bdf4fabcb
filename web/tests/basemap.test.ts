import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Position } from 'geojson';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import { expect, test } from 'vitest';
import { unrolled, unrolledRing } from '../src/basemap/antimeridian';

const file = createRequire(import.meta.url).resolve('world-atlas/countries-50m.json');
const world = JSON.parse(readFileSync(file, 'utf8')) as Topology<{ land: GeometryCollection }>;
const rings = feature(world, world.objects.land).features.flatMap(({ geometry }): Position[][] =>
  geometry.type === 'MultiPolygon' ? geometry.coordinates.flat() : geometry.type === 'Polygon' ? geometry.coordinates : []);

const longestStep = (line: Position[]): number =>
  Math.max(...line.slice(1).map(([lon], i) => Math.abs(lon! - line[i]![0]!)));

test('a line over the antimeridian goes on past 180', () => {
  expect(unrolled([[179, 1], [-179, 2], [178, 3]])).toEqual([[179, 1], [181, 2], [178, 3]]);
  expect(unrolled([[-179, 1], [179, 2]])).toEqual([[-179, 1], [-181, 2]]);
});

test('a ring around the south pole is closed along the pole', () => {
  const ring = unrolledRing([[-180, -80], [-90, -75], [0, -70], [90, -75], [170, -80], [-180, -80]]);
  expect(ring.slice(-3)).toEqual([[180, -90], [-180, -90], [-180, -80]]);
});

test('some land jumps over the map as it comes, and none does unrolled but along the pole', () => {
  expect(rings.some((ring) => longestStep(ring) > 180)).toBe(true);
  for (const ring of rings.map(unrolledRing)) {
    expect(longestStep(ring.filter(([, lat]) => lat! > -89))).toBeLessThan(361);
    expect(longestStep(ring.filter(([, lat]) => lat! > -89).slice(0, -1))).toBeLessThan(180);
    expect(ring[0]![0]).toBeCloseTo(ring.at(-1)![0]!, 6);
  }
});
