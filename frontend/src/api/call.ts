import {
  AppError,
  type Endpoint,
  ErrorReport,
  type InputOf,
  ReportedError,
  type ReplyOf,
  callExtensionRoute,
} from '@atelier/sdk/contracts';
import type { z } from 'zod';

type AnyEndpoint = Endpoint<z.ZodType, z.ZodType, z.ZodType, z.ZodType>;
type Values = Record<string, unknown>;

/** Nothing listens at the page's own address, or the way there is cut. */
export class ServerUnreachable extends AppError {
  readonly code = 'server-unreachable';
  override readonly kind = 'unavailable';
  constructor(cause: unknown) {
    super('The Atelier server does not answer.', 'Look whether it still runs; the page reconnects by itself.', { cause });
  }
}

/** Something other than our server answered. */
class UnexpectedReply extends AppError {
  readonly code = 'unexpected-reply';
  override readonly kind = 'internal';
  constructor(status: number, path: string, cause?: unknown) {
    super(`The answer to ${path} (HTTP ${status}) was not understood.`, 'Is another program between the page and the server?', { cause });
  }
}

/**
 * Calls an endpoint: `await call(cancelJob, { id, keep: true })`. Path parameters, query and body are told apart by the
 * contract.
 *
 * @throws ReportedError with the server's code, message and hint; ServerUnreachable when nothing answers.
 */
export async function call<E extends AnyEndpoint>(endpoint: E, input: InputOf<E>, signal?: AbortSignal): Promise<ReplyOf<E>> {
  const rest: Values = { ...(input as Values) };
  const path = endpoint.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(take(rest, name))));
  const query = new URLSearchParams();
  for (const name of namesOf(endpoint.query)) {
    const value = take(rest, name);
    if (value !== undefined) query.set(name, String(value));
  }
  const body = endpoint.body ? rest : undefined;
  const reply = await send(endpoint.method, query.size > 0 ? `${path}?${query}` : path, body, signal);
  const parsed = endpoint.reply.safeParse(reply);
  if (!parsed.success) throw new UnexpectedReply(200, path, parsed.error);
  return parsed.data as ReplyOf<E>;
}

/** Calls a route of an extension. What goes in and comes out is the extension's own matter. */
export function callRoute(extension: string, route: string, input: unknown): Promise<unknown> {
  const { method, path } = callExtensionRoute;
  return send(method, path.replace(':id', encodeURIComponent(extension)).replace(':route', encodeURIComponent(route)), input ?? {});
}

async function send(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
  const response = await fetch(path, {
    method,
    signal,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw signal?.aborted ? cause : new ServerUnreachable(cause);
  });
  const reply: unknown = await response.json().catch((cause: unknown) => {
    throw new UnexpectedReply(response.status, path, cause);
  });
  if (response.ok) return reply;
  const report = ErrorReport.partial({ kind: true, hint: true }).safeParse(reply);
  if (!report.success) throw new UnexpectedReply(response.status, path, reply);
  throw new ReportedError({ kind: 'internal', hint: '', ...report.data });
}

function namesOf(schema: z.ZodType | undefined): string[] {
  return schema && 'shape' in schema ? Object.keys(schema.shape as object) : [];
}

function take(values: Values, name: string): unknown {
  const value = values[name];
  delete values[name];
  return value;
}
