// The search palette (Ctrl/Cmd-K): trucks and shipments by the beginning of their id.
import { Package, Search as SearchIcon, Truck } from 'lucide-react';
import { useDeferredValue, useEffect, useRef, useState, type KeyboardEvent, type ReactElement } from 'react';
import { formatWords } from '../../format/format';
import { useFound, type Found } from '../../server/queries';
import { choose } from '../../url-state';
import './search.css';

const idOf = (found: Found): string => `found-${found.kind}-${found.id.replace(/[^\w-]/g, '_')}`;

function Result({ found, active, onPick, onPoint }: {
  found: Found; active: boolean; onPick: () => void; onPoint: () => void;
}): ReactElement {
  const Icon = found.kind === 'truck' ? Truck : Package;
  const element = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (active) element.current?.scrollIntoView({ block: 'nearest' });
  }, [active]);
  return (
    <li ref={element} id={idOf(found)} role="option" aria-selected={active} onMouseDown={onPick} onMouseMove={onPoint}>
      <Icon size={16} aria-hidden="true" />
      <strong>{found.id}</strong>
      <span className="muted">{found.kind}{found.detail && `, ${formatWords(found.detail).toLowerCase()}`}</span>
    </li>
  );
}

function Outcome({ words, query }: { words: string; query: ReturnType<typeof useFound> }): ReactElement | null {
  if (words === '') return <p className="muted">Type the beginning of a truck or shipment id, for example T- or S-.</p>;
  if (query.error) return <p className="bad">{query.error.message}</p>;
  if (query.isPending) return <p className="muted">Searching…</p>;
  if (query.data?.length === 0 && !query.isPlaceholderData) return <p className="muted">Nothing starts with “{words}”.</p>;
  return null;
}

export function SearchPalette({ onClose }: { onClose: () => void }): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const words = useDeferredValue(text.trim());
  const query = useFound(words);
  const found = words === '' ? [] : (query.data ?? []);
  const active = found[Math.min(at, found.length - 1)];

  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);

  const pick = (one: Found): void => {
    choose({ kind: one.kind, id: one.id });
    onClose();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      if (found.length > 0) setAt((old) => (Math.min(old, found.length - 1) + step + found.length) % found.length);
    }
    if (event.key === 'Enter' && active && !query.isPlaceholderData) pick(active);
  };
  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Search trucks and shipments"
      onClose={onClose}
      onMouseDown={(event) => event.target === dialog.current && onClose()}
    >
      <label className="palette-input">
        <SearchIcon size={20} aria-hidden="true" />
        <input
          autoFocus
          role="combobox"
          aria-expanded={found.length > 0}
          aria-controls="found"
          aria-activedescendant={active ? idOf(active) : undefined}
          aria-label="Truck or shipment id"
          autoComplete="off"
          spellCheck={false}
          placeholder="Truck or shipment id"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
      </label>
      <div className="palette-body">
        <Outcome words={words} query={query} />
        <ul id="found" role="listbox" aria-label="Found">
          {found.map((one, i) => (
            <Result key={idOf(one)} found={one} active={one === active} onPick={() => pick(one)} onPoint={() => setAt(i)} />
          ))}
        </ul>
      </div>
    </dialog>
  );
}
