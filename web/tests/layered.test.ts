import { describe, expect, it } from 'vitest';
import { layOut, pathOf, type Box, type Edge } from '../src/parts/layered';

const box = (id: string, height = 40): Box => ({ id, width: 100, height });
const edge = (from: string, to: string): Edge => ({ from, to });

/** Whether two nodes lie over each other. */
function overlaps(boxes: Box[], places: Map<string, { x: number; y: number }>): string[] {
  const found: string[] = [];
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => {
    const p = places.get(a.id)!;
    const q = places.get(b.id)!;
    if (p.x < q.x + b.width && q.x < p.x + a.width && p.y < q.y + b.height && q.y < p.y + a.height) found.push(`${a.id}/${b.id}`);
  }));
  return found;
}

describe('a layered layout', () => {
  it('places what follows to the right of all that it follows from', () => {
    const boxes = ['topic', 'a', 'b', 'join', 'table'].map((id) => box(id));
    const edges = [edge('topic', 'a'), edge('a', 'b'), edge('b', 'join'), edge('topic', 'join'), edge('join', 'table')];
    const { places, routes, width } = layOut(boxes, edges);
    for (const { from, to } of edges) expect(places.get(from)!.x + 100).toBeLessThan(places.get(to)!.x);
    expect(routes).toHaveLength(5);
    expect(width).toBe(places.get('table')!.x + 100);
  });

  it('lays no node over another, whatever their heights', () => {
    let seed = 3;
    const random = (n: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    for (let round = 0; round < 50; round++) {
      const boxes = Array.from({ length: 3 + random(25) }, (_, i) => box(`n${i}`, 20 + random(120)));
      const edges = boxes.flatMap((_, i) => Array.from({ length: i === 0 ? 0 : random(3) }, () => edge(`n${random(i)}`, `n${i}`)));
      const { places, height, width } = layOut(boxes, edges);
      expect(overlaps(boxes, places)).toEqual([]);
      for (const { id, height: own } of boxes) {
        const { x, y } = places.get(id)!;
        expect(x >= 0 && y >= 0 && y + own <= height + 1 && x + 100 <= width).toBe(true);
      }
    }
  });

  it('leads a long edge around the nodes between', () => {
    const boxes = ['a', 'b', 'c'].map((id) => box(id));
    const { places, routes } = layOut(boxes, [edge('a', 'b'), edge('b', 'c'), edge('a', 'c')]);
    const long = routes.find(({ from, to }) => from === 'a' && to === 'c')!;
    expect(long.points).toHaveLength(4);
    const b = places.get('b')!;
    for (const { y } of long.points.slice(1, 3)) expect(y < b.y || y > b.y + 40).toBe(true);
  });

  it('draws an order without a crossing where there is one', () => {
    const boxes = ['a', 'b', 'x', 'y'].map((id) => box(id));
    const { places } = layOut(boxes, [edge('a', 'y'), edge('b', 'x')]);
    expect(Math.sign(places.get('a')!.y - places.get('b')!.y)).toBe(Math.sign(places.get('y')!.y - places.get('x')!.y));
  });

  it('survives circles, edges to nowhere and nothing at all', () => {
    const { places, routes } = layOut([box('a'), box('b')], [edge('a', 'b'), edge('b', 'a'), edge('a', 'a'), edge('a', 'nowhere')]);
    expect(places.size).toBe(2);
    expect(routes).toHaveLength(2);
    expect(layOut([], [])).toMatchObject({ width: 0, height: 0 });
  });

  it('writes a path through its points', () => {
    expect(pathOf([{ x: 0, y: 0 }, { x: 10, y: 4 }])).toBe('M0 0.0 C5.0 0.0 5.0 4.0 10 4.0');
  });
});
