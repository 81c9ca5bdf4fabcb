// The binary frames of GET /v1/fleet/feed, as docs/http-api.md lays them out: bytes to values.

export const kMagic = 0x4257;
export const kVersion = 1;
/** Rows in one frame that are believed; a larger count is a broken frame, not a large fleet. */
export const kRowsMax = 1 << 22;

export interface TrucksFrame {
  kind: 'trucks';
  serverTimeMs: number;
  snapshot: boolean;
  handle: Uint32Array;
  x: Uint32Array;
  y: Uint32Array;
  /** 0.1 km/h */
  speed: Uint16Array;
  /** Degrees / 2; 255 unknown. */
  heading: Uint8Array;
  status: Uint8Array;
  /** Server time minus event time, ms. */
  age: Uint32Array;
}
export interface NamesFrame {
  kind: 'names';
  serverTimeMs: number;
  names: [handle: number, name: string][];
}
export interface CellsFrame {
  kind: 'cells';
  serverTimeMs: number;
  /** x and y are columns and rows of the world cut into 2^zoom by 2^zoom. */
  zoom: number;
  x: Uint32Array;
  y: Uint32Array;
  count: Uint32Array;
}
export interface StatusesFrame {
  kind: 'statuses';
  serverTimeMs: number;
  statuses: string[];
}
export interface GoneFrame {
  kind: 'gone';
  serverTimeMs: number;
  handle: Uint32Array;
}
export type Frame = TrucksFrame | NamesFrame | CellsFrame | StatusesFrame | GoneFrame;

export class FrameError extends Error {}

class Reader {
  private readonly view: DataView;
  private at = 0;

  constructor(private readonly buffer: ArrayBuffer) {
    this.view = new DataView(buffer);
  }

  private take(bytes: number): number {
    const start = this.at;
    if (start + bytes > this.buffer.byteLength) {
      throw new FrameError(`frame cut short: ${bytes} bytes wanted at ${start} of ${this.buffer.byteLength}`);
    }
    this.at += bytes;
    return start;
  }
  u8 = (): number => this.view.getUint8(this.take(1));
  u16 = (): number => this.view.getUint16(this.take(2), true);
  u32 = (): number => this.view.getUint32(this.take(4), true);
  i64 = (): number => Number(this.view.getBigInt64(this.take(8), true));
  rows(): number {
    const n = this.u32();
    if (n > kRowsMax) throw new FrameError(`frame of ${n} rows is more than ${kRowsMax}`);
    return n;
  }
  // A column may start at any byte, typed arrays only at multiples of their width: hence the copy.
  private column(n: number, width: number): ArrayBuffer {
    const start = this.take(n * width);
    return this.buffer.slice(start, start + n * width);
  }
  u8s = (n: number): Uint8Array => new Uint8Array(this.column(n, 1));
  u16s = (n: number): Uint16Array => new Uint16Array(this.column(n, 2));
  u32s = (n: number): Uint32Array => new Uint32Array(this.column(n, 4));
  text(): string {
    const length = this.u8();
    return new TextDecoder().decode(new Uint8Array(this.column(length, 1)));
  }
  end(): void {
    const left = this.buffer.byteLength - this.at;
    if (left !== 0) throw new FrameError(`frame has ${left} bytes after its end`);
  }
}

function readTrucks(reader: Reader, serverTimeMs: number): TrucksFrame {
  const flags = reader.u8();
  const n = reader.rows();
  return {
    kind: 'trucks',
    serverTimeMs,
    snapshot: (flags & 1) !== 0,
    handle: reader.u32s(n),
    x: reader.u32s(n),
    y: reader.u32s(n),
    speed: reader.u16s(n),
    heading: reader.u8s(n),
    status: reader.u8s(n),
    age: reader.u32s(n),
  };
}

function readNames(reader: Reader, serverTimeMs: number): NamesFrame {
  const names: [number, string][] = [];
  for (let left = reader.rows(); left > 0; left--) names.push([reader.u32(), reader.text()]);
  return { kind: 'names', serverTimeMs, names };
}

function readCells(reader: Reader, serverTimeMs: number): CellsFrame {
  const zoom = reader.u8();
  const n = reader.rows();
  return { kind: 'cells', serverTimeMs, zoom, x: reader.u32s(n), y: reader.u32s(n), count: reader.u32s(n) };
}

function readStatuses(reader: Reader, serverTimeMs: number): StatusesFrame {
  const statuses: string[] = [];
  for (let left = reader.u8(); left > 0; left--) statuses.push(reader.text());
  return { kind: 'statuses', serverTimeMs, statuses };
}

/** One frame; throws FrameError on bytes that are none. */
export function decodeFrame(buffer: ArrayBuffer): Frame {
  const reader = new Reader(buffer);
  const magic = reader.u16();
  if (magic !== kMagic) throw new FrameError(`frame starts with 0x${magic.toString(16)}, not 0x4257`);
  const version = reader.u8();
  if (version !== kVersion) throw new FrameError(`frame of version ${version}; this page reads ${kVersion}: reload it`);
  const kind = reader.u8();
  const serverTimeMs = reader.i64();
  let frame: Frame;
  switch (kind) {
    case 1:
      frame = readTrucks(reader, serverTimeMs);
      break;
    case 2:
      frame = readNames(reader, serverTimeMs);
      break;
    case 3:
      frame = readCells(reader, serverTimeMs);
      break;
    case 4:
      frame = readStatuses(reader, serverTimeMs);
      break;
    case 5:
      frame = { kind: 'gone', serverTimeMs, handle: reader.u32s(reader.rows()) };
      break;
    default:
      throw new FrameError(`frame of unknown kind ${kind}`);
  }
  reader.end();
  return frame;
}
