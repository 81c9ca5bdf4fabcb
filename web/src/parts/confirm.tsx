// A question before something is done. The browser's own dialog keeps the focus inside.
import { useEffect, useRef, type ReactElement, type ReactNode } from 'react';

export function Confirm({ title, action, children, onConfirm, onCancel }: {
  title: string; action: string; children: ReactNode; onConfirm: () => void; onCancel: () => void;
}): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="confirm-title" onClose={onCancel}>
      <h2 id="confirm-title">{title}</h2>
      <p className="muted">{children}</p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onCancel}>Cancel</button>
        <button type="button" className="button button-main" onClick={onConfirm}>{action}</button>
      </div>
    </dialog>
  );
}
