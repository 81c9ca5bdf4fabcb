// Places the nodes of a directed graph in columns, from what comes first on the left to what follows on the right.
// Pure: columns by the longest way, few crossings by the middle of the neighbours, long edges around other nodes.

export interface Box {
  id: string;
  width: number;
  height: number;
}
export interface Edge {
  from: string;
  to: string;
}
export interface Place {
  x: number;
  y: number;
}
export interface Route extends Edge {
  /** From the right side of `from` to the left side of `to`. */
  points: Place[];
}
export interface Layout {
  width: number;
  height: number;
  places: Map<string, Place>;
  routes: Route[];
}

const kColumnGap = 56;
const kRowGap = 20;
const kWayHeight = 8;
const kSweeps = 6;

interface Item extends Box {
  rank: number;
  y: number;
  before: Item[];
  after: Item[];
}

/** The longest way from a node without a way to it; an edge that closes a circle is left out. */
function rankAll(items: Map<string, Item>): void {
  const state = new Map<Item, 'open' | 'done'>();
  const rank = (item: Item): number => {
    if (state.get(item) === 'done') return item.rank;
    state.set(item, 'open');
    item.before = item.before.filter((other) => state.get(other) !== 'open');
    item.rank = Math.max(0, ...item.before.map((other) => rank(other) + 1));
    state.set(item, 'done');
    return item.rank;
  };
  items.forEach(rank);
  items.forEach((item) => (item.after = []));
  items.forEach((item) => item.before.forEach((other) => other.after.push(item)));
}

/** An edge over more than one column gets a narrow place in each column between. */
function addWays(items: Map<string, Item>): Map<string, Item[]> {
  const ways = new Map<string, Item[]>();
  for (const to of [...items.values()]) {
    to.before = to.before.map((from) => {
      const chain: Item[] = [];
      let last = from;
      for (let rank = from.rank + 1; rank < to.rank; rank++) {
        const id = `${from.id}\n${to.id}\n${rank}`;
        const way: Item = { id, width: 0, height: kWayHeight, rank, y: 0, before: [last], after: [] };
        last.after = last.after.map((next) => (next === to ? way : next));
        items.set(id, way);
        chain.push(way);
        way.after = [to];
        last = way;
      }
      ways.set(`${from.id}\n${to.id}`, chain);
      return last;
    });
  }
  return ways;
}

const middle = (item: Item): number => item.y + item.height / 2;
const mean = (items: Item[]): number => items.reduce((sum, item) => sum + middle(item), 0) / items.length;

/** Keeps the order of a column and moves each node towards the middle of its neighbours. */
function settle(column: Item[], near: (item: Item) => Item[]): void {
  const wished = column.map((item) => (near(item).length ? mean(near(item)) - item.height / 2 : item.y));
  let bottom = -Infinity;
  let excess = 0;
  column.forEach((item, i) => {
    item.y = Math.max(wished[i]!, bottom + kRowGap);
    excess += item.y - wished[i]!;
    bottom = item.y + item.height;
  });
  column.forEach((item) => (item.y -= excess / column.length));
}

function orderColumns(columns: Item[][]): void {
  for (const column of columns) {
    let y = 0;
    for (const item of column) {
      item.y = y;
      y += item.height + kRowGap;
    }
  }
  for (let sweep = 0; sweep < kSweeps; sweep++) {
    const forward = sweep % 2 === 0;
    const near = (item: Item): Item[] => (forward ? item.before : item.after);
    for (const column of forward ? columns : [...columns].reverse()) {
      const at = new Map(column.map((item) => [item, near(item).length ? mean(near(item)) : middle(item)]));
      column.sort((a, b) => at.get(a)! - at.get(b)!);
      settle(column, near);
    }
  }
}

export function layOut(boxes: Box[], edges: Edge[]): Layout {
  const items = new Map<string, Item>(boxes.map((box) => [box.id, { ...box, rank: 0, y: 0, before: [], after: [] }]));
  const known = edges.filter(({ from, to }) => from !== to && items.has(from) && items.has(to));
  for (const { from, to } of known) {
    const target = items.get(to)!;
    const source = items.get(from)!;
    if (!target.before.includes(source)) target.before.push(source);
  }
  rankAll(items);
  const ways = addWays(items);
  const columns: Item[][] = [];
  items.forEach((item) => (columns[item.rank] ??= []).push(item));
  orderColumns(columns);
  const all = [...items.values()];
  const top = all.length ? Math.min(...all.map(({ y }) => y)) : 0;
  const lefts: number[] = [];
  let right = 0;
  const widths = columns.map((column) => Math.max(...column.map(({ width }) => width)));
  widths.forEach((width) => {
    lefts.push(right);
    right += width + kColumnGap;
  });
  const places = new Map<string, Place>();
  for (const { id } of boxes) {
    const item = items.get(id)!;
    places.set(id, { x: lefts[item.rank]!, y: Math.round(item.y - top) });
  }
  const routes = known.map(({ from, to }): Route => {
    const source = items.get(from)!;
    const target = items.get(to)!;
    const points = [{ x: lefts[source.rank]! + source.width, y: middle(source) - top }];
    for (const way of ways.get(`${from}\n${to}`) ?? []) {
      points.push({ x: lefts[way.rank]!, y: middle(way) - top });
      points.push({ x: lefts[way.rank]! + widths[way.rank]!, y: middle(way) - top });
    }
    points.push({ x: lefts[target.rank]!, y: middle(target) - top });
    return { from, to, points };
  });
  const height = Math.max(0, ...all.map((item) => item.y - top + item.height));
  return { width: Math.max(0, right - kColumnGap), height: Math.ceil(height), places, routes };
}

/** A smooth SVG path that leaves and reaches every point from left to right. */
export function pathOf(points: Place[]): string {
  let path = `M${points[0]!.x} ${points[0]!.y.toFixed(1)}`;
  for (let i = 1; i < points.length; i++) {
    const a = points[i - 1]!;
    const b = points[i]!;
    const bend = (b.x - a.x) / 2;
    path += ` C${(a.x + bend).toFixed(1)} ${a.y.toFixed(1)} ${(b.x - bend).toFixed(1)} ${b.y.toFixed(1)} ${b.x} ${b.y.toFixed(1)}`;
  }
  return path;
}
