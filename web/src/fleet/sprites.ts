// The truck marks, drawn once per kind and heading: large and turned for few trucks, small stamps of
// plain pixels for many.
import { kKinds, type Kind, type Palette } from './kinds';

export const kHeadings = 48;
const kArrowSize = 22;
const kStampSize = 7;

type Pen = OffscreenCanvasRenderingContext2D;

function outline(kind: Kind, pen: Pen, r: number, turned: boolean): void {
  pen.beginPath();
  switch (kind) {
    case 'moving':
      if (!turned) return pen.arc(0, 0, r * 0.8, 0, 2 * Math.PI);
      pen.moveTo(0, -r);
      pen.lineTo(r * 0.72, r * 0.8);
      pen.lineTo(0, r * 0.42);
      pen.lineTo(-r * 0.72, r * 0.8);
      return pen.closePath();
    case 'stopped':
      return pen.rect(-r * 0.62, -r * 0.62, r * 1.24, r * 1.24);
    case 'jammed':
      pen.moveTo(0, -r);
      pen.lineTo(r, 0);
      pen.lineTo(0, r);
      pen.lineTo(-r, 0);
      return pen.closePath();
    case 'broken_down': {
      const a = r * 0.34;
      for (const [x, y] of [
        [-a, -r], [a, -r], [a, -a], [r, -a], [r, a], [a, a],
        [a, r], [-a, r], [-a, a], [-r, a], [-r, -a], [-a, -a],
      ] as const) pen.lineTo(x, y);
      return pen.closePath();
    }
    default:
      return pen.arc(0, 0, r * 0.75, 0, 2 * Math.PI);
  }
}

function mark(pen: Pen, kind: Kind, palette: Palette, r: number, angle: number | null, halo: number): void {
  const colour = palette.kinds[kKinds.indexOf(kind)]!;
  pen.save();
  if (kind === 'broken_down') pen.rotate(Math.PI / 4);
  else if (kind === 'moving' && angle !== null) pen.rotate(angle);
  outline(kind, pen, r, angle !== null);
  pen.lineJoin = 'round';
  pen.strokeStyle = palette.halo;
  pen.lineWidth = halo * 2;
  pen.stroke();
  if (kind === 'silent') {
    pen.fillStyle = palette.halo;
    pen.fill();
    pen.strokeStyle = colour;
    pen.lineWidth = r * 0.45;
    pen.stroke();
  } else {
    pen.fillStyle = colour;
    pen.fill();
  }
  pen.restore();
}

/** Pixels of a small mark: offsets from its centre and colours as ImageData's Uint32. */
export interface Stamp {
  dx: Int8Array;
  dy: Int8Array;
  pixel: Uint32Array;
  reach: number;
}

export class Sprites {
  readonly size: number;
  readonly stamps: Stamp[];
  private readonly sheet: OffscreenCanvas;

  constructor(palette: Palette, readonly dpr: number) {
    this.size = Math.ceil(kArrowSize * dpr);
    this.sheet = new OffscreenCanvas(this.size * (kHeadings + 1), this.size * kKinds.length);
    const pen = this.sheet.getContext('2d')!;
    kKinds.forEach((kind, row) => {
      for (let step = 0; step <= kHeadings; step++) {
        pen.setTransform(dpr, 0, 0, dpr, (step + 0.5) * this.size, (row + 0.5) * this.size);
        const angle = step === kHeadings ? null : (step / kHeadings) * 2 * Math.PI;
        mark(pen, kind, palette, kind === 'moving' ? 8.5 : 6, angle, 1.5);
      }
    });
    this.stamps = kKinds.map((kind) => stampOf(kind, palette, dpr));
  }

  /** Draws at device pixels; `heading` in degrees / 2, 255 unknown. */
  draw(pen: Pen, kind: number, heading: number, x: number, y: number, scale = 1): void {
    const column = heading === 255 ? kHeadings : Math.round((heading * 2 * kHeadings) / 360) % kHeadings;
    const { size } = this;
    const shown = size * scale;
    pen.drawImage(this.sheet, column * size, kind * size, size, size, x - shown / 2, y - shown / 2, shown, shown);
  }
}

function stampOf(kind: Kind, palette: Palette, dpr: number): Stamp {
  const size = Math.round(kStampSize * dpr) | 1;
  const pen = new OffscreenCanvas(size, size).getContext('2d')!;
  pen.translate(size / 2, size / 2);
  mark(pen, kind, palette, (kind === 'moving' ? 2.6 : 2.3) * dpr, null, 0.75 * dpr);
  const pixels = new Uint32Array(pen.getImageData(0, 0, size, size).data.buffer);
  const dx: number[] = [];
  const dy: number[] = [];
  const pixel: number[] = [];
  pixels.forEach((rgba, at) => {
    if (rgba >>> 24 < 128) return;
    dx.push((at % size) - (size >> 1));
    dy.push(Math.floor(at / size) - (size >> 1));
    pixel.push((rgba | 0xff000000) >>> 0);
  });
  return { dx: Int8Array.from(dx), dy: Int8Array.from(dy), pixel: Uint32Array.from(pixel), reach: size >> 1 };
}
