// What the page knows of the trucks: columns by handle, and where each is by now.
//
// Between two positions a moving truck is drawn along its heading, for at most kReckonIntervals of its
// own usual interval: beyond that nobody knows. A correction is spread over kBlendMs, so that nothing jumps.
import type { CellsFrame, Frame, TrucksFrame } from './frames';
import { kindOf, kSilent, kSilentAfterMs } from './kinds';
import { unitsPerMetre } from './mercator';

const kHandleMax = 1 << 22;
const kReckonIntervals = 1.5;
const kReckonMinMs = 1_500;
const kReckonMaxMs = 30_000;
const kIntervalStartMs = 10_000;
const kBlendMs = 700;
/** A correction over this is a new place, not a better guess: it is shown at once. */
const kBlendMetresMax = 3_000;
const kHeadingUnknown = 255;

export class FleetState {
  x = new Float64Array(0);
  y = new Float64Array(0);
  alive = new Uint8Array(0);
  status = new Uint8Array(0);
  speed = new Uint16Array(0);
  heading = new Uint8Array(0);
  /** When the position was measured, on this page's clock (ms). */
  measured = new Float64Array(0);
  private velocityX = new Float32Array(0);
  private velocityY = new Float32Array(0);
  private interval = new Float32Array(0);
  private offsetX = new Float32Array(0);
  private offsetY = new Float32Array(0);
  private offsetSince = new Float64Array(0);

  /** Handles ever seen are below this. */
  end = 0;
  cells: CellsFrame | null = null;
  readonly names = new Map<number, string>();
  private readonly handles = new Map<string, number>();
  private kindByStatus: number[] = [];
  statuses: string[] = [];
  reckoning = true;

  handleOf(name: string): number | undefined {
    return this.handles.get(name);
  }

  apply(frame: Frame, now: number): void {
    switch (frame.kind) {
      case 'trucks':
        this.applyTrucks(frame, now);
        return;
      case 'names':
        for (const [handle, name] of frame.names) {
          this.names.set(handle, name);
          this.handles.set(name, handle);
        }
        return;
      case 'cells':
        this.alive.fill(0);
        this.cells = frame;
        return;
      case 'statuses':
        this.statuses = frame.statuses;
        this.kindByStatus = frame.statuses.map(kindOf);
        return;
      case 'gone':
        for (const handle of frame.handle) if (handle < this.end) this.alive[handle] = 0;
        return;
    }
  }

  /** A new connection has handles and names of its own. */
  forget(): void {
    this.alive.fill(0);
    this.measured.fill(0);
    this.names.clear();
    this.handles.clear();
    this.cells = null;
    this.end = 0;
  }

  kind(i: number, now: number): number {
    if (now - this.measured[i]! > kSilentAfterMs) return kSilent;
    return this.kindByStatus[this.status[i]!] ?? kindOf('');
  }

  /** How far ahead of the measured position the truck is drawn, in ms of driving. */
  reckonedMs(i: number, now: number): number {
    if (!this.reckoning || (this.velocityX[i] === 0 && this.velocityY[i] === 0)) return 0;
    const limit = Math.min(kReckonMaxMs, Math.max(kReckonMinMs, kReckonIntervals * this.interval[i]!));
    return Math.max(0, Math.min(now - this.measured[i]!, limit));
  }

  drawnX(i: number, now: number): number {
    return this.x[i]! + this.velocityX[i]! * this.reckonedMs(i, now) + this.offsetX[i]! * this.blend(i, now);
  }

  drawnY(i: number, now: number): number {
    return this.y[i]! + this.velocityY[i]! * this.reckonedMs(i, now) + this.offsetY[i]! * this.blend(i, now);
  }

  private blend(i: number, now: number): number {
    return Math.max(0, 1 - (now - this.offsetSince[i]!) / kBlendMs);
  }

  private applyTrucks(frame: TrucksFrame, now: number): void {
    if (frame.snapshot) this.alive.fill(0);
    this.cells = null;
    for (let row = 0; row < frame.handle.length; row++) {
      const i = frame.handle[row]!;
      if (i >= kHandleMax) continue;
      if (i >= this.end) this.grow(i + 1);
      const measured = now - frame.age[row]!;
      const fresh = measured - this.measured[i]!;
      const known = this.measured[i]! > 0;
      const fromX = known ? this.drawnX(i, now) : 0;
      const fromY = known ? this.drawnY(i, now) : 0;
      if (known && fresh > 200) this.interval[i] = 0.7 * this.interval[i]! + 0.3 * Math.min(fresh, 60_000);
      this.x[i] = frame.x[row]!;
      this.y[i] = frame.y[row]!;
      this.speed[i] = frame.speed[row]!;
      this.heading[i] = frame.heading[row]!;
      this.status[i] = frame.status[row]!;
      this.measured[i] = measured;
      this.alive[i] = 1;
      this.steer(i);
      if (known) this.smooth(i, fromX, fromY, now);
    }
  }

  private steer(i: number): void {
    const still = this.speed[i] === 0 || this.heading[i] === kHeadingUnknown;
    const perMs = still ? 0 : (this.speed[i]! / 36_000) * unitsPerMetre(this.y[i]!);
    const angle = (this.heading[i]! * 2 * Math.PI) / 180;
    this.velocityX[i] = Math.sin(angle) * perMs;
    this.velocityY[i] = -Math.cos(angle) * perMs;
  }

  private smooth(i: number, fromX: number, fromY: number, now: number): void {
    this.offsetX[i] = 0;
    this.offsetY[i] = 0;
    if (!this.reckoning) return;
    const dx = fromX - this.drawnX(i, now);
    const dy = fromY - this.drawnY(i, now);
    if (Math.hypot(dx, dy) > kBlendMetresMax * unitsPerMetre(this.y[i]!)) return;
    this.offsetX[i] = dx;
    this.offsetY[i] = dy;
    this.offsetSince[i] = now;
  }

  private grow(end: number): void {
    if (end > this.x.length) {
      const size = Math.min(kHandleMax, Math.max(1024, 2 ** Math.ceil(Math.log2(end))));
      const wider = <T extends Float64Array | Float32Array | Uint8Array | Uint16Array>(
        from: T,
        make: new (n: number) => T,
      ): T => {
        const to = new make(size);
        to.set(from);
        return to;
      };
      this.x = wider(this.x, Float64Array);
      this.y = wider(this.y, Float64Array);
      this.alive = wider(this.alive, Uint8Array);
      this.status = wider(this.status, Uint8Array);
      this.speed = wider(this.speed, Uint16Array);
      this.heading = wider(this.heading, Uint8Array);
      this.measured = wider(this.measured, Float64Array);
      this.velocityX = wider(this.velocityX, Float32Array);
      this.velocityY = wider(this.velocityY, Float32Array);
      this.interval = wider(this.interval, Float32Array);
      this.offsetX = wider(this.offsetX, Float32Array);
      this.offsetY = wider(this.offsetY, Float32Array);
      this.offsetSince = wider(this.offsetSince, Float64Array);
    }
    this.interval.fill(kIntervalStartMs, this.end, end);
    this.end = end;
  }
}
