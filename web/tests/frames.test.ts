import { describe, expect, test } from 'vitest';
import { decodeFrame, FrameError } from '../src/fleet/frames';

/** Bytes from hex with spaces, as a server would send them. */
function bytes(hex: string): ArrayBuffer {
  const digits = hex.replace(/\s/g, '');
  const out = new Uint8Array(digits.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return out.buffer;
}

// magic, version, kind; then 1 700 000 000 000 ms.
const head = (kind: string): string => `5742 01 ${kind} 0068e5cf8b010000`;

const trucks = `${head('01')} 01 02000000
  07000000 09000000
  00000080 ffffffff
  00000040 01000000
  2303 0000
  2d ff
  00 03
  e8030000 00000000`;

describe('a frame', () => {
  test('of trucks gives its columns and the snapshot flag', () => {
    const frame = decodeFrame(bytes(trucks));
    expect(frame).toMatchObject({ kind: 'trucks', serverTimeMs: 1_700_000_000_000, snapshot: true });
    if (frame.kind !== 'trucks') throw new Error('kind');
    expect([...frame.handle]).toEqual([7, 9]);
    expect([...frame.x]).toEqual([2 ** 31, 2 ** 32 - 1]);
    expect([...frame.y]).toEqual([2 ** 30, 1]);
    expect([...frame.speed]).toEqual([803, 0]);
    expect([...frame.heading]).toEqual([45, 255]);
    expect([...frame.status]).toEqual([0, 3]);
    expect([...frame.age]).toEqual([1_000, 0]);
  });

  test('of names gives handles with UTF-8 names', () => {
    const frame = decodeFrame(bytes(`${head('02')} 02000000 01000000 03 542d31 02000000 03 c5816f`));
    expect(frame).toMatchObject({ kind: 'names', names: [[1, 'T-1'], [2, 'Ło']] });
  });

  test('of cells gives the zoom and the counts', () => {
    const frame = decodeFrame(bytes(`${head('03')} 05 01000000 10000000 0b000000 2a000000`));
    if (frame.kind !== 'cells') throw new Error('kind');
    expect([frame.zoom, frame.x[0], frame.y[0], frame.count[0]]).toEqual([5, 16, 11, 42]);
  });

  test('of statuses gives them in order', () => {
    expect(decodeFrame(bytes(`${head('04')} 02 06 6d6f76696e67 01 78`))).toMatchObject({ statuses: ['moving', 'x'] });
  });

  test('of trucks that left gives their handles', () => {
    const frame = decodeFrame(bytes(`${head('05')} 02000000 03000000 05000000`));
    if (frame.kind !== 'gone') throw new Error('kind');
    expect([...frame.handle]).toEqual([3, 5]);
  });

  test('without trucks is a frame', () => {
    expect(decodeFrame(bytes(`${head('01')} 00 00000000`))).toMatchObject({ snapshot: false });
  });

  test('that is cut short anywhere is refused', () => {
    const whole = bytes(trucks);
    for (let length = 0; length < whole.byteLength; length++) {
      expect(() => decodeFrame(whole.slice(0, length)), `${length} bytes`).toThrow(FrameError);
    }
  });

  test.each([
    ['with another magic', `5842 01 05 0068e5cf8b010000 00000000`, /0x4258/],
    ['of a version to come', `5742 02 05 0068e5cf8b010000 00000000`, /version 2/],
    ['of an unknown kind', `${head('09')}`, /unknown kind 9/],
    ['that claims more rows than any fleet has', `${head('05')} ffffffff`, /4294967295 rows/],
    ['with bytes after its end', `${head('05')} 00000000 00`, /1 bytes after/],
  ])('%s is refused by name', (_, hex, message) => {
    expect(() => decodeFrame(bytes(hex))).toThrow(message);
  });
});
