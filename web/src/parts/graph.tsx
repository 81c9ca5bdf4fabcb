// A drawn graph: nodes are ordinary elements (so that they can be focused and read), edges are SVG behind them.
import { useId, useMemo, type ReactElement, type ReactNode } from 'react';
import { layOut, pathOf, type Box, type Edge } from './layered';
import './graph.css';

export interface GraphNode extends Box {
  content: ReactNode;
}
export interface GraphEdge extends Edge {
  /** Pixels. */
  weight?: number;
  dashed?: boolean;
}

export function Graph({ label, nodes, edges }: { label: string; nodes: GraphNode[]; edges: GraphEdge[] }): ReactElement {
  const arrow = useId();
  // Laid out anew only when the shape changes, not with every number.
  const shape = JSON.stringify([nodes.map(({ id, width, height }) => ({ id, width, height })), edges.map(({ from, to }) => ({ from, to }))]);
  const layout = useMemo(() => {
    const [boxes, lines] = JSON.parse(shape) as [Box[], Edge[]];
    return layOut(boxes, lines);
  }, [shape]);
  const styles = new Map(edges.map((edge) => [`${edge.from}\n${edge.to}`, edge]));
  return (
    <div className="graph" role="region" aria-label={label} tabIndex={0}>
      <div className="graph-plane" style={{ width: layout.width, height: layout.height }}>
        <svg width={layout.width} height={layout.height} aria-hidden="true">
          <defs>
            <marker id={arrow} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
              <path d="M0 0 8 4 0 8z" />
            </marker>
          </defs>
          {layout.routes.map(({ from, to, points }) => {
            const style = styles.get(`${from}\n${to}`);
            return (
              <path
                key={`${from}\n${to}`}
                d={pathOf(points)}
                className={style?.dashed ? 'edge edge-dashed' : 'edge'}
                strokeWidth={style?.weight ?? 1.5}
                markerEnd={`url(#${arrow})`}
              />
            );
          })}
        </svg>
        {nodes.map(({ id, width, height, content }) => {
          const { x, y } = layout.places.get(id)!;
          return <div key={id} className="graph-node" style={{ left: x, top: y, width, height }}>{content}</div>;
        })}
      </div>
    </div>
  );
}
