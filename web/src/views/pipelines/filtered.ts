// The rows that a model left out, by name: `12 where, 3 duplicate`.
import { formatCount } from '../../format/format';

export function filteredText(filtered: Record<string, number> | null | undefined): string {
  const parts = Object.entries(filtered ?? {}).filter(([, n]) => n > 0);
  return parts.length === 0 ? '0' : parts.map(([name, n]) => `${formatCount(n)} ${name}`).join(', ');
}
