// One picture of the fleet: which trucks are in view, their marks, and the buffer that tells which truck is
// under the pointer. Two ways by number in view: turned sprites when few, stamped pixels when many.
import { kKinds, type Palette } from './kinds';
import { kWorld } from './mercator';
import { Sprites } from './sprites';
import { groupCells } from './groups';
import type { FleetState } from './state';
import { kMargin, type View } from './view';

const kSpritesMax = 2_000;
const kScaleMin = 0.55;
const kLabelsMax = 60;
const kLabelsFromZoom = 7;
const kRing = 13;
/** Picking works in cells of this many CSS pixels. */
const kPickCell = 2;
const kPickReachSprite = 5;
const kPickReachStamp = 2;

type Pen = OffscreenCanvasRenderingContext2D;

export interface Scene {
  view: View;
  dpr: number;
  now: number;
  chosen: number | null;
  hovered: number | null;
  hidden: ReadonlySet<number>;
}

export class Painter {
  private canvas = new OffscreenCanvas(1, 1);
  private pen: Pen = this.canvas.getContext('2d')!;
  private image: ImageData | null = null;
  private pixels = new Uint32Array(0);
  private picks = new Uint32Array(0);
  private pickColumns = 0;
  private index = new Uint32Array(0);
  private px = new Float32Array(0);
  private py = new Float32Array(0);
  private kind = new Uint8Array(0);
  private sprites: Sprites;

  /** Trucks within the screen itself, by kind, in the last picture. */
  counts: number[] = kKinds.map(() => 0);

  constructor(private palette: Palette) {
    this.sprites = new Sprites(palette, 1);
  }

  dress(palette: Palette): void {
    this.palette = palette;
    this.sprites = new Sprites(palette, this.sprites.dpr);
  }

  paint(state: FleetState, scene: Scene): ImageBitmap {
    this.resize(scene);
    const n = this.collect(state, scene);
    if (state.cells) this.paintCells(state, scene);
    else if (n <= kSpritesMax) this.paintSprites(state, n, scene);
    else this.paintStamps(n, scene);
    if (scene.hovered !== null && scene.hovered !== scene.chosen) this.ring(state, scene.hovered, scene, 1.5);
    if (scene.chosen !== null) this.ring(state, scene.chosen, scene, 2.5);
    return this.canvas.transferToImageBitmap();
  }

  /** The handle of the truck at a point of the screen (CSS pixels) in the last picture. */
  pick(x: number, y: number): number | null {
    const column = Math.floor((x + kMargin) / kPickCell);
    const row = Math.floor((y + kMargin) / kPickCell);
    if (column < 0 || column >= this.pickColumns || row < 0) return null;
    const found = this.picks[row * this.pickColumns + column] ?? 0;
    return found === 0 ? null : found - 1;
  }

  place(state: FleetState, handle: number, scene: Scene): { x: number; y: number } {
    const { view, now } = scene;
    return {
      x: (state.drawnX(handle, now) / kWorld - view.centreX) * view.worldSize + view.width / 2 + kMargin,
      y: (state.drawnY(handle, now) / kWorld - view.centreY) * view.worldSize + view.height / 2 + kMargin,
    };
  }

  private resize({ view, dpr }: Scene): void {
    const width = Math.max(1, Math.round((view.width + 2 * kMargin) * dpr));
    const height = Math.max(1, Math.round((view.height + 2 * kMargin) * dpr));
    if (this.sprites.dpr !== dpr) this.sprites = new Sprites(this.palette, dpr);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas = new OffscreenCanvas(width, height);
      this.pen = this.canvas.getContext('2d')!;
      this.image = null;
      this.pickColumns = Math.ceil((view.width + 2 * kMargin) / kPickCell);
      this.picks = new Uint32Array(this.pickColumns * Math.ceil((view.height + 2 * kMargin) / kPickCell));
    } else {
      this.pen.setTransform(1, 0, 0, 1, 0, 0);
      this.pen.clearRect(0, 0, width, height);
    }
    this.picks.fill(0);
  }

  // Fills index, px, py and kind with the trucks in the picture; gives how many.
  private collect(state: FleetState, { view, now, hidden }: Scene): number {
    if (this.index.length < state.end) {
      this.index = new Uint32Array(state.alive.length);
      this.px = new Float32Array(state.alive.length);
      this.py = new Float32Array(state.alive.length);
      this.kind = new Uint8Array(state.alive.length);
    }
    const counts = kKinds.map(() => 0);
    const scale = view.worldSize / kWorld;
    const left = view.centreX * view.worldSize - view.width / 2 - kMargin;
    const top = view.centreY * view.worldSize - view.height / 2 - kMargin;
    const width = view.width + 2 * kMargin;
    const height = view.height + 2 * kMargin;
    let n = 0;
    for (let i = 0; i < state.end; i++) {
      if (state.alive[i] === 0) continue;
      const x = state.drawnX(i, now) * scale - left;
      const y = state.drawnY(i, now) * scale - top;
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      const kind = state.kind(i, now);
      const onScreen = x >= kMargin && y >= kMargin && x < width - kMargin && y < height - kMargin;
      if (onScreen) counts[kind]!++;
      if (hidden.has(kind)) continue;
      this.index[n] = i;
      this.px[n] = x;
      this.py[n] = y;
      this.kind[n] = kind;
      n++;
    }
    this.counts = counts;
    return n;
  }

  private paintSprites(state: FleetState, n: number, scene: Scene): void {
    const { dpr } = scene;
    // Pixels between trucks, were they spread evenly: the closer, the smaller they are drawn.
    const spacing = Math.sqrt((scene.view.width * scene.view.height) / Math.max(1, n));
    const scale = Math.min(1, Math.max(kScaleMin, kScaleMin + (spacing - 10) / 120));
    for (let at = 0; at < n; at++) {
      const i = this.index[at]!;
      const x = this.px[at]!;
      const y = this.py[at]!;
      this.sprites.draw(this.pen, this.kind[at]!, state.heading[i]!, x * dpr, y * dpr, scale);
      this.markPick(x, y, i, kPickReachSprite);
    }
    if (n <= kLabelsMax && scene.view.worldSize > 512 * 2 ** kLabelsFromZoom) this.paintLabels(state, n, scene);
  }

  private paintLabels(state: FleetState, n: number, { dpr, chosen }: Scene): void {
    const { pen } = this;
    pen.setTransform(dpr, 0, 0, dpr, 0, 0);
    pen.font = `500 12px ${this.palette.font}`;
    pen.textBaseline = 'middle';
    pen.lineJoin = 'round';
    pen.lineWidth = 3;
    pen.strokeStyle = this.palette.halo;
    pen.fillStyle = this.palette.ink;
    const taken: [number, number][] = [];
    for (let at = 0; at < n; at++) {
      const handle = this.index[at]!;
      const name = state.names.get(handle);
      const x = this.px[at]! + (handle === chosen ? kRing + 6 : kRing);
      const y = this.py[at]!;
      if (!name || taken.some(([tx, ty]) => Math.abs(tx - x) < 70 && Math.abs(ty - y) < 16)) continue;
      taken.push([x, y]);
      pen.strokeText(name, x, y);
      pen.fillText(name, x, y);
    }
  }

  private paintStamps(n: number, { dpr }: Scene): void {
    const { width, height } = this.canvas;
    if (!this.image) {
      this.image = new ImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    } else {
      this.pixels.fill(0);
    }
    const { pixels } = this;
    for (let at = 0; at < n; at++) {
      const stamp = this.sprites.stamps[this.kind[at]!]!;
      const x = Math.round(this.px[at]! * dpr);
      const y = Math.round(this.py[at]! * dpr);
      const { reach, dx, dy, pixel } = stamp;
      if (x < reach || y < reach || x >= width - reach || y >= height - reach) continue;
      const base = y * width + x;
      for (let p = 0; p < pixel.length; p++) pixels[base + dy[p]! * width + dx[p]!] = pixel[p]!;
      this.markPick(this.px[at]!, this.py[at]!, this.index[at]!, kPickReachStamp);
    }
    this.pen.putImageData(this.image, 0, 0);
  }

  private markPick(x: number, y: number, handle: number, reach: number): void {
    const column = Math.floor(x / kPickCell);
    const row = Math.floor(y / kPickCell);
    const rows = this.picks.length / this.pickColumns;
    for (let r = Math.max(0, row - reach); r <= Math.min(rows - 1, row + reach); r++) {
      const from = r * this.pickColumns + Math.max(0, column - reach);
      const to = r * this.pickColumns + Math.min(this.pickColumns - 1, column + reach);
      this.picks.fill(handle + 1, from, to + 1);
    }
  }

  // Where the trucks are, as squares by density, and how many, as counts over larger areas of the world.
  private paintCells(state: FleetState, scene: Scene): void {
    const { view, dpr } = scene;
    const { pen, palette } = this;
    const groups = groupCells(state.cells!, view);
    const most = Math.max(1, ...state.cells!.count);
    pen.setTransform(dpr, 0, 0, dpr, view.width / 2 * dpr + kMargin * dpr, view.height / 2 * dpr + kMargin * dpr);
    const side = view.worldSize / 2 ** state.cells!.zoom;
    pen.fillStyle = palette.accent;
    state.cells!.count.forEach((count, i) => {
      pen.globalAlpha = 0.1 + 0.65 * Math.sqrt(count / most);
      const x = state.cells!.x[i]! * side - view.centreX * view.worldSize;
      const y = state.cells!.y[i]! * side - view.centreY * view.worldSize;
      pen.fillRect(x, y, Math.max(1, side - 1), Math.max(1, side - 1));
    });
    pen.globalAlpha = 1;
    pen.font = `600 12px ${palette.font}`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    let total = 0;
    for (const { x, y, count } of groups) {
      const left = (x - view.centreX) * view.worldSize;
      const top = (y - view.centreY) * view.worldSize;
      if (Math.abs(left) < view.width / 2 && Math.abs(top) < view.height / 2) total += count;
      const text = short(count);
      const width = 16 + 7 * text.length;
      pen.beginPath();
      pen.roundRect(left - width / 2, top - 11, width, 22, 11);
      pen.fillStyle = palette.surface;
      pen.strokeStyle = palette.line;
      pen.lineWidth = 1;
      pen.fill();
      pen.stroke();
      pen.fillStyle = palette.ink;
      pen.fillText(text, left, top + 0.5);
    }
    pen.textAlign = 'left';
    this.counts = kKinds.map(() => 0);
    this.counts[kKinds.indexOf('other')] = total;
  }

  private ring(state: FleetState, handle: number, scene: Scene, width: number): void {
    if (handle >= state.end || state.alive[handle] === 0) return;
    const { x, y } = this.place(state, handle, scene);
    const { pen, palette } = this;
    const { dpr } = scene;
    pen.setTransform(dpr, 0, 0, dpr, 0, 0);
    pen.beginPath();
    pen.arc(x, y, kRing, 0, 2 * Math.PI);
    pen.lineWidth = width + 2.5;
    pen.strokeStyle = palette.halo;
    pen.stroke();
    pen.lineWidth = width;
    pen.strokeStyle = palette.accent;
    pen.stroke();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    this.sprites.draw(pen, state.kind(handle, scene.now), state.heading[handle]!, x * dpr, y * dpr);
  }
}

/** `999`, `1.2k`, `34k`: as wide as a count on the map may be. */
function short(count: number): string {
  if (count < 1_000) return String(count);
  if (count < 10_000) return `${(count / 1_000).toFixed(1)}k`;
  return `${Math.round(count / 1_000)}k`;
}
