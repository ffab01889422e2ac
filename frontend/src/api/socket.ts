import { ServerEvents } from '@atelier/sdk/contracts';
import { io } from 'socket.io-client';

type Receivers = { [Name in keyof ServerEvents]: (payload: ServerEvents[Name]) => void } & {
  /** The connection stands (again). What was missed meanwhile can be asked for. */
  connected: () => void;
  disconnected: () => void;
};

/** The line on which the server tells what changes. It comes back by itself after an interruption. */
export interface Socket {
  /** Asks for every job that changed after `sequence`; they arrive as `job:changed`. */
  askJobsSince(sequence: number): void;
  /** Tries at once instead of waiting for the next attempt. */
  reconnect(): void;
}

/** Connects to the page's own server. Payloads are checked against the contract before anyone sees them. */
export function connectSocket(receivers: Receivers): Socket {
  const socket = io({ transports: ['websocket', 'polling'], reconnectionDelay: 1000, reconnectionDelayMax: 5000 });
  socket.on('connect', receivers.connected);
  socket.on('disconnect', receivers.disconnected);
  for (const name of Object.keys(ServerEvents) as (keyof ServerEvents)[]) {
    const receive = receivers[name] as (payload: unknown) => void;
    socket.on(name, (payload: unknown) => receive(ServerEvents[name].parse(withBytes(payload))));
  }
  return {
    askJobsSince: (sequence) => socket.emit('jobs:since', { sequence }),
    reconnect: () => socket.connect(),
  };
}

/** socket.io hands bytes to browsers as ArrayBuffer; the contract says Uint8Array. */
function withBytes(payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null) return payload;
  return Object.fromEntries(
    Object.entries(payload).map(([key, value]) => [key, value instanceof ArrayBuffer ? new Uint8Array(value) : value]),
  );
}
