// The chosen truck or shipment, beside whatever is on screen. Escape closes it.
import { Package, Truck, X } from 'lucide-react';
import { useEffect, type ReactElement } from 'react';
import { choose, useChosen, type Chosen } from '../../url-state';
import { ShipmentDetails } from './shipment_details';
import { TruckDetails } from './truck_details';
import './drawer.css';

function useEscape(onEscape: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !document.querySelector('dialog[open]')) onEscape();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  });
}

function Panel({ chosen }: { chosen: Chosen }): ReactElement {
  useEscape(() => choose(null));
  const Icon = chosen.kind === 'truck' ? Truck : Package;
  return (
    <aside className="drawer" aria-label={`${chosen.kind} ${chosen.id}`}>
      <header>
        <Icon size={20} aria-hidden="true" />
        <div>
          <p className="muted">{chosen.kind === 'truck' ? 'Truck' : 'Shipment'}</p>
          <h1>{chosen.id}</h1>
        </div>
        <button type="button" className="button-icon" aria-label="Close" onClick={() => choose(null)}>
          <X size={20} aria-hidden="true" />
        </button>
      </header>
      <div className="drawer-body">
        {chosen.kind === 'truck' ? <TruckDetails id={chosen.id} /> : <ShipmentDetails id={chosen.id} />}
      </div>
    </aside>
  );
}

export function Drawer(): ReactElement | null {
  const chosen = useChosen();
  return chosen && <Panel key={`${chosen.kind}/${chosen.id}`} chosen={chosen} />;
}
