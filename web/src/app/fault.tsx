// Catches what breaks inside a view, so that the frame around it stays usable.
import { Component, type ReactNode } from 'react';
import { Failed } from '../parts/states';

export class Fault extends Component<{ children: ReactNode }, { error: unknown }> {
  state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return (
      <div className="page">
        <Failed error={this.state.error} retry={() => location.reload()} />
      </div>
    );
  }
}
