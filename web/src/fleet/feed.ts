// The fleet's WebSocket: connects, subscribes, connects again with growing pauses.
import { decodeFrame, FrameError, type Frame } from './frames';
import type { Connection } from './messages';

const kPauseMinMs = 500;
const kPauseMaxMs = 8_000;

export interface Subscription {
  bbox: [number, number, number, number];
  budget: number;
}

export class Feed {
  connection: Connection = 'connecting';
  problem: string | null = null;
  private socket: WebSocket | null = null;
  private pauseMs = kPauseMinMs;
  private wanted: Subscription | null = null;

  constructor(
    private readonly url: string,
    private readonly onOpen: () => void,
    private readonly onFrame: (frame: Frame) => void,
    private readonly onChange: () => void,
  ) {
    this.open();
  }

  subscribe(wanted: Subscription): void {
    this.wanted = wanted;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(wanted));
  }

  private open(): void {
    const socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.pauseMs = kPauseMinMs;
      this.set('live', null);
      this.onOpen();
      if (this.wanted) socket.send(JSON.stringify(this.wanted));
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (event.data instanceof ArrayBuffer) this.read(event.data, socket);
    };
    socket.onclose = () => {
      this.set('reconnecting', this.problem);
      const jitter = 0.75 + Math.random() * 0.5;
      setTimeout(() => this.open(), this.pauseMs * jitter);
      this.pauseMs = Math.min(kPauseMaxMs, this.pauseMs * 2);
    };
    this.socket = socket;
  }

  private read(bytes: ArrayBuffer, socket: WebSocket): void {
    try {
      this.onFrame(decodeFrame(bytes));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.problem = error.message;
      socket.close();
    }
  }

  private set(connection: Connection, problem: string | null): void {
    this.connection = connection;
    this.problem = problem;
    this.onChange();
  }
}
