import { Component } from "react";
import type { ReactNode } from "react";

interface Props {
  text: string;
  action: string;
  children: ReactNode;
}

/** Stands in for a page that failed to draw, with the way out. Drafts and what is being sent are kept by the browser. */
export class Trouble extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="spin-page">
        <div className="empty-state" role="alert">
          <strong>{this.props.text}</strong>
          <button type="button" onClick={() => location.reload()}>
            {this.props.action}
          </button>
        </div>
      </main>
    );
  }
}
