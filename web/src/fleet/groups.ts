// Cells joined into areas large enough on screen to carry a number. The areas are cut from the world, not from
// the screen, so that a drag does not change them.
import type { CellsFrame } from './frames';
import type { View } from './view';

const kAreaPixels = 96;

export interface Group {
  /** Centre of its trucks, world fractions. */
  x: number;
  y: number;
  count: number;
}

export function groupCells(cells: CellsFrame, view: View): Group[] {
  const zoom = Math.max(0, Math.min(cells.zoom, Math.floor(Math.log2(view.worldSize / kAreaPixels))));
  const shift = cells.zoom - zoom;
  const side = 2 ** -cells.zoom;
  const groups = new Map<number, Group>();
  for (let i = 0; i < cells.count.length; i++) {
    const key = Math.floor(cells.x[i]! / 2 ** shift) * 2 ** zoom + Math.floor(cells.y[i]! / 2 ** shift);
    const group = groups.get(key) ?? { x: 0, y: 0, count: 0 };
    const count = cells.count[i]!;
    group.x += (cells.x[i]! + 0.5) * side * count;
    group.y += (cells.y[i]! + 0.5) * side * count;
    group.count += count;
    groups.set(key, group);
  }
  return [...groups.values()].map(({ x, y, count }) => ({ x: x / count, y: y / count, count }));
}
