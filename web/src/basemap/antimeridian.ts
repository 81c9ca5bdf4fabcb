// Shapes that cross the antimeridian jump from 180 to -180 in their coordinates, which a flat map draws as a
// line around the world. Unrolled, they go on past 180 instead.
import type { Position } from 'geojson';

export function unrolled(line: Position[]): Position[] {
  let turn = 0;
  return line.map(([lon, lat], i) => {
    const step = i === 0 ? 0 : lon! - line[i - 1]![0]!;
    if (step > 180) turn -= 360;
    else if (step < -180) turn += 360;
    return [lon! + turn, lat!];
  });
}

/** A ring around a pole does not close when it is unrolled: it is closed along the pole. */
export function unrolledRing(ring: Position[]): Position[] {
  const open = unrolled(ring);
  const [first, last] = [open[0]!, open.at(-1)!];
  if (Math.abs(first[0]! - last[0]!) < 1) return open;
  const pole = first[1]! < 0 ? -90 : 90;
  return [...open, [last[0]!, pole], [first[0]!, pole], first];
}
