import { AppError } from '@atelier/sdk';

/** The body of a request is something else than JSON. */
export class BodyNotJson extends AppError {
  readonly code = 'body-not-json';
  constructor(what: string, cause?: unknown) {
    super(`The request's body is not JSON: ${what}.`, 'Send JSON, with the header "Content-Type: application/json".', { cause });
  }
}

export class BodyTooLarge extends AppError {
  readonly code = 'body-too-large';
  override readonly kind = 'too-large';
  constructor(limitBytes: number) {
    super(`The request's body is larger than ${limitBytes} bytes.`, 'Send less in one request.');
  }
}

/** Called by a name that is not ours: what a page does whose own name was made to point at this machine. */
export class HostForbidden extends AppError {
  readonly code = 'host-forbidden';
  override readonly kind = 'forbidden';
  constructor(host: string) {
    super(
      `This server is not called "${host}".`,
      'Use the address that it printed at its start. To call it by this name, start it with --allow-host.',
    );
  }
}

/** Another website tries to use the server through someone's browser. */
export class OriginForbidden extends AppError {
  readonly code = 'origin-forbidden';
  override readonly kind = 'forbidden';
  constructor(origin: string) {
    super(`Pages of ${origin} may not use this server.`, 'Only the server’s own page may. Programs should send no Origin header.');
  }
}

export class CredentialsWrong extends AppError {
  readonly code = 'credentials-wrong';
  override readonly kind = 'unauthorized';
  constructor() {
    super(
      'This server asks who you are, and the answer was missing or wrong.',
      'Send the name and password (Basic) or a token (Bearer) it was started with.',
    );
  }
}

export class AddressNotFound extends AppError {
  readonly code = 'address-not-found';
  override readonly kind = 'not-found';
  constructor(method: string, path: string) {
    super(`There is nothing at ${method} ${path}.`, 'GET /api/docs lists what there is.');
  }
}

export class PageNotBuilt extends AppError {
  readonly code = 'page-not-built';
  override readonly kind = 'unavailable';
  constructor(folder: string) {
    super(
      `The page is not built: there is no index.html in ${folder}.`,
      'Run "npm run build", then reload. The API at /api works without it.',
    );
  }
}

export class PortTaken extends AppError {
  readonly code = 'port-in-use';
  override readonly kind = 'conflict';
  constructor(port: number, cause: unknown) {
    super(`Port ${port} is in use by another program, perhaps by another Atelier.`, `Start with another one: --port ${port + 1}.`, {
      cause,
    });
  }
}

/** The address of --listen or --port cannot be listened on, for another reason than that it is taken. */
export class CannotListen extends AppError {
  readonly code = 'cannot-listen';
  constructor(host: string, port: number, cause: Error) {
    super(`Cannot listen on ${host}, port ${port}: ${cause.message}.`, 'Choose another address or port with --listen and --port.', {
      cause,
    });
  }
}

export class ExtensionNotFound extends AppError {
  readonly code = 'extension-not-found';
  override readonly kind = 'not-found';
  constructor(id: string, known: readonly string[]) {
    super(`There is no extension "${id}".`, `The extensions are: ${known.join(', ') || 'none'}.`);
  }
}

export class ExtensionRouteNotFound extends AppError {
  readonly code = 'extension-route-not-found';
  override readonly kind = 'not-found';
  constructor(id: string, route: string, known: readonly string[]) {
    super(
      `Extension "${id}" has no route "${route}".`,
      known.length > 0 ? `Its routes are: ${known.join(', ')}.` : 'It has no routes now; the Extensions tab shows its state.',
    );
  }
}
