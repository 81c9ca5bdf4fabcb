// Says in words how far the screen is behind the world.
import type { ReactElement } from 'react';
import { useFleetSummary } from '../fleet/store';
import { formatSpan } from '../format/format';
import { useNow } from '../parts/now';
import { useStatus } from '../server/queries';
import { useViewName } from '../url-state';

const kStaleAfterMs = 15_000;

interface Words {
  tone: 'ok' | 'warn' | 'bad';
  text: string;
  help?: string;
}

function useFleetWords(): Words {
  const { connection, behindMs, heardAt, problem } = useFleetSummary();
  const now = useNow();
  const quietMs = heardAt === null ? 0 : Math.max(0, now - heardAt);
  const help = problem ?? undefined;
  if (connection === 'connecting') return { tone: 'warn', text: 'Connecting…', help };
  if (connection === 'reconnecting') {
    const since = heardAt === null ? '' : `, positions are ${formatSpan(quietMs)} old`;
    return { tone: 'bad', text: `Reconnecting${since}`, help };
  }
  if (quietMs > kStaleAfterMs) return { tone: 'ok', text: `Live, no change for ${formatSpan(quietMs)}` };
  if (behindMs === null) return { tone: 'ok', text: 'Live' };
  return {
    tone: behindMs > 30_000 ? 'warn' : 'ok',
    text: `Live, ${behindMs < 950 ? `${(behindMs / 1_000).toFixed(1)} s` : formatSpan(behindMs)} behind`,
    help: 'Median time from a position being measured to it being here, over the last 5 s',
  };
}

function useServerWords(): Words {
  const { error, isPending } = useStatus();
  if (error) return { tone: 'bad', text: 'Not reachable, trying again', help: error.message };
  return isPending ? { tone: 'warn', text: 'Connecting…' } : { tone: 'ok', text: 'Connected' };
}

export function ConnectionState(): ReactElement {
  const onMap = useViewName() === 'map';
  const fleet = useFleetWords();
  const server = useServerWords();
  const { tone, text, help } = onMap ? fleet : server;
  return (
    <p className={`connection connection-${tone}`} title={help}>
      <i aria-hidden="true" />
      <span>{text}</span>
    </p>
  );
}
