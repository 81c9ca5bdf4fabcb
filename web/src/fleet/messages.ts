// What the page and the fleet worker say to each other.
import type { Palette } from './kinds';
import type { View } from './view';

export type ToWorker =
  | { type: 'start'; url: string; palette: Palette; reckoning: boolean }
  | { type: 'view'; view: View; dpr: number }
  | { type: 'subscribe'; bbox: [number, number, number, number]; budget: number }
  | { type: 'shown' }
  | { type: 'palette'; palette: Palette }
  | { type: 'hidden'; kinds: number[] }
  | { type: 'choose'; name: string | null }
  | { type: 'pick'; ask: number; x: number; y: number; hover: boolean };

export interface Picked {
  name: string;
  kind: number;
  status: string;
  speedKmh: number;
  heading: number | null;
  /** Since it was measured, and how much of that the drawing has filled in by itself. */
  ageMs: number;
  reckonedMs: number;
  lon: number;
  lat: number;
  /** Where it is drawn, CSS pixels of the screen. */
  x: number;
  y: number;
}

export type Connection = 'connecting' | 'live' | 'reconnecting';

export interface FleetSummary {
  connection: Connection;
  /** Median age of the positions that arrived in the last seconds; null when none did. */
  behindMs: number | null;
  /** When anything last arrived, ms since the epoch; null when nothing did yet. */
  heardAt: number | null;
  mode: 'trucks' | 'cells';
  counts: number[];
  inView: number;
  /** How long the worker took to draw the last picture. */
  pictureMs: number;
  problem: string | null;
}

export type FromWorker =
  | { type: 'picture'; bitmap: ImageBitmap; view: View }
  | { type: 'summary'; summary: FleetSummary }
  | { type: 'picked'; ask: number; truck: Picked | null }
  | { type: 'chosen'; truck: Picked | null };
