import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { isLoopback, needsCredentials, type Options } from '../command-line.js';
import { CredentialsWrong, HostForbidden, OriginForbidden } from './errors.js';

/**
 * Decides by its headers whether a call may come in, over HTTP or as a socket.
 *
 * - Host must be an address, a loopback name, this machine's name or one that was allowed. A website can make its own
 *   name point here (DNS rebinding), but it cannot choose another name than its own.
 * - Origin, which browsers send and programs do not, must be the page's own.
 * - Credentials, when the server was started with any.
 *
 * @throws HostForbidden, OriginForbidden, CredentialsWrong
 */
export function checkCaller(headers: IncomingHttpHeaders, options: Options): void {
  const { host = '', origin, authorization = '' } = headers;
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase();
  if (!isOurName(name, options)) throw new HostForbidden(name);
  if (origin !== undefined && !isSameHost(origin, host)) throw new OriginForbidden(origin);
  if (needsCredentials(options) && !isKnown(authorization, options)) throw new CredentialsWrong();
}

function isOurName(name: string, { host, allowedHosts }: Options): boolean {
  const isReachable = !isLoopback(host);
  return (
    isLoopback(name) ||
    name === host ||
    allowedHosts.includes(name) ||
    (isReachable && (isIP(name) !== 0 || name === hostname().toLowerCase()))
  );
}

function isSameHost(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

/** A token counts as bearer token, and as the password of any name, so that a browser can ask for it. */
function isKnown(authorization: string, { credentials: { user, tokens } }: Options): boolean {
  const [, scheme, value] = /^(basic|bearer) +(\S+)$/i.exec(authorization) ?? [];
  if (scheme === undefined) return false;
  if (scheme.toLowerCase() === 'bearer') return isAnyOf(value, tokens);
  const text = Buffer.from(value, 'base64').toString('utf8');
  const isUser = user !== undefined && isEqual(text, `${user.name}:${user.password}`);
  const isToken = isAnyOf(text.slice(text.indexOf(':') + 1), tokens);
  return isUser || isToken;
}

function isAnyOf(given: string, wanted: readonly string[]): boolean {
  return wanted.map((word) => isEqual(given, word)).includes(true);
}

/** In a time that does not depend on where the texts differ. */
function isEqual(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
