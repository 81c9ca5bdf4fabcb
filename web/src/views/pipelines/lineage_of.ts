// What a lineage says of one table.
import type { Lineage } from '../../server/types_lineage';

/** Without edges of tables that no node is of, and without a table's edge to itself. */
export function known(lineage: Lineage): Lineage {
  const ids = new Set(lineage.nodes.map(({ id }) => id));
  return { nodes: lineage.nodes, edges: lineage.edges.filter(({ from, to }) => from !== to && ids.has(from) && ids.has(to)) };
}

/** By each column of the table, the columns that go into it. */
export function columnsInto(lineage: Lineage, table: string): Map<string, string[]> {
  const into = new Map<string, string[]>();
  for (const edge of lineage.edges) {
    if (edge.to !== table) continue;
    for (const { from, to } of edge.columns) into.set(to, [...(into.get(to) ?? []), `${edge.from}.${from}`]);
  }
  return into;
}

/** The table, all that it is made of, and all that is made of it. */
export function relatedTo(lineage: Lineage, table: string): Set<string> {
  const found = new Set([table]);
  for (const [next, back] of [['to', 'from'], ['from', 'to']] as const) {
    const reached = new Set([table]);
    for (let grown = -1; grown !== reached.size;) {
      grown = reached.size;
      for (const edge of lineage.edges) if (reached.has(edge[back])) reached.add(edge[next]);
    }
    for (const one of reached) found.add(one);
  }
  return found;
}
