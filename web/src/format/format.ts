// Values to the words a person reads. Times are shown in the viewer's zone; what the server sends is UTC.

const kDash = '–';

/** SQL numbers come as JSON numbers, or as strings where they are too large or exact for one. */
export function toNumber(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  return null;
}

/** Milliseconds since the epoch of a timestamp as the API writes it: RFC 3339, SQL text (UTC), or a number. */
export function toTime(value: unknown): number | null {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return null;
    if (Math.abs(value) > 1e14) return value / 1_000;
    return Math.abs(value) > 1e11 ? value : value * 1_000;
  }
  if (typeof value !== 'string') return null;
  const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(\.\d+)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/.exec(value.trim());
  if (!parts) return null;
  const [, day, clock = '00:00:00', fraction = '', zone = 'Z'] = parts;
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone;
  const time = Date.parse(`${day}T${clock}${fraction.slice(0, 4)}${offset}`);
  return Number.isNaN(time) ? null : time;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export function formatCount(value: unknown): string {
  const n = toNumber(value);
  return n === null ? kDash : whole.format(n);
}

export function formatCompact(value: unknown): string {
  const n = toNumber(value);
  if (n === null) return kDash;
  return Math.abs(n) < 10_000 ? whole.format(n) : compact.format(n);
}

/** A share from 0 to 1. */
export function formatShare(value: unknown): string {
  const n = toNumber(value);
  return n === null ? kDash : `${oneDecimal.format(n * 100)} %`;
}

export function formatBytes(value: unknown): string {
  let n = toNumber(value);
  if (n === null) return kDash;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (n >= 1_000 && unit < units.length - 1) {
    n /= 1_000;
    unit++;
  }
  return `${unit === 0 || n >= 100 ? whole.format(n) : oneDecimal.format(n)} ${units[unit]}`;
}

/** A span of time, two digits that matter: `420 ms`, `3.2 s`, `14 min`, `5 h`, `3 d`. */
export function formatSpan(ms: unknown): string {
  const n = toNumber(ms);
  if (n === null) return kDash;
  const size = Math.abs(n);
  if (size < 1_000) return `${whole.format(n)} ms`;
  if (size < 9_950) return `${oneDecimal.format(n / 1_000)} s`;
  if (size < 90_000) return `${whole.format(n / 1_000)} s`;
  if (size < 90 * 60_000) return `${whole.format(n / 60_000)} min`;
  if (size < 36 * 3_600_000) return `${whole.format(n / 3_600_000)} h`;
  return `${whole.format(n / 86_400_000)} d`;
}

export function formatAgo(time: unknown, now: number): string {
  const at = toTime(time);
  if (at === null) return kDash;
  const age = now - at;
  if (Math.abs(age) < 1_000) return 'just now';
  const span = age < 9_950 && age > -9_950 ? `${whole.format(Math.abs(age) / 1_000)} s` : formatSpan(Math.abs(age));
  return age < 0 ? `in ${span}` : `${span} ago`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayClock = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
});

/** The clock today, with the day otherwise. */
export function formatTime(time: unknown, now: number): string {
  const at = toTime(time);
  if (at === null) return kDash;
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  return (today ? clock : dayClock).format(at);
}

export function formatFull(time: unknown): string {
  const at = toTime(time);
  return at === null ? '' : new Date(at).toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
}

const kPoints = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'];

export function formatHeading(degrees: number | null | undefined): string {
  if (degrees === null || degrees === undefined || !Number.isFinite(degrees)) return kDash;
  return `${kPoints[Math.round(degrees / 45) % 8]} ${Math.round(degrees)}°`;
}

export function formatPlace(lat: unknown, lon: unknown): string {
  const north = toNumber(lat);
  const east = toNumber(lon);
  if (north === null || east === null) return kDash;
  return `${Math.abs(north).toFixed(4)}° ${north < 0 ? 'S' : 'N'}, ${Math.abs(east).toFixed(4)}° ${east < 0 ? 'W' : 'E'}`;
}

/** `out_for_delivery` to `Out for delivery`. */
export function formatWords(name: unknown): string {
  if (typeof name !== 'string' || name === '') return kDash;
  const words = name.replaceAll('_', ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}

export type Format = 'count' | 'compact' | 'share' | 'bytes' | 'span_ms' | 'decimal' | 'text';

export function formatValue(value: unknown, format: Format | undefined): string {
  switch (format) {
    case 'count':
    case undefined:
      return formatCount(value);
    case 'compact':
      return formatCompact(value);
    case 'share':
      return formatShare(value);
    case 'bytes':
      return formatBytes(value);
    case 'span_ms':
      return formatSpan(value);
    case 'decimal': {
      const n = toNumber(value);
      return n === null ? kDash : oneDecimal.format(n);
    }
    case 'text':
      return value === null || value === undefined ? kDash : String(value);
  }
}
