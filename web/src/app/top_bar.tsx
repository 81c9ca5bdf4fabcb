// Name, search, how live the page is, dark or light.
import { Moon, Search, Sun } from 'lucide-react';
import type { ReactElement } from 'react';
import { useStatus } from '../server/queries';
import { setTheme, useTheme } from '../theme';
import { ConnectionState } from './connection_state';

export function TopBar({ onSearch }: { onSearch: () => void }): ReactElement {
  const theme = useTheme();
  const project = useStatus().data?.project;
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <header className="top-bar">
      <p className="brand">
        <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" fill="var(--accent-fill)" />
          <path d="M6 10l4.5 13L16 12l5.5 11L26 10" fill="none" stroke="#fff" strokeWidth="3" strokeLinecap="round" strokeLinejoin="round" />
        </svg>
        <strong>Waybill</strong>
        {project && <span className="muted brand-project">{project}</span>}
      </p>
      <button type="button" className="search-box" onClick={onSearch} aria-keyshortcuts="Control+K Meta+K">
        <Search size={16} aria-hidden="true" />
        <span>Search a truck or shipment</span>
        <kbd aria-hidden="true">Ctrl K</kbd>
      </button>
      <ConnectionState />
      <button
        type="button"
        className="button-icon"
        aria-label={`Use ${other} colours`}
        title={`Use ${other} colours`}
        onClick={() => setTheme(other)}
      >
        {theme === 'dark' ? <Sun size={20} aria-hidden="true" /> : <Moon size={20} aria-hidden="true" />}
      </button>
    </header>
  );
}
